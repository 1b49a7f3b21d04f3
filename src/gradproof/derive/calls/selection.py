"""Names of what chooses elements: indices, order, places."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradproof.derive.calls._table import Along, call
from gradproof.derive.infer import axes_of
from gradproof.derive.ir import Value, constant
from gradproof.derive.rules import scans, selection
from gradproof.derive.rules.shape import broadcast_to, expand_dims, reshape

WHOLE = ("slice", None, None, None)


@call("__getitem__")
def getitem(x: Value, index: Any) -> Value:
    parts = index if isinstance(index, tuple) else (index,)
    steps: list[Any] = []
    arrays: list[Value] = []
    for part in parts:
        if isinstance(part, slice):
            steps.append(("slice", part.start, part.stop, part.step))
        elif part is Ellipsis:
            steps.append("...")
        elif part is None or (isinstance(part, int) and not isinstance(part, bool)):
            steps.append(part)
        else:
            steps.append(("array", len(arrays)))
            arrays.append(_index_array(part))
    for step in steps:
        if isinstance(step, tuple) and any(isinstance(n, Value) for n in step):
            raise ValueError("a slice by values would have a shape that is not known")
    backwards = [
        i
        for i, step in enumerate(steps)
        if isinstance(step, tuple) and step[0] == "slice" and (step[3] or 1) < 0
    ]
    if backwards:
        return _reversed(x, steps, arrays, backwards)
    if all(step in (None, "...", ("slice", None, None, None)) for step in steps):
        return _with_new_axes(x, steps)
    if arrays and any(isinstance(step, int) for step in steps):
        return _in_two_steps(x, steps, arrays)
    return selection.getitem(x, *arrays, index=tuple(steps))


def _reversed(
    x: Value, steps: list[Any], arrays: list[Value], backwards: list[int]
) -> Value:
    """x[::-1] is flipped: torch has no steps backwards."""
    whole = ("slice", None, None, -1)
    plain = all(isinstance(step, tuple) and step[0] == "slice" for step in steps)
    if arrays or not plain or any(steps[i] != whole for i in backwards):
        raise ValueError("a slice that goes backwards: take x[::-1] first, or flip")
    flipped = scans.flip(
        x, axis=backwards[0] if len(backwards) == 1 else tuple(backwards)
    )
    rest = [WHOLE if i in backwards else step for i, step in enumerate(steps)]
    if all(step == WHOLE for step in rest):
        return flipped
    return selection.getitem(flipped, index=tuple(rest))


def _with_new_axes(x: Value, steps: list[Any]) -> Value:
    """x[:, None] and its kin, which choose nothing."""
    if "..." in steps:
        place = steps.index("...")
        hidden = x.ndim - sum(step is not None for step in steps) + 1
        steps = [*steps[:place], *[0] * hidden, *steps[place + 1 :]]
    axes = tuple(i for i, step in enumerate(steps) if step is None)
    return expand_dims(x, axis=axes) if axes else x


def _index_array(part: Any) -> Value:
    if isinstance(part, list):
        part = constant(np.asarray(part))
    if not isinstance(part, Value):
        raise ValueError(f"a {type(part).__name__} is no index")
    if part.dtype == "bool":
        raise ValueError(
            "a mask chooses a number of elements that is not known: "
            "use where(mask, x, 0), or multiply by the mask"
        )
    if not part.dtype.startswith(("int", "uint")):
        raise ValueError(f"an index is of integers, not {part.dtype}")
    return part


def _in_two_steps(x: Value, steps: list[Any], arrays: list[Value]) -> Value:
    """Integers first: NumPy and torch differ where they are among arrays."""
    places = [
        i for i, s in enumerate(steps) if isinstance(s, tuple) and s[0] == "array"
    ]
    numbers = [i for i, s in enumerate(steps) if isinstance(s, int)]
    joint = sorted(places + numbers)
    if joint != list(range(joint[0], joint[-1] + 1)):
        raise ValueError("integers and index arrays apart: index in two steps")
    first = [WHOLE if isinstance(s, tuple) and s[0] == "array" else s for s in steps]
    first = [WHOLE if isinstance(s, tuple) else s for s in first]
    first = [s for s in first if s is not None]
    while first and first[-1] == WHOLE:
        first.pop()
    second = [s for s in steps if not isinstance(s, int)]
    x = selection.getitem(x, index=tuple(first))
    return selection.getitem(x, *arrays, index=tuple(second))


@call("take", "index_select")
def take(x: Value, indices: Any, axis: Any = None, *, mode: str | None = None) -> Value:
    if axis is None:
        x, axis = x if x.ndim == 1 else reshape(x, shape=(-1,)), 0
    at = axes_of(axis, x.ndim)[0]
    if isinstance(indices, int):
        return selection.getitem(x, index=((WHOLE,) * at + (indices,)))
    places = _index_array(list(indices) if isinstance(indices, tuple) else indices)
    return selection.getitem(x, places, index=((WHOLE,) * at + (("array", 0),)))


@call("index_select", library="torch")
def index_select(x: Value, axis: int, index: Value) -> Value:
    return take(x, index, axis)


@call("select")
def select(x: Value, axis: int, index: int) -> Value:
    return take(x, int(index), axis)


@call("narrow")
def narrow(x: Value, axis: int, start: int, length: int) -> Value:
    index = selection.sliced(axis % x.ndim, start, start + length)
    return selection.getitem(x, index=index)


@call("take_along_axis", "take_along_dim")
def take_along_axis(x: Value, indices: Value, axis: int | None = -1) -> Value:
    if axis is None:
        x, axis = reshape(x, shape=(-1,)), 0
        indices = reshape(indices, shape=(-1,))
    at = axes_of(axis, x.ndim)[0]
    shape = list(x.shape)
    shape[at] = indices.shape[at]
    if tuple(shape) != indices.shape:
        indices = broadcast_to(indices, shape=tuple(shape))
    return selection.take_along_axis(x, indices, axis=axis)


@call("gather")
def gather(x: Value, axis: int, index: Value, *, sparse_grad: bool = False) -> Value:
    at = axes_of(axis, x.ndim)[0]
    cut = tuple(
        WHOLE if i == at or n == m else ("slice", None, n, None)
        for i, (n, m) in enumerate(zip(index.shape, x.shape, strict=True))
    )
    if any(part != WHOLE for part in cut):
        x = selection.getitem(x, index=cut)
    return selection.take_along_axis(x, index, axis=axis)


@call("argsort")
def argsort(
    x: Value,
    axis: int = -1,
    *,
    descending: bool = False,
    stable: bool = True,
    kind: Any = None,
) -> Value:
    order = selection.argsort(x, axis=axis)
    return scans.flip(order, axis=axis) if descending else order


@call("sort")
def sort(
    x: Value,
    axis: Any = -1,
    *,
    descending: bool = False,
    stable: bool = True,
    kind: Any = None,
) -> Value:
    if axis is None:
        x, axis = reshape(x, shape=(-1,)), 0
    values = selection.sort(x, axis=axis)
    return scans.flip(values, axis=axis) if descending else values


@call("sort", library="torch")
def torch_sort(
    x: Value, axis: int = -1, descending: bool = False, *, stable: bool = False
) -> Along:
    values = sort(x, axis, descending=descending)
    return Along(values, argsort(x, axis, descending=descending))


@call("argsort", library="torch")
def torch_argsort(
    x: Value, axis: int = -1, descending: bool = False, *, stable: bool = False
) -> Value:
    return argsort(x, axis, descending=descending)


@call("topk")
def topk(
    x: Value, k: int, axis: int = -1, largest: bool = True, sorted: bool = True
) -> Along:
    order = argsort(x, axis, descending=largest)
    first = selection.sliced(axis % x.ndim, None, int(k))
    places = selection.getitem(order, index=first)
    return Along(selection.take_along_axis(x, places, axis=axis), places)


@call("one_hot")
def one_hot(labels: Value, num_classes: int = -1) -> Value:
    if num_classes < 0:
        raise ValueError("give num_classes: it is not known from the labels")
    return selection.one_hot(labels, classes=int(num_classes))
