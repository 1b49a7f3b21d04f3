"""torch: an ``autograd.Function``, and the function that applies it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gradproof.derive.emit.autocast import INDENT, saved_tensors
from gradproof.derive.emit.halves import Halves, Statement, halves
from gradproof.derive.emit.layout import (
    WIDTH,
    bracketed,
    indented,
    unpacked,
    with_comment,
)
from gradproof.derive.emit.module import module
from gradproof.derive.program import Differentiated


def emit(d: Differentiated) -> str:
    """The module's text."""
    parts = halves(d, "torch")
    kind = f"{camel_case(d.name)}Function"
    inputs = [value.name or "" for value in d.inputs]
    doc = [f'"""{d.doc}"""', ""] if d.doc else []
    made = [
        f"class {kind}(torch.autograd.Function):",
        *indented(doc),
        *indented(["@staticmethod", *bracketed("def forward(", inputs, "):", "")]),
        *indented(d.assumed, 2),
        *indented(_forward(parts), 2),
        "",
        *indented(["@staticmethod", "def setup_context(ctx, inputs, output):"]),
        *indented(setup(parts, d, inputs), 2),
        "",
        *indented(["@staticmethod", f"def backward(ctx, {', '.join(seeds(d))}):"]),
        *indented(backward(parts, d), 2),
    ]
    function = [
        *bracketed(f"def {d.name}(", inputs, "):"),
        *indented(doc[:1]),
        *bracketed(f"return {kind}.apply(", inputs, ")", "    "),
    ]
    return module("torch", [made, function])


def camel_case(name: str) -> str:
    """``mul_add_sum`` as ``MulAddSum``."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def seeds(d: Differentiated) -> list[str]:
    """The parameters of a backward; ``_`` for an output that has no gradient."""
    names = iter(value.name or "" for value in d.seeds)
    return [
        next(names) if value.is_differentiable else f"_{number}"
        for number, value in enumerate(d.outputs, start=1)
    ]


def _forward(parts: Halves) -> Iterator[str]:
    yield from parts.forward
    yield f"return {', '.join(parts.returned)}"


def setup(parts: Halves, d: Differentiated, inputs: Sequence[str]) -> Iterator[str]:
    """The lines that keep what the backward needs."""
    used = {*parts.kept, *(v.name for v in parts.shapes.values())}
    wanted = [name for name in inputs if name in used]
    if wanted:
        targets = [name if name in used else "_" for name in inputs]
        yield f"{unpacked(targets)} = inputs"
    names = {id(v): name for name, v in parts.kept.items()}
    if len(d.outputs) > 1 or d.is_tuple:
        kept = [names.get(id(v), "_") for v in d.outputs]
        if any(name != "_" for name in kept):
            yield f"{unpacked(kept)} = output"
    elif names.get(id(d.outputs[0]), "output") != "output":
        yield f"{names[id(d.outputs[0])]} = output"
    if parts.kept:
        yield from bracketed("ctx.save_for_backward(", list(parts.kept), ")")
    for name, value in parts.shapes.items():
        yield f"ctx.{name} = {value.name or 'output'}.shape"
    without = [n for n, v in enumerate(d.outputs) if not v.is_differentiable]
    if without:
        marked = ", ".join(f"output[{n}]" for n in without)
        yield f"ctx.mark_non_differentiable({marked})"
    if not parts.kept and not parts.shapes and not without:
        yield "pass"


def backward(parts: Halves, d: Differentiated) -> Iterator[str]:
    """The lines of a backward, each only where its gradient is asked for."""
    yield from saved_tensors(parts, d)
    positions = [[id(v) for v in d.inputs].index(id(v)) for v in d.wrt]
    everything = frozenset(range(len(d.wrt)))
    guarded = [
        name
        for name in parts.results
        if any(s.needed_for != everything and _makes(s, name) for s in parts.backward)
    ]
    if guarded:
        yield from _all_none(guarded)
    current: frozenset[int] = everything
    for statement in parts.backward:
        needed = statement.needed_for
        if needed != current and needed != everything:
            yield f"if {_asked([positions[i] for i in sorted(needed)])}:"
        current = needed
        indent = "" if needed == everything else "    "
        first, *rest = statement.lines
        yield from with_comment(first, statement.comment, indent, outer=INDENT)
        yield from (f"{indent}{line}" for line in rest)
    results = ["None"] * len(d.inputs)
    for position, name in zip(positions, parts.results, strict=True):
        results[position] = name
    yield f"return {', '.join(results)}"


def _all_none(names: Sequence[str]) -> Iterator[str]:
    """``grad_x = grad_y = None``, in as many lines as that takes."""
    line = ""
    for name in names:
        if len(line) + len(name) > WIDTH - 20:
            yield f"{line}None"
            line = ""
        line += f"{name} = "
    yield f"{line}None"


def _asked(positions: Sequence[int]) -> str:
    if len(positions) <= 2:
        return " or ".join(f"ctx.needs_input_grad[{i}]" for i in positions)
    return f"any(ctx.needs_input_grad[i] for i in ({', '.join(map(str, positions))}))"


def _makes(statement: Statement, name: str) -> bool:
    return statement.lines[0].startswith(f"{name} = ")
