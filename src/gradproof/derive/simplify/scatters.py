"""Gradients of several parts of one array, gathered in one array of zeros."""

from __future__ import annotations

from gradproof.derive.ir import Value
from gradproof.derive.rules.selection import Index, at_several
from gradproof.derive.simplify._table import Uses, rewrite


@rewrite("add", phases=("tidy",))
def scattered_together(value: Value, uses: Uses) -> Value | None:
    """zeros.at[i] + zeros.at[j] = zeros, with both added"""
    left, right = (_parts(operand, uses) for operand in value.operands)
    if left is None or right is None:
        return None
    (like, grads, indices), (other, more, further) = left, right
    if like is not other:
        return None
    return at_several(like, *grads, *more, indices=(*indices, *further))


def _parts(
    value: Value, uses: Uses
) -> tuple[Value, list[Value], tuple[Index, ...]] | None:
    """What it is like, what is put there, and where."""
    if value.primal is None or not uses.once(value):
        return None
    if value.operation == "at_several":
        like, *grads = value.operands
        return like, grads, value.parameters["indices"]
    if value.operation == "at_index" and len(value.operands) == 2:
        grad, like = value.operands
        return like, [grad], (value.parameters["index"],)
    return None
