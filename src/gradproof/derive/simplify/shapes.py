"""Spreading, summing, transposing and reshaping that come to nothing or to less."""

from __future__ import annotations

from gradproof.derive.infer import axes_of, broadcast
from gradproof.derive.ir import OPERATIONS, Value, make
from gradproof.derive.rules.shape import (
    broadcast_like,
    swap_last,
    transpose,
)
from gradproof.derive.simplify._table import Uses, rewrite

SPREAD = ("broadcast_like",)


def _elementwise() -> list[str]:
    return [name for name, operation in OPERATIONS.items() if operation.elementwise]


@rewrite(*_elementwise())
def spread_last(value: Value, uses: Uses) -> Value | None:
    """f(spread(x)) = spread(f(x)), where every operand is spread or a single number"""
    spread = [v for v in value.operands if v.operation in SPREAD]
    if not spread or any(uses.in_full(v) for v in spread):
        return None
    if any(v.operation not in SPREAD and v.shape for v in value.operands):
        return None
    like = spread[0].operands[1]
    inner = [v.operands[0] if v.operation in SPREAD else v for v in value.operands]
    if like.shape != value.shape:
        return None
    return broadcast_like(make(value.operation, *inner, **value.parameters), like)


@rewrite(*_elementwise())
def not_spread(value: Value, uses: Uses) -> Value | None:
    """spread(x) · y = x · y: the operation itself broadcasts"""
    for position, operand in enumerate(value.operands):
        if operand.operation not in SPREAD or uses.in_full(operand):
            continue
        operands = list(value.operands)
        operands[position] = operand.operands[0]
        if broadcast(*operands) == value.shape:
            narrower = make(value.operation, *operands, **value.parameters)
            if narrower.dtype == value.dtype:
                return narrower
    return None


@rewrite("broadcast_like")
def spread_already(value: Value, uses: Uses) -> Value | None:
    """What has the shape already is not spread; spread twice is spread once"""
    x, like = value.operands
    if x.shape == like.shape and not x.is_weak:
        return x
    if x.operation in SPREAD and broadcast(x.operands[0], like) == like.shape:
        return broadcast_like(x.operands[0], like)
    if x.operation == "expand_dims" and not x.operands[0].shape:
        return broadcast_like(x.operands[0], like)
    return None


@rewrite("reshape_like", "reshape")
def reshaped_twice(value: Value, uses: Uses) -> Value | None:
    """The last shape counts; the same shape is none"""
    x = value.operands[0]
    if x.operation in ("reshape_like", "reshape") and x.primal is not None:
        rest = value.operands[1:]
        return make(value.operation, x.operands[0], *rest, **value.parameters)
    if x.shape == value.shape:
        return x
    return None


@rewrite("reshape_like", "reshape")
def spread_not_reshaped(value: Value, uses: Uses) -> Value | None:
    """A single number spread and reshaped is spread"""
    x = value.operands[0]
    if x.operation in SPREAD and not x.operands[0].shape and len(value.operands) > 1:
        return broadcast_like(x.operands[0], value.operands[1])
    return None


@rewrite("squeeze", "expand_dims")
def axis_there_and_back(value: Value, uses: Uses) -> Value | None:
    """A new axis that goes away again"""
    (x,) = value.operands
    if {x.operation, value.operation} == {
        "squeeze",
        "expand_dims",
    } and x.parameters == value.parameters:
        return x.operands[0]
    return None


@rewrite("cast_like")
def cast_already(value: Value, uses: Uses) -> Value | None:
    """What has the dtype already is not cast"""
    x, like = value.operands
    return x if x.dtype == like.dtype else None


@rewrite("transpose", phases=("fold", "fuse", "multiply", "tidy"))
def transposed_twice(value: Value, uses: Uses) -> Value | None:
    """(Xᵀ)ᵀ = X"""
    (x,) = value.operands
    axes = value.parameters["axes"]
    if axes == tuple(range(len(axes))):
        return x
    if x.operation == "transpose":
        inner = x.parameters["axes"]
        return transpose(x.operands[0], axes=tuple(inner[i] for i in axes))
    return None


