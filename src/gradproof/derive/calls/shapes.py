"""Names of what changes shapes, and of what keeps everything as it is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from gradproof.derive.calls._table import call
from gradproof.derive.infer import axes_of
from gradproof.derive.ir import Size, Value, as_value, make
from gradproof.derive.rules import elementwise
from gradproof.derive.rules import shape as rules


def listed(sizes: Sequence[Any]) -> tuple[Any, ...]:
    """Sizes or axes, given one by one or as one tuple."""
    if len(sizes) == 1 and isinstance(sizes[0], tuple | list):
        return tuple(sizes[0])
    return tuple(sizes)


def sizes(x: Value) -> tuple[int, ...]:
    """The shape of a value, whose sizes remember of what."""
    return tuple(
        Size(n, make("size", x, axis=i)) if n != 1 else 1 for i, n in enumerate(x.shape)
    )


@call("reshape", "view")
def reshape(x: Value, shape: Any, *more: int) -> Value:
    return rules.reshape(x, shape=listed((shape, *more)))


@call("reshape_as", "view_as")
def reshape_as(x: Value, other: Value) -> Value:
    return rules.reshape_like(x, other)


@call("flatten", "ravel")
def ravel(x: Value) -> Value:
    return x if x.ndim == 1 else rules.reshape(x, shape=(-1,))


@call("flatten", library="torch")
def flatten(x: Value, start_dim: int = 0, end_dim: int = -1) -> Value:
    if not x.ndim:
        return rules.reshape(x, shape=(-1,))
    start, end = start_dim % x.ndim, end_dim % x.ndim
    if start == end:
        return x
    kept = sizes(x)
    return rules.reshape(x, shape=(*kept[:start], -1, *kept[end + 1 :]))


@call("unflatten")
def unflatten(x: Value, axis: int, sizes_: Any = None, *, sizes: Any = None) -> Value:
    kept = tuple(x.shape)
    at = axis % x.ndim
    inner = tuple(sizes_ if sizes is None else sizes)
    return rules.reshape(x, shape=(*kept[:at], *inner, *kept[at + 1 :]))


@call("squeeze")
def squeeze(x: Value, axis: Any = None) -> Value:
    if axis is None:
        axes = tuple(i for i, n in enumerate(x.shape) if n == 1)
    else:
        axes = axes_of(tuple(axis) if isinstance(axis, list) else axis, x.ndim)
    return rules.squeeze(x, axis=axes) if axes else x


@call("squeeze", library="torch")
def torch_squeeze(x: Value, axis: Any = None) -> Value:
    if axis is not None:  # torch leaves other axes alone
        given = axes_of(tuple(axis) if isinstance(axis, list) else axis, x.ndim)
        axis = tuple(i for i in given if x.shape[i] == 1)
    return squeeze(x, axis)


@call("expand_dims", "unsqueeze")
def expand_dims(x: Value, axis: Any = 0) -> Value:
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    ndim = x.ndim + len(axes)
    return rules.expand_dims(x, axis=axes_of(axes, ndim))


@call("transpose", "permute", "permute_dims")
def transpose(x: Value, axes: Any = None, *more: int, dims: Any = None) -> Value:
    given = axes if dims is None else dims
    flat = range(x.ndim)[::-1] if given is None else listed((given, *more))
    return _permuted(x, [int(i) % x.ndim for i in flat])


def _permuted(x: Value, axes: Sequence[int]) -> Value:
    if list(axes) == list(range(x.ndim)):
        return x
    if sorted(axes) != list(range(x.ndim)):
        raise ValueError(f"axes {tuple(axes)} do not permute {x.ndim} axes")
    return rules.transpose(x, axes=tuple(axes))


@call("transpose", library="torch")
@call("swapaxes", "swapdims")
def swapaxes(x: Value, axis1: int, axis2: int) -> Value:
    axes = list(range(x.ndim))
    axes[axis1], axes[axis2] = axes[axis2], axes[axis1]
    return _permuted(x, axes)


@call("T", "t")
def transposed(x: Value) -> Value:
    return _permuted(x, range(x.ndim)[::-1])


@call("mT", "matrix_transpose")
def matrix_transpose(x: Value) -> Value:
    return rules.swap_last(x)


@call("H", "mH", "adjoint")
def adjoint(x: Value) -> Value:
    return elementwise.conj(rules.swap_last(x))


@call("moveaxis", "movedim")
def moveaxis(x: Value, source: Any, destination: Any) -> Value:
    sources = [source] if isinstance(source, int) else list(source)
    places = [destination] if isinstance(destination, int) else list(destination)
    rest = [i for i in range(x.ndim) if i not in {s % x.ndim for s in sources}]
    for place, one in sorted(
        (d % x.ndim, s % x.ndim) for d, s in zip(places, sources, strict=True)
    ):
        rest.insert(place, one)
    return _permuted(x, rest)


@call("rollaxis")
def rollaxis(x: Value, axis: int, start: int = 0) -> Value:
    axis %= x.ndim
    return moveaxis(x, axis, start - 1 if axis < start else start)


@call("broadcast_to")
def broadcast_to(x: Value, shape: Any = None, *, size: Any = None) -> Value:
    target = tuple(shape if size is None else size)
    x = as_value(x)
    if x.shape == tuple(map(int, target)):
        return x
    if np.broadcast_shapes(x.shape, tuple(map(int, target))) != tuple(target):
        raise ValueError(f"shape {x.shape} does not broadcast to {tuple(target)}")
    return rules.broadcast_to(x, shape=target)


@call("expand")
def expand(x: Value, size: Any, *more: int) -> Value:
    target = list(listed((size, *more)))
    new = len(target) - x.ndim
    for i, n in enumerate(target):
        if n == -1:
            target[i] = x.shape[i - new]
    return broadcast_to(x, target)


@call("expand_as")
def expand_as(x: Value, other: Value) -> Value:
    return rules.broadcast_like(x, other)


@call("broadcast_arrays", "broadcast_tensors")
def broadcast_arrays(*arrays: Value) -> list[Value]:
    arrays = listed(arrays)
    full = np.broadcast_shapes(*(x.shape for x in arrays))
    return [broadcast_to(x, full) for x in arrays]


@call("atleast_1d")
def atleast_1d(x: Value) -> Value:
    return x if x.ndim else rules.expand_dims(x, axis=(0,))


@call("atleast_2d")
def atleast_2d(x: Value) -> Value:
    missing = 2 - x.ndim
    return x if missing <= 0 else rules.expand_dims(x, axis=tuple(range(missing)))


@call("meshgrid")
def meshgrid(*arrays: Value, indexing: str = "xy") -> list[Value]:
    arrays = listed(arrays)
    order = list(range(len(arrays)))
    if indexing == "xy" and len(arrays) > 1:
        order[:2] = [1, 0]
    grid = [0] * len(arrays)
    for place, x in zip(order, arrays, strict=True):
        grid[place] = math.prod(x.shape)
    spread = []
    for place, x in zip(order, arrays, strict=True):
        alone = [-1 if i == place else 1 for i in range(len(arrays))]
        spread.append(broadcast_to(rules.reshape(x, shape=tuple(alone)), tuple(grid)))
    return spread


@call("meshgrid", library="torch")
def torch_meshgrid(*arrays: Value, indexing: str = "ij") -> list[Value]:
    return meshgrid(*arrays, indexing=indexing)


@call("copy", "clone", "contiguous", "ascontiguousarray", "asarray", "array")
def same(x: Any, copy: Any = None, memory_format: Any = None) -> Value:
    return as_value(x)


@call("to_device", "cuda")
def moved(x: Value, device: Any = None) -> Value:
    return x
