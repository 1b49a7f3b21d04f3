"""``gp.grad`` and ``gp.value_and_grad``: gradients of functions of NumPy arrays."""

from __future__ import annotations

import functools
from collections import namedtuple
from collections.abc import Callable, Sequence
from typing import Any

from gradproof._derived import library_of
from gradproof._errors import InputError
from gradproof._watched import watched
from gradproof.derive import bind, derive


def value_and_grad(
    f: Callable[..., Any], wrt: str | Sequence[str] | None = None
) -> Callable[..., Any]:
    """A function that gives the value of ``f`` and its gradients.

    Derived at the first call with inputs of some shapes and dtypes, and kept.

    Args:
        f: a function of NumPy arrays that returns a single number.
        wrt: names of the inputs to differentiate in; by default every floating one.

    Returns:
        A function like ``f`` that returns ``(value, gradients)``: the gradients by
        input name, a named tuple, or the one array where ``wrt`` is a single name.

    Raises:
        DeriveError: for what cannot be derived.
        InputError: where the output is no single number, or an input no NumPy array
            or number.
    """
    from numpy import ndarray  # the front page imports this file

    derived: dict[Any, Callable[..., Any]] = {}
    outside: Callable[[], Any] | None = None

    @functools.wraps(f)
    def with_gradients(*inputs: Any, **options: Any) -> Any:
        nonlocal outside
        if outside is None:  # what it reads may be defined after it
            outside = watched(f)
        if options:
            given = bind(f, inputs, options)  # inputs may come by name
            rest = {n: v for n, v in options.items() if n not in given}
            return _derived(f, wrt, tuple(given.values()), rest)(*given.values())
        key: Any = tuple(
            (x.shape, x.dtype) if type(x) is ndarray else _key(x) for x in inputs
        )
        if outside is not tuple:
            key = (key, outside())
        run = derived.get(key)
        if run is None:
            run = derived[key] = _derived(f, wrt, inputs, {})
        return run(*inputs)

    return with_gradients


def grad(
    f: Callable[..., Any], wrt: str | Sequence[str] | None = None
) -> Callable[..., Any]:
    """A function that gives the gradients of ``f``; as ``value_and_grad`` otherwise."""
    both = value_and_grad(f, wrt)

    @functools.wraps(f)
    def gradients(*inputs: Any, **options: Any) -> Any:
        return both(*inputs, **options)[1]

    return gradients


def _key(value: Any) -> Any:
    if hasattr(value, "dtype"):
        return (tuple(value.shape), str(value.dtype))
    return (type(value), value if value.__hash__ else repr(value))


def _refuse(name: str, inputs: Sequence[Any]) -> None:
    elsewhere = {"torch": "torch.func.grad", "jax": "jax.grad"}
    library = library_of(inputs)
    if library in elsewhere:
        raise InputError(
            f"gp.grad({name}) takes NumPy arrays, and was given {library}'s: "
            f"use {elsewhere[library]}, or gp.derive for source to read"
        )
    for position, value in enumerate(inputs):
        if isinstance(value, list | tuple | dict):
            raise InputError(
                f"gp.grad({name}): input {position} is a {type(value).__name__}: "
                "pass each array as an input of its own"
            )


def _derived(
    f: Any, wrt: Any, inputs: Sequence[Any], options: dict[str, Any]
) -> Callable[..., Any]:
    import numpy as np

    name = getattr(f, "__name__", type(f).__name__)
    _refuse(name, inputs)
    arrays = [np.asarray(x) if isinstance(x, float) else x for x in inputs]
    derivation = derive(f, *arrays, wrt=wrt, **options)
    if not derivation.is_scalar:
        shape = [v.shape for v in derivation.program.outputs]
        raise InputError(
            f"{name} returns an array of shape {shape[0]}, not a single number: "
            "gp.grad needs one; gp.derive takes a grad_output"
        )
    run = derivation.module("numpy")[f"{derivation.program.name}_and_gradients"]
    given = list(bind(f, arrays, options))
    places = [given.index(v.name or "") for v in derivation.program.inputs]
    all_arrays = places == list(range(len(inputs)))
    if isinstance(wrt, str):

        def one(*xs: Any) -> Any:
            value, gradients = run(*(xs if all_arrays else [xs[i] for i in places]))
            return value, gradients[0]

        return one
    kind: Any = namedtuple("Gradients", derivation.wrt)  # type: ignore[misc]
    make = kind._make

    def several(*xs: Any) -> Any:
        value, gradients = run(*(xs if all_arrays else [xs[i] for i in places]))
        return value, make(gradients)

    return several
