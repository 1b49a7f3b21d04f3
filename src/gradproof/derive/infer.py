"""Types of results: from operands and parameters to a shape and a dtype.

What does not fit raises ``ValueError`` with a sentence; the trace adds where.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from gradproof.derive.ir import Type, Value, promoted

Axes = int | tuple[int, ...] | None


class SizesDifferError(ValueError):
    """Sizes that would have to be equal.

    Attributes:
        sizes: of the first axis in which they differ, from the last.
        broadcasts: whether a size of 1 would do as well.
    """

    def __init__(
        self, problem: str, *shapes: Sequence[int], broadcasts: bool = False
    ) -> None:
        super().__init__(problem)
        columns = itertools.zip_longest(*map(reversed, shapes), fillvalue=1)
        chosen = ({n for n in column if n > broadcasts} for column in columns)
        self.sizes = next((sizes for sizes in chosen if len(sizes) > 1), set())
        self.broadcasts = broadcasts


def broadcast(*values: Value) -> tuple[int, ...]:
    """The shape that values broadcast to."""
    shapes = [value.shape for value in values]
    if all(shape == shapes[0] for shape in shapes):
        return shapes[0]
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        listed = " and ".join(map(str, shapes))
        problem = f"shapes {listed} do not broadcast"
        raise SizesDifferError(problem, *shapes, broadcasts=True) from None


def same(*values: Value, **_: Any) -> Type:
    """Elementwise: shapes broadcast, dtypes promote."""
    return Type(broadcast(*values), promoted(values))


def floating(*values: Value, **_: Any) -> Type:
    """Elementwise, and integers become floats."""
    return Type(broadcast(*values), promoted(values, to_float=True))


def boolean(*values: Value, **_: Any) -> Type:
    """Elementwise, to truth values."""
    return Type(broadcast(*values), "bool")


def real(*values: Value, **_: Any) -> Type:
    """Elementwise, and complex numbers become real ones."""
    shape, dtype = floating(*values)
    return Type(shape, REAL.get(dtype, dtype))


STRONG = {"int": "int64", "float": "float64", "complex": "complex128"}
REAL = {"complex": "float", "complex64": "float32", "complex128": "float64"}


def choice(condition: Value, x: Value, y: Value) -> Type:
    """Of ``where``: the condition broadcasts too, its dtype does not count."""
    dtype = promoted([x, y])
    if not condition.is_weak:
        dtype = STRONG.get(dtype, dtype)
    return Type(broadcast(condition, x, y), dtype)


def like_first(x: Value, *_: Value, **__: Any) -> Type:
    """The first operand's type."""
    return x.type


def like_second(x: Value, like: Value, **_: Any) -> Type:
    """The first operand's dtype in the second's shape."""
    dtype = like.dtype if x.is_weak else x.dtype
    return Type(like.shape, dtype)


def axes_of(axis: Axes, ndim: int) -> tuple[int, ...]:
    """Axes as a sorted tuple of numbers from 0; None is all of them.

    Raises:
        ValueError: for an axis that is not there.
    """
    if axis is None:
        return tuple(range(ndim))
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    if axes and not ndim:
        raise ValueError("a single number has no axis to go along")
    for one in axes:
        if not -max(ndim, 1) <= one < max(ndim, 1):
            raise ValueError(f"axis {one} is out of range for {ndim} axes")
    return tuple(sorted({one % ndim for one in axes})) if ndim else ()


def reduced(shape: Sequence[int], axis: Axes, keepdims: bool) -> tuple[int, ...]:
    """The shape that is left after a reduction."""
    gone = axes_of(axis, len(shape))
    if keepdims:
        return tuple(1 if i in gone else n for i, n in enumerate(shape))
    return tuple(n for i, n in enumerate(shape) if i not in gone)


def reduction(x: Value, *, axis: Axes = None, keepdims: bool = False, **_: Any) -> Type:
    """A reduction that keeps the dtype; booleans are counted."""
    dtype = "int64" if x.dtype == "bool" else x.dtype
    return Type(reduced(x.shape, axis, keepdims), dtype)


def mean(x: Value, *, axis: Axes = None, keepdims: bool = False, **_: Any) -> Type:
    """A reduction in which integers become floats."""
    shape = reduced(x.shape, axis, keepdims)
    return Type(shape, promoted([x], to_float=True))


def magnitude(x: Value, *, axis: Axes = None, keepdims: bool = False, **_: Any) -> Type:
    """A reduction to a real number."""
    shape, dtype = mean(x, axis=axis, keepdims=keepdims)
    return Type(shape, REAL.get(dtype, dtype))


def matmul(x: Value, y: Value) -> Type:
    """Matrix products in every rank, as ``@`` does them."""
    if not x.ndim or not y.ndim:
        raise ValueError("@ needs at least one axis on either side")
    left = x.shape if x.ndim > 1 else (1, *x.shape)
    right = y.shape if y.ndim > 1 else (*y.shape, 1)
    batches = left[:-2], right[:-2]
    problem = f"shapes {x.shape} and {y.shape} do not fit for @"
    if left[-1] != right[-2]:
        raise SizesDifferError(problem, left[-1:], right[-2:-1])
    try:
        batch = np.broadcast_shapes(*batches)
    except ValueError:
        raise SizesDifferError(problem, *batches, broadcasts=True) from None
    rows = left[-2:-1] if x.ndim > 1 else ()
    columns = right[-1:] if y.ndim > 1 else ()
    return Type((*batch, *rows, *columns), promoted([x, y]))


def transpose(x: Value, *, axes: Sequence[int]) -> Type:
    """Axes permuted."""
    return Type(tuple(x.shape[i] for i in axes), x.dtype)


def reshape(x: Value, *, shape: Sequence[int]) -> Type:
    """Another shape for the same elements; one size may be -1."""
    known = math.prod(n for n in shape if n != -1)
    size = math.prod(x.shape)
    full = tuple(size // known if n == -1 and known else int(n) for n in shape)
    if math.prod(full) != size or list(shape).count(-1) > 1:
        raise ValueError(f"shape {x.shape} cannot become {tuple(map(int, shape))}")
    return Type(full, x.dtype)
