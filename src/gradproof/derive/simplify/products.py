"""Products of matrices, associated so that they cost least."""

from __future__ import annotations

import math

from gradproof.derive.ir import Value
from gradproof.derive.simplify._table import Uses, rewrite


@rewrite("matmul", phases=("multiply",))
def cheaper_order(value: Value, uses: Uses) -> Value | None:
    """(A·B)·C = A·(B·C), whichever multiplies fewer numbers"""
    left, right = value.operands
    if left.ndim != 2 or right.ndim not in (1, 2):
        return None
    if left.operation == "matmul" and left.primal is not None and uses.once(left):
        a, b = left.operands
        if a.ndim == b.ndim == 2 and _cost(b, right) + _cost(
            a, _Shape(b.shape[:1] + right.shape[1:])
        ) < _cost(a, b) + _cost(left, right):
            return a @ (b @ right)
    if right.operation == "matmul" and right.primal is not None and uses.once(right):
        b, c = right.operands
        if b.ndim == 2 and _cost(left, b) + _cost(
            _Shape((left.shape[0], b.shape[1])), c
        ) < _cost(b, c) + _cost(left, right):
            return (left @ b) @ c
    return None


class _Shape:
    def __init__(self, shape: tuple[int, ...]):
        self.shape = shape


def _cost(x: Value | _Shape, y: Value | _Shape) -> int:
    """Multiplications in x @ y."""
    return math.prod(x.shape) * math.prod(y.shape[1:])
