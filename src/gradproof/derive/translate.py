"""A forward in another library's names: traced in its own, emitted in the other's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gradproof._save import collect
from gradproof.derive import bind, forms, type_of
from gradproof.derive.emit.forward import emit
from gradproof.derive.trace import trace
from gradproof.derive.tracer import Tracer

if TYPE_CHECKING:
    from gradproof._function import Function


def translate(
    function: Function[..., Any],
    inputs: Sequence[Any],
    options: Mapping[str, Any],
    *,
    to: str,
) -> Callable[..., tuple[Any, dict[str, Any]]]:
    """The forward for arrays of another library.

    Args:
        function: a ``gp.function``.
        inputs: arrays of that library; their shapes and dtypes count.
        options: the function's options, constants.
        to: "numpy", "torch" or "jax".

    Returns:
        A function from the inputs to the output and the values that ``gp.save`` named.

    Raises:
        DeriveError: for what cannot be traced, at its line.
    """
    given = bind(function.forward, inputs, dict(options))
    types = {name: type_of(value) or value for name, value in given.items()}
    saved: dict[str, Any] = {}
    with collect(saved):
        library = function.language or "numpy"
        program = trace(function.forward, types, options, library=library)
    extra = {n: t.value for n, t in saved.items() if isinstance(t, Tracer)}
    constants = {n: v for n, v in saved.items() if not isinstance(v, Tracer)}
    source = emit(program, list(extra.values()), to)
    run = forms.run(source, program.name, to)[program.name]
    names = {v.name for v in program.inputs}
    places = [i for i, name in enumerate(given) if name in names]
    count = len(program.outputs)

    def forward(*arrays: Any) -> tuple[Any, dict[str, Any]]:
        returned = run(*(arrays[i] for i in places))
        outputs, kept = returned[:count], returned[count:]
        output = tuple(outputs) if program.is_tuple else outputs[0]
        return output, {**dict(zip(extra, kept, strict=True)), **constants}

    return forward
