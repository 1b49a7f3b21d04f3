"""What a derivation takes for granted of its inputs, as the assertions that say so.

Ranks, where the code depends on them; which axes are broadcast; which sizes are equal;
and the sizes themselves only where a trace at other sizes gives another program.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from gradproof.derive.axes import Group, Needed
from gradproof.derive.ir import OPERATIONS, Value, ancestors
from gradproof.derive.program import Differentiated

WIDTH = 76  # of a line, so that it fits wherever it is put
# Made by rules, and right in every rank.
ANY_RANK = {"broadcast_like", "reshape_like", "cast_like", "copy", "real"}


def assumptions(d: Differentiated, needed: Needed | None) -> list[str]:
    """The lines to put at the top.

    Args:
        d: what is written.
        needed: what must hold of sizes; None where all must be as they are.
    """
    if needed is None:
        return _each((f"{v.name}.shape", repr(v.shape)) for v in d.inputs)
    sizes = list(_equalities(d.inputs, needed.equal))
    for (name, i), factor, (other, j) in needed.multiples:
        sizes.append(f"assert {name}.shape[{i}] == {factor} * {other}.shape[{j}]")
    if not _depends_on_rank(d) and not needed.fixed:
        return sizes
    lines = _each((f"{v.name}.ndim", str(v.ndim)) for v in d.inputs)
    as_they_are = [
        (f"{v.name}.shape[{axis}]", str(size))
        for v in d.inputs
        for axis, size in enumerate(v.shape)
        if size == 1 or (v.name, axis) in needed.fixed
    ]
    return lines + _each(as_they_are) + sizes


def _equalities(inputs: Sequence[Value], groups: Sequence[Group]) -> Iterator[str]:
    """What is equal to what: whole shapes where that says it, else axis by axis."""
    group_of = {axis: i for i, group in enumerate(groups) for axis in group}
    alike: dict[tuple[Any, ...], list[Value]] = {}
    for value in inputs:
        kinds = zip(_axes(value), value.shape, strict=True)
        key = tuple(group_of.get(a, "one" if n == 1 else None) for a, n in kinds)
        if None not in key and any(axis in group_of for axis in _axes(value)):
            alike.setdefault(key, []).append(value)
    for first, *others in alike.values():
        yield from _chain([f"{v.name}.shape" for v in (first, *others)])
        for value in others:
            for axis in _axes(value):
                group_of.pop(axis, None)
    for number in range(len(groups)):
        equal = (a for v in inputs for a in _axes(v) if group_of.get(a) == number)
        yield from _chain([f"{name}.shape[{i}]" for name, i in equal])


def _axes(value: Value) -> list[tuple[str, int]]:
    return [(value.name or "", axis) for axis in range(value.ndim)]


def _chain(names: Sequence[str]) -> list[str]:
    """Nothing to say of one."""
    line = f"assert {' == '.join(names)}"
    if len(names) < 2 or len(line) <= WIDTH:
        return [line] * (len(names) > 1)
    return [f"assert {names[0]} == {other}" for other in names[1:]]


def _each(pairs: Any) -> list[str]:
    found = list(pairs)
    if len(found) == 1:
        ((what, value),) = found
        return [f"assert {what} == {value}"]
    if not found:
        return []
    what = ", ".join(what for what, _ in found)
    value = ", ".join(value for _, value in found)
    line = f"assert ({what}) == ({value})"
    if len(line) <= WIDTH:
        return [line]
    return [f"assert {what} == {value}" for what, value in found]


def _depends_on_rank(d: Differentiated) -> bool:
    for value in ancestors(d.gradients):
        if value.primal is None or not value.operands:
            continue
        everywhere = OPERATIONS[value.operation].elementwise
        if value.operation == "sum" and value.parameters.get("axis") is None:
            everywhere = value.operands[0].operation != "input"
        if (
            not everywhere
            and value.operation not in ANY_RANK
            and value.operation != "size"
        ):
            return True
    return any(_is_spread(value) for value in ancestors(d.outputs))


def _is_spread(value: Value) -> bool:
    """Whether an elementwise operation of the forward broadcasts arrays."""
    if not value.operands or not OPERATIONS[value.operation].elementwise:
        return False
    return len({v.shape for v in value.operands if not v.is_weak}) > 1
