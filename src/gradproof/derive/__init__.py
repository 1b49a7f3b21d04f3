"""Derive: the backward of a function, written out as source.

The pipeline, each a file or a folder here:

    trace      run the forward on tracers, and write down what it does
    transpose  every operation's rule, last operation first
    simplify   a table of rewrites; a verifier runs after each phase
    emit       the same program in NumPy, torch, JAX, LaTeX or Markdown
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gradproof._errors import DeriveError, InputError

if TYPE_CHECKING:  # the front page imports this file, and must stay light
    from gradproof.derive.derivation import Derivation
    from gradproof.derive.ir import Type


def derive(
    f: Callable[..., Any],
    *examples: Any,
    wrt: str | Sequence[str] | None = None,
    **options: Any,
) -> Derivation:
    """The backward of a function, as source and to run.

    Args:
        f: a function of arrays, in NumPy's names, torch's or the array API's; a
            ``gp.function`` too, of which the forward is derived.
        *examples: one for each positional parameter: arrays of NumPy, torch or JAX.
            Their shapes and dtypes count; the result is run on their values once, to
            prove it. What is no array is a constant.
        wrt: names of the inputs to differentiate in; by default every floating one.
        **options: keyword-only arguments of ``f``, constants.

    Returns:
        A Derivation: ``source(to)``, ``gradients``, ``function``, ``saved``.

    Raises:
        DeriveError: for what cannot be traced or has no rule, at the line of ``f``.
        InputError: where examples or names in ``wrt`` do not fit ``f``.
    """
    from gradproof._derived import library_of, written_in
    from gradproof.derive.axes import resized
    from gradproof.derive.derivation import Derivation
    from gradproof.derive.proof import prove
    from gradproof.derive.trace import called, trace

    forward = getattr(f, "forward", None) if hasattr(f, "rules") else f
    if hasattr(forward, "parameters") and hasattr(forward, "forward"):
        raise InputError(
            f"{type(f).__name__} is a module: derive its forward, with the parameters "
            "that count as inputs, gp.derive(lambda x, weight: ..., x, weight)"
        )
    if not callable(forward):
        raise InputError(f"gp.derive takes a function, not a {type(f).__name__}")
    given = bind(forward, examples, options)
    options = {name: v for name, v in options.items() if name not in given}
    _refuse_containers(called(forward), given)
    types = {name: type_of(value) for name, value in given.items()}
    library = written_in(forward) or library_of(examples) or "numpy"
    inputs = {n: t if t is not None else given[n] for n, t in types.items()}
    program = trace(forward, inputs, options, library=library)
    names = [v.name or "" for v in program.inputs if v.is_differentiable]
    derivation = Derivation(
        f,
        program,
        chosen(program.name, names, wrt),
        lambda sizes: trace(forward, resized(inputs, sizes), options, library=library),
    )
    try:
        prove(derivation, forward, given, options)
    except (DeriveError, InputError):
        raise
    except Exception as error:
        raise DeriveError(
            f"{program.name}: what was derived does not run on these examples "
            f"({type(error).__name__}: {error}): if {program.name} itself does, that "
            "is a mistake of gradproof's own"
        ) from error
    return derivation


def bind(
    f: Callable[..., Any], examples: Sequence[Any], options: dict[str, Any]
) -> dict[str, Any]:
    """The positional arguments by name, defaults filled in."""
    from gradproof.derive.trace import called

    name = called(f)
    try:
        signature = inspect.signature(f)
    except ValueError:
        raise InputError(
            f"{name} is not written in Python: derive a function that calls it, "
            f"def f(x): return {name}(x)"
        ) from None
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL:
            raise DeriveError(
                f"{name} takes *{parameter.name}: give every array a name of its own"
            )
    try:
        bound = signature.bind(*examples, **options)
    except TypeError as error:
        raise InputError(
            f"{name}{signature} does not take these examples: {error}"
        ) from None
    bound.apply_defaults()
    positional = [
        p.name
        for p in signature.parameters.values()
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    return {key: bound.arguments[key] for key in positional}


def _refuse_containers(name: str, given: Mapping[str, Any]) -> None:
    for key, value in given.items():
        inside = value.values() if isinstance(value, dict) else value
        if isinstance(value, dict | list | tuple) and any(
            type_of(one) is not None for one in inside
        ):
            raise InputError(
                f"{name}: {key} is a {type(value).__name__} of arrays: pass each "
                "array as an input of its own"
            )


def type_of(value: Any) -> Type | None:
    """Shape and dtype of an array; None for what is no array."""
    import numpy as np

    from gradproof.derive.ir import Type

    if isinstance(value, bool | int | float | complex) or not hasattr(value, "dtype"):
        return None
    dtype = str(value.dtype).removeprefix("torch.")
    try:
        np.dtype(dtype)
    except TypeError:
        dtype = "float32"  # bfloat16 and its kin, which NumPy does not know
    return Type(tuple(map(int, value.shape)), dtype)


def chosen(
    name: str, names: Sequence[str], wrt: str | Sequence[str] | None
) -> Sequence[str]:
    """The inputs to differentiate in.

    Raises:
        InputError: for one that is not there or not floating, or where there is none.
    """
    if wrt is None:
        if not names:
            raise InputError(f"{name}: no example is a floating array")
        return names
    if not isinstance(wrt, str | list | tuple):
        raise InputError(f"wrt= takes names of inputs, not {wrt!r}")
    wanted = [wrt] if isinstance(wrt, str) else list(wrt)
    for one in wanted:
        if one not in names:
            raise InputError(
                f"{name} cannot be differentiated in {one!r}: "
                f"its floating inputs are {', '.join(names) or 'none'}"
            )
    return [n for n in names if n in wanted]
