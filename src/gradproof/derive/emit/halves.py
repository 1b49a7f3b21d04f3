"""Forward and backward apart, for the forms in which something is kept between them.

What the backward needs of the forward is an input, an output, or made of these again:
recomputing keeps the fewest bytes, and stays right where a backward is differentiated.
Where only the shape of something is needed, only its shape is kept.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from gradproof.derive.emit.expressions import Writer
from gradproof.derive.emit.statements import Plan, comments, plan, statements
from gradproof.derive.ir import OPERATIONS, Value, ancestors, dependencies, make
from gradproof.derive.program import Differentiated


@dataclass(frozen=True)
class Statement:
    """Lines of a backward.

    Attributes:
        lines: without indentation.
        comment: the statement of the forward that it belongs to.
        needed_for: positions in ``wrt`` of the gradients that it is needed for.
    """

    lines: tuple[str, ...]
    comment: str
    needed_for: frozenset[int]


@dataclass(frozen=True)
class Halves:
    """A forward and a backward, and what goes between.

    Attributes:
        forward: the lines of the forward, before its return.
        returned: what it returns, as an expression each.
        kept: the arrays kept for the backward, by name.
        shapes: the values of which only the shape is kept, by the name of the shape.
        backward: its statements.
        results: what the backward returns for each of ``wrt``.
    """

    forward: tuple[str, ...]
    returned: tuple[str, ...]
    kept: dict[str, Value]
    shapes: dict[str, Value]
    backward: tuple[Statement, ...]
    results: tuple[str, ...]


def halves(d: Differentiated, form: str, *, keep_intermediates: bool = False) -> Halves:
    """Plan both halves.

    Args:
        d: what to write.
        form: in which form.
        keep_intermediates: whether to keep what else the backward needs, rather than
            make it again.
    """
    inputs = {id(v): v.name or "" for v in d.inputs}
    first = plan(inputs, d.outputs, form=form, arrays=d.inputs)
    gradients = _by_shape_of(d)
    there = {**{id(v): v for v in d.inputs}, **{id(v): v for v in d.outputs}}
    if keep_intermediates:
        across = _across(gradients)
        there |= {id(v): v for v in across}
        first = plan(inputs, d.outputs, form=form, kept=across, arrays=d.inputs)
    names = {**first.names, **{id(v): v.name or "" for v in d.seeds}}
    for number, output in enumerate(d.outputs, start=1):
        several = f"output_{number}" if len(d.outputs) > 1 else "output"
        names.setdefault(id(output), output.name or several)
    needed, only_shape = _needed(gradients, there)
    if keep_intermediates:  # what is kept is an array, of which the shape is known
        needed, only_shape = {**needed, **only_shape}, {}
    given = {k: names[k] for k in (*needed, *only_shape)}
    given |= {id(v): v.name or "" for v in d.seeds}
    shapes = {k: f"{names[k]}_shape" for k in only_shape}
    arrays = (*needed.values(), *d.seeds)
    second = plan(
        given,
        (),
        gradients,
        d.wrt,
        form=form,
        known=first.names,
        before=first,
        arrays=arrays,
    )
    writer = Writer(form, second.names, shapes, arrays)
    inner = comments(first, Writer(form, first.names))
    body = _statements(second, writer, gradients, d, inner)
    outer = Writer(form, first.names, arrays=d.inputs)
    forward, returned = _forward(first, outer, d, keep_intermediates)
    return Halves(
        forward=forward,
        returned=returned,
        kept={names[k]: v for k, v in needed.items()},
        shapes={shapes[k]: v for k, v in only_shape.items()},
        backward=tuple(body),
        results=tuple(second.results),
    )


def _across(gradients: Sequence[Value]) -> list[Value]:
    """Values of the forward that the backward uses by their numbers."""
    found = {}
    for value in ancestors(gradients):
        if value.primal is None:
            continue
        shape_only = _shape_only(value)
        for position, operand in enumerate(value.operands):
            if (
                operand.primal is None
                and operand.operands
                and position not in shape_only
            ):
                found[id(operand)] = operand
    return list(found.values())


def _needed(
    gradients: Sequence[Value], there: dict[int, Value]
) -> tuple[dict[int, Value], dict[int, Value]]:
    """Of what is there: what the gradients use, and what only the shape of."""
    numbers: dict[int, Value] = {}
    shapes: dict[int, Value] = {}
    for gradient in gradients:
        if id(gradient) in there:
            numbers[id(gradient)] = gradient
    for value in ancestors(gradients, there):
        if id(value) in there:
            continue
        shape_only = _shape_only(value)
        for position, operand in enumerate(value.operands):
            if id(operand) in there:
                kind = shapes if position in shape_only else numbers
                kind[id(operand)] = operand
        for size in _sizes(value):
            for operand in size.operands:
                if id(operand) in there:
                    shapes[id(operand)] = operand
    order = [k for k in there if k in numbers]
    shapes = {k: there[k] for k in there if k in shapes and k not in numbers}
    return {k: there[k] for k in order}, shapes


def _shape_only(value: Value) -> frozenset[int]:
    """Operands that matter by their shape alone; none where a number is spread."""
    if not value.operands or value.operands[0].number() is not None:
        return frozenset()
    return OPERATIONS[value.operation].shape_only


def _sizes(value: Value) -> Sequence[Value]:
    return dependencies(value)[len(value.operands) :]


def _by_shape_of(d: Differentiated) -> list[Value]:
    """The gradients, where only a shape matters that of an input, output or seed."""
    new: dict[int, Value] = {}
    seeds = {id(o): s for o, s in zip(d.outputs, d.seeds, strict=False)}
    for value in ancestors(d.gradients):
        operation = OPERATIONS.get(value.operation)
        operands = [new.get(id(v), v) for v in value.operands]
        if operation and value.primal is not None:
            for position in operation.shape_only:
                operands[position] = _same_shape(value.operands[position], seeds)
        if any(a is not b for a, b in zip(operands, value.operands, strict=True)):
            made = make(value.operation, *operands, **value.parameters)
            made.name, made.primal = value.name, value.primal
            made.gradient_of = value.gradient_of
            new[id(value)] = made
    return [new.get(id(gradient), gradient) for gradient in d.gradients]


def _same_shape(value: Value, seeds: dict[int, Value]) -> Value:
    """Whose shape is the same by how the value is made: an input, or a gradient."""
    while value.operands and value.primal is None:
        if id(value) in seeds:
            return seeds[id(value)]
        if not OPERATIONS[value.operation].elementwise:
            return value
        alike = [v for v in value.operands if v.shape == value.shape]
        if not alike:
            return value
        value = alike[0]
    return value


def _forward(
    first: Plan, writer: Writer, d: Differentiated, keep: bool
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    lines = [line for v in first.forward for line in statements(writer, v)]
    last = first.forward[-1] if first.forward else None
    if (
        not keep
        and last is not None
        and not last.name
        and [id(v) for v in d.outputs] == [id(last)]
        and "\n" not in lines[-1]
        and len(statements(writer, last)) == 1
    ):
        lines.pop()
        return tuple(lines), (writer.expression(last).code,)
    return tuple(lines), tuple(writer.code(v) for v in d.outputs)


def _statements(
    second: Plan,
    writer: Writer,
    gradients: Sequence[Value],
    d: Differentiated,
    comment: object,
) -> list[Statement]:
    needed = _needed_for(gradients)
    made = []
    for value in (*second.forward, *second.backward):
        text = comment(value) if value.primal is not None else ""  # type: ignore[operator]
        lines = tuple(statements(writer, value))
        made.append(Statement(lines, text, frozenset(needed[id(value)])))
    for name, value in second.aliases.items():
        position = second.results.index(name)
        line = f"{name} = {writer.code(value)}"
        text = comment(d.wrt[position])  # type: ignore[operator]
        made.append(Statement((line,), text, frozenset([position])))
    return made


def _needed_for(gradients: Sequence[Value]) -> dict[int, Collection[int]]:
    needed: dict[int, set[int]] = {}
    for position, gradient in enumerate(gradients):
        for value in ancestors([gradient]):
            needed.setdefault(id(value), set()).add(position)
    return {key: frozenset(positions) for key, positions in needed.items()}
