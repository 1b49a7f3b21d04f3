"""What a derivation takes for granted of its inputs, as the assertions that say so.

Ranks, where the code depends on them; which axes are broadcast; and sizes only where a
second trace, at other sizes, gives another program.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gradproof.derive.ir import OPERATIONS, Type, Value, ancestors
from gradproof.derive.program import Differentiated

# Made by rules, and right in every rank.
ANY_RANK = {"broadcast_like", "reshape_like", "cast_like", "copy", "real"}


def assumptions(d: Differentiated, *, any_size: bool) -> list[str]:
    """The lines to put at the top."""
    if not any_size:
        return _each((f"{v.name}.shape", repr(v.shape)) for v in d.inputs)
    if not _depends_on_rank(d):
        return []
    lines = _each((f"{v.name}.ndim", str(v.ndim)) for v in d.inputs)
    spread = [
        (f"{v.name}.shape[{axis}]", "1")
        for v in d.inputs
        for axis, size in enumerate(v.shape)
        if size == 1
    ]
    return lines + _each(spread)


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
    if len(line) <= 76:
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


def other_sizes(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Types of the same ranks, in which equal sizes are equal and none is as before."""
    sizes: dict[int, int] = {0: 0, 1: 1}
    taken = {n for t in inputs.values() if isinstance(t, Type) for n in t.shape}
    changed = dict(inputs)
    for name, type in inputs.items():
        if isinstance(type, Type):
            for n in type.shape:
                if n not in sizes:
                    new = n + 1
                    while new in taken or new in sizes.values():
                        new += 1
                    sizes[n] = new
            changed[name] = Type(tuple(sizes[n] for n in type.shape), type.dtype)
    return changed
