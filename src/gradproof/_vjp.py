"""``function.vjp``: the output, and the pass back, whatever the library."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gradproof import backends
from gradproof._errors import InputError
from gradproof._pull_back import check_unwritten
from gradproof._rule import CallSpec

if TYPE_CHECKING:
    from gradproof._function import Function


def vjp(
    function: Function[..., Any],
    inputs: Sequence[Any],
    options: Mapping[str, Any],
    *,
    at_once: bool,
) -> tuple[Any, Callable[..., Any]]:
    """See ``Function.vjp``; ``at_once`` where the pullback is called once, and now."""
    bound, chosen = function.bind(inputs, options)
    backend = backends.of(function, bound)
    positions = [i for i, v in enumerate(bound) if backend.is_differentiable(v)]
    if not positions:
        raise _nothing_to_differentiate(function, "input")

    def checked(output: Any) -> Any:
        outputs = output if isinstance(output, tuple) else (output,)
        if not any(map(backend.is_differentiable, outputs)):
            raise _nothing_to_differentiate(function, "output")
        return output

    pull: Callable[[Any], Sequence[Any]]
    if backend.autodiff is None:
        output, pull = _by_hand(function, backend, bound, chosen, at_once)
        checked(output)
    else:
        output, pull = backends.differentiate(
            backend,
            lambda *arrays: checked(backend.call(function, arrays, chosen)),
            bound,
            positions,
        )
        if not at_once:
            pull = _watching(function, backend, bound, chosen, output, pull)

    def pullback(grad_output: Any = None) -> Any:
        incoming = backends.incoming(backend, function, output, grad_output)
        return function._gradients(*pull(incoming))

    return output, pullback


def _by_hand(
    function: Function[..., Any],
    backend: backends.Backend,
    inputs: Sequence[Any],
    options: dict[str, Any],
    at_once: bool,
) -> tuple[Any, Callable[[Any], Sequence[Any]]]:
    """The output and the pass back through the rules, without any autodiff."""
    key = "forward wrote nothing"
    fingerprint = None if key in function.cache else backend.fingerprint
    ran = function.run(inputs, options, fingerprint=fingerprint)
    function.cache[key] = True
    call = CallSpec.of(backend, inputs, ran.output)
    values = {**function.keep(function.needed(call), inputs, ran), **options}
    before = None if at_once else backend.fingerprint(values)

    def pull(grad_output: Any) -> Sequence[Any]:
        if before is not None:
            check_unwritten(function, backend, before, values)
        return function.pull_back(backend, grad_output, values, call)

    return ran.output, pull


def _watching(
    function: Function[..., Any],
    backend: backends.Backend,
    inputs: Sequence[Any],
    options: Mapping[str, Any],
    output: Any,
    pull: Callable[[Any], Sequence[Any]],
) -> Callable[[Any], Sequence[Any]]:
    """An autodiff's pullback, which raises where what it needs was written to since."""
    needed = function.needed(CallSpec.of(backend, inputs, output))
    given = zip(function.inputs, inputs, strict=True)
    values = {name: value for name, value in given if name in needed} | dict(options)
    before = backend.fingerprint(values)

    def watched(grad_output: Any) -> Sequence[Any]:
        check_unwritten(function, backend, before, values)
        return pull(grad_output)

    return watched


def _nothing_to_differentiate(function: Function[..., Any], what: str) -> InputError:
    return InputError(
        f"{function.__name__}: there is nothing to differentiate: "
        f"no {what} is a floating array of NumPy, torch or JAX"
    )