@rewrite("transpose", phases=("fold", "tidy"))
def transposed_product(value: Value, uses: Uses) -> Value | None:
    """(X·Y)ᵀ = Yᵀ·Xᵀ, where a transpose is saved by it"""
    (x,) = value.operands
    if x.operation != "matmul" or x.primal is None or not uses.once(x):
        return None
    left, right = x.operands
    if value.ndim != left.ndim or value.ndim != right.ndim or not _swaps_last(value):
        return None
    if _swaps_last(left) or _swaps_last(right):
        return swap_last(right) @ swap_last(left)
    return None


def _swaps_last(value: Value) -> bool:
    """Whether it is the transpose of matrices, one or a batch."""
    n = value.ndim
    last_two = (*range(n - 2), n - 1, n - 2)
    return value.operation == "transpose" and value.parameters["axes"] == last_two


@rewrite("sum")
def summed_twice(value: Value, uses: Uses) -> Value | None:
    """Σ over some axes of Σ over others is one Σ over all of them"""
    (x,) = value.operands
    if x.operation != "sum" or x.primal is None or not x.parameters.get("keepdims"):
        return None
    outer = axes_of(value.parameters.get("axis"), x.ndim)
    inner = axes_of(x.parameters.get("axis"), x.ndim)
    kept = value.parameters.get("keepdims", False)
    if len({*outer, *inner}) == x.ndim and not kept:
        return make("sum", x.operands[0])
    if not kept and not {*inner} <= {*outer}:
        return None
    axes = tuple(sorted({*outer, *inner}))
    chosen = {"axis": axes[0] if len(axes) == 1 else axes}
    return make("sum", x.operands[0], **chosen, **({"keepdims": True} if kept else {}))


@rewrite("squeeze", phases=("fold", "tidy"))
def summed_and_squeezed(value: Value, uses: Uses) -> Value | None:
    """Σ that keeps its axes, and then loses them, does not keep them"""
    (x,) = value.operands
    if x.operation != "sum" or x.primal is None:
        return None
    if not x.parameters.get("keepdims"):
        return _squeezed_after_two_sums(x, value.parameters["axis"])
    summed = axes_of(x.parameters.get("axis"), x.ndim)
    if summed == tuple(sorted(value.parameters["axis"])):
        return make("sum", x.operands[0], axis=x.parameters.get("axis"))
    return None


def _squeezed_after_two_sums(x: Value, squeezed: tuple[int, ...]) -> Value | None:
    """Σ over some axes of Σ over others that keeps them, and then loses them too"""
    (inner,) = x.operands
    if inner.operation != "sum" or not inner.parameters.get("keepdims"):
        return None
    outer = axes_of(x.parameters.get("axis"), inner.ndim)
    left = [axis for axis in range(inner.ndim) if axis not in outer]
    axes = axes_of(inner.parameters.get("axis"), inner.ndim)
    if tuple(left[axis] for axis in sorted(squeezed)) != axes:
        return None
    return make("sum", inner.operands[0], axis=tuple(sorted({*outer, *axes})))


@rewrite("transpose", phases=("fold", "tidy"))
def transposed_spread(value: Value, uses: Uses) -> Value | None:
    """A single number spread is its own transpose"""
    (x,) = value.operands
    if (
        x.operation in SPREAD
        and not x.operands[0].shape
        and x.operands[1].operation == "transpose"
    ):
        like = x.operands[1]
        if (
            transpose(like, axes=value.parameters["axes"]).shape
            == like.operands[0].shape
        ):
            return broadcast_like(x.operands[0], like.operands[0])
    return None


@rewrite("sum")
def summed_spread(value: Value, uses: Uses) -> Value | None:
    """Σ over a spread number of n elements is n times it"""
    (x,) = value.operands
    if (
        x.operation not in SPREAD
        or x.operands[0].shape
        or value.parameters.get("keepdims")
    ):
        return None
    from gradproof.derive.rules.reductions import count

    total = x.operands[0] * count(x.operands[1], value.parameters.get("axis"))
    return total if not value.shape else None
