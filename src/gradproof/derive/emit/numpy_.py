"""NumPy: one function that gives the output and the gradients."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gradproof.derive.emit.expressions import Writer
from gradproof.derive.emit.layout import bracketed, fits, indented, with_comment
from gradproof.derive.emit.module import module
from gradproof.derive.emit.statements import Plan, comments, plan, statements
from gradproof.derive.program import Differentiated

INDENT = "    "


def emit(d: Differentiated) -> str:
    """The module's text."""
    given = {id(v): v.name or "" for v in (*d.inputs, *d.seeds)}
    arrays = d.inputs
    made = plan(given, d.outputs, d.gradients, d.wrt, form="numpy", arrays=arrays)
    writer = Writer("numpy", made.names, arrays=arrays)
    body = [*_forward(made, writer), *_backward(made, writer, d)]
    name = f"{d.name}_and_gradients"
    parameters = [made.names[id(v)] for v in (*d.inputs, *d.seeds)]
    function = [
        *bracketed(f"def {name}(", parameters, "):"),
        *indented(d.assumed),
        *body,
        *_returned(made, writer, d),
    ]
    return module("numpy", [function])


def _forward(made: Plan, writer: Writer) -> Iterator[str]:
    yield f"{INDENT}# Forward."
    for value in made.forward:
        for line in statements(writer, value):
            yield f"{INDENT}{line}"


def _backward(made: Plan, writer: Writer, d: Differentiated) -> Iterator[str]:
    yield f"{INDENT}# Backward."
    comment = comments(made, writer)
    pending = dict(zip(made.results, zip(d.gradients, d.wrt, strict=True), strict=True))
    pending = {name: pair for name, pair in pending.items() if name in made.aliases}
    for value in made.backward:
        first, *rest = statements(writer, value)
        yield from with_comment(first, comment(value), INDENT)
        yield from (f"{INDENT}{line}" for line in rest)
        for name, (aliased, primal) in list(pending.items()):
            if aliased is value:
                line = f"{name} = {writer.code(value)}"
                yield from with_comment(line, comment(primal), INDENT)
                del pending[name]
    for name, (aliased, primal) in pending.items():
        line = f"{name} = {writer.code(aliased)}"
        yield from with_comment(line, comment(primal), INDENT)


def _returned(made: Plan, writer: Writer, d: Differentiated) -> Sequence[str]:
    outputs = [writer.code(v) for v in d.outputs]
    comma = "," if len(outputs) == 1 else ""
    output = f"({', '.join(outputs)}{comma})" if d.is_tuple else outputs[0]
    gradients = ", ".join(made.results) + ("," if len(made.results) == 1 else "")
    line = f"{INDENT}return {output}, ({gradients})"
    if fits(line):
        return [line]
    return [
        f"{INDENT}return {output}, (",
        *(f"{INDENT}    {name}," for name in made.results),
        f"{INDENT})",
    ]
