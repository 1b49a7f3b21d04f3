"""Names of norms, of vectors and of matrices."""

from __future__ import annotations

from typing import Any

from gradproof.derive.calls._table import call
from gradproof.derive.calls.reductions import options
from gradproof.derive.ir import Value
from gradproof.derive.rules import elementwise, reductions


@call("norm", "linalg_norm")
def norm(x: Value, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Value:
    if ord not in (None, "fro") and _is_matrix(x, axis):
        raise ValueError(
            f"the matrix norm of order {ord!r} is not supported: write the orders 1 "
            "and inf with abs, sum and max, or give gp.rule a rule"
        )
    return p_norm(x, ord, options(x, axis, keepdims))


def _is_matrix(x: Value, axis: Any) -> bool:
    return (axis is None and x.ndim == 2) or (
        isinstance(axis, tuple | list) and len(axis) == 2
    )


@call("vector_norm")
def vector_norm(
    x: Value, axis: Any = None, keepdims: bool = False, ord: Any = 2
) -> Value:
    return p_norm(x, ord, options(x, axis, keepdims))


@call("vector_norm", library="torch")
def torch_vector_norm(
    x: Value, ord: Any = 2, axis: Any = None, keepdims: bool = False
) -> Value:
    return p_norm(x, ord, options(x, axis, keepdims))


@call("norm", library="torch")
def torch_norm(
    x: Value, p: Any = "fro", axis: Any = None, keepdims: bool = False
) -> Value:
    return p_norm(x, p, options(x, axis, keepdims))


@call("matrix_norm")
def matrix_norm(
    x: Value, ord: Any = "fro", axis: Any = (-2, -1), keepdims: bool = False
) -> Value:
    if ord != "fro":
        raise ValueError(f'only the norm "fro" of matrices is supported, not {ord!r}')
    return reductions.norm(x, **options(x, axis, keepdims))


def p_norm(x: Value, order: Any, chosen: dict[str, Any]) -> Value:
    """The norm of vectors, whatever the order."""
    if order in (None, 2, "fro"):
        return reductions.norm(x, **chosen)
    size = elementwise.abs_(x)
    if order == 1:
        return reductions.sum(size, **chosen)
    if order in (float("inf"), float("-inf")):
        return (reductions.max_ if order > 0 else reductions.min_)(size, **chosen)
    if order == 0:
        return reductions.sum(elementwise.not_equal(x, 0), **chosen)
    total = reductions.sum(elementwise.power(size, order), **chosen)
    return elementwise.power(total, 1 / order)
