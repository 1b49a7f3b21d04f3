"""Names of what joins, cuts, pads, repeats and turns around arrays."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from gradproof.derive.calls._table import call
from gradproof.derive.calls.shapes import atleast_1d, atleast_2d, listed
from gradproof.derive.infer import axes_of
from gradproof.derive.ir import Value, as_value, constant
from gradproof.derive.rules import joins, scans, selection
from gradproof.derive.rules.shape import expand_dims, reshape


@call("concatenate", "concat", "cat")
def concatenate(arrays: Any = None, axis: Any = 0, *, tensors: Any = None) -> Value:
    values = [as_value(x) for x in (arrays if tensors is None else tensors)]
    if axis is None:
        values, axis = [reshape(x, shape=(-1,)) for x in values], 0
    return joins.concatenate(*values, axis=int(axis))


@call("stack")
def stack(arrays: Any = None, axis: int = 0, *, tensors: Any = None) -> Value:
    values = [as_value(x) for x in (arrays if tensors is None else tensors)]
    return joins.stack(*values, axis=int(axis))


@call("hstack")
def hstack(arrays: Sequence[Value]) -> Value:
    values = [atleast_1d(as_value(x)) for x in arrays]
    return joins.concatenate(*values, axis=0 if values[0].ndim == 1 else 1)


@call("vstack", "row_stack")
def vstack(arrays: Sequence[Value]) -> Value:
    return joins.concatenate(*(atleast_2d(as_value(x)) for x in arrays), axis=0)


@call("column_stack")
def column_stack(arrays: Sequence[Value]) -> Value:
    columns = [expand_dims(x, axis=(1,)) if x.ndim == 1 else x for x in arrays]
    return joins.concatenate(*columns, axis=1)


def cut(x: Value, bounds: Sequence[int | None], axis: int) -> list[Value]:
    """The slices between these bounds."""
    at = axes_of(axis, x.ndim)[0]
    pairs = itertools.pairwise(bounds)
    return [selection.getitem(x, index=selection.sliced(at, a, b)) for a, b in pairs]


def _equal_parts(x: Value, size: int, axis: int) -> list[Value]:
    n = x.shape[axis]
    starts = list(range(size, n, size))
    return cut(x, [None, *starts, None], axis)


@call("split")
def split(x: Value, sections: Any, axis: int = 0) -> list[Value]:
    if isinstance(sections, int):
        if x.shape[axis] % sections:
            raise ValueError(f"{x.shape[axis]} does not divide into {sections} parts")
        return _equal_parts(x, x.shape[axis] // sections, axis)
    return cut(x, [None, *map(int, sections), None], axis)


@call("split", library="torch")
@call("split_with_sizes")
def torch_split(x: Value, split_size: Any, axis: int = 0) -> tuple[Value, ...]:
    if isinstance(split_size, int):
        return tuple(_equal_parts(x, int(split_size), axis))
    stops = [int(n) for n in np.cumsum([int(n) for n in split_size])]
    return tuple(cut(x, [None, *stops[:-1], None], axis))


@call("chunk")
def chunk(x: Value, chunks: int, axis: int = 0) -> tuple[Value, ...]:
    return tuple(_equal_parts(x, -(-x.shape[axis] // int(chunks)), axis))


@call("array_split", "tensor_split")
def array_split(x: Value, sections: Any, axis: int = 0) -> list[Value]:
    if isinstance(sections, int):
        small, larger = divmod(x.shape[axis], sections)
        parts = [small + (i < larger) for i in range(sections)]
        sections = [int(n) for n in np.cumsum(parts)[:-1]]
    return cut(x, [None, *map(int, sections), None], axis)


@call("unbind", "unstack")
def unbind(x: Value, axis: int = 0) -> tuple[Value, ...]:
    before = (("slice", None, None, None),) * (axis % x.ndim)
    number = x.shape[axis]
    return tuple(selection.getitem(x, index=(*before, i)) for i in range(number))


@call("pad")
def pad(
    x: Value, pad_width: Any, mode: str = "constant", *, constant_values: Any = 0
) -> Value:
    if mode != "constant" or not isinstance(constant_values, int | float):
        raise ValueError("only padding with one number is supported")
    widths = np.broadcast_to(np.asarray(pad_width, dtype=int), (x.ndim, 2))
    return _padded(x, widths.tolist(), constant_values)


@call("pad", library="torch")
def torch_pad(
    x: Value, pad: Sequence[int], mode: str = "constant", value: Any = None
) -> Value:
    if mode != "constant":
        raise ValueError("only padding with one number is supported")
    widths = [[0, 0]] * (x.ndim - len(pad) // 2)
    widths += [[int(pad[i]), int(pad[i + 1])] for i in range(len(pad) - 2, -1, -2)]
    return _padded(x, widths, value or 0)


def _padded(x: Value, widths: Sequence[Sequence[int]], value: float) -> Value:
    pairs = tuple((a, b) for a, b in widths)
    return joins.pad(x, widths=pairs, **({"value": value} if value else {}))


@call("tile")
def tile(x: Value, reps: Any = (), *more: int, dims: Any = None) -> Value:
    times = listed((reps, *more)) if dims is None else tuple(dims)
    times = (1,) * (x.ndim - len(times)) + times
    if x.ndim < len(times):
        x = expand_dims(x, axis=tuple(range(len(times) - x.ndim)))
    return joins.tile(x, times=times)


call("repeat", library="torch")(tile)


@call("repeat", "repeat_interleave")
def repeat(x: Value, repeats: Any, axis: int | None = None) -> Value:
    if axis is None:
        x, axis = x if x.ndim == 1 else reshape(x, shape=(-1,)), 0
    if isinstance(repeats, int):
        return joins.repeat(x, times=repeats, axis=axis)
    given = np.asarray(
        repeats.parameters["array"] if _is_constant(repeats) else repeats
    )
    places = constant(np.repeat(np.arange(x.shape[axis]), given))
    index = (*selection.sliced(axis % x.ndim, None, None)[:-1], ("array", 0))
    return selection.getitem(x, places, index=index)


def _is_constant(x: Any) -> bool:
    if isinstance(x, Value) and x.operation != "constant":
        raise ValueError("repeats that are an input make a shape that is not known")
    return isinstance(x, Value)


@call("flip")
def flip(x: Value, axis: Any = None, *more: int) -> Value:
    if not x.ndim:
        raise ValueError("a single number has no axis to go along")
    axes = tuple(range(x.ndim)) if axis is None else listed((axis, *more))
    return scans.flip(x, axis=int(axes[0]) if len(axes) == 1 else tuple(axes))


@call("flipud")
def flipud(x: Value) -> Value:
    return scans.flip(x, axis=0)


@call("fliplr")
def fliplr(x: Value) -> Value:
    return scans.flip(x, axis=1)


@call("roll")
def roll(x: Value, shift: Any = None, axis: Any = None, *, shifts: Any = None) -> Value:
    by = shift if shifts is None else shifts
    by = by if isinstance(by, int) else tuple(by)
    at = tuple(axis) if isinstance(axis, list) else axis
    if isinstance(by, tuple) and len(by) == 1:
        by = by[0]
        at = at[0] if isinstance(at, tuple) else at
    if isinstance(by, int) and isinstance(at, tuple):
        by = (by,) * len(at)
    return scans.roll(x, shift=by, axis=at)
