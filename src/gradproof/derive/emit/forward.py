"""A forward alone, as a function of one library."""

from __future__ import annotations

from collections.abc import Sequence

from gradproof.derive.emit.expressions import Writer
from gradproof.derive.emit.layout import bracketed, indented
from gradproof.derive.emit.module import module
from gradproof.derive.emit.statements import plan, statements
from gradproof.derive.ir import Value
from gradproof.derive.trace import Program


def emit(program: Program, kept: Sequence[Value], form: str) -> str:
    """The module's text: a function that returns a list, outputs and then ``kept``."""
    inputs = {id(v): v.name or "" for v in program.inputs}
    arrays = program.inputs
    made = plan(inputs, program.outputs, form=form, kept=kept, arrays=arrays)
    writer = Writer(form, made.names, arrays=arrays)
    function = [
        *bracketed(f"def {program.name}(", list(inputs.values()), "):"),
        *indented(line for v in made.forward for line in statements(writer, v)),
        f"    return [{', '.join(writer.code(v) for v in (*program.outputs, *kept))}]",
    ]
    return module(form, [function])
