"""Arrays put together, padded and repeated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradproof.derive import infer
from gradproof.derive.ir import Size, Type, Value, make, promoted
from gradproof.derive.rules import _spell_selection as _spell
from gradproof.derive.rules._define import REALS, operation
from gradproof.derive.rules.selection import getitem, sliced
from gradproof.derive.rules.shape import reshape


def _size(x: Value, axis: int) -> int:
    """The size of an axis, which remembers of what."""
    return Size(x.shape[axis], make("size", x, axis=axis))


def _concatenate(*arrays: Value, axis: int) -> Type:
    first = arrays[0]
    (axis,) = infer.axes_of(axis, first.ndim)
    rests = {x.shape[:axis] + x.shape[axis + 1 :] for x in arrays}
    if len(rests) > 1 or any(x.ndim != first.ndim for x in arrays):
        listed = " and ".join(str(x.shape) for x in arrays)
        problem = f"shapes {listed} do not fit along axis {axis}"
        raise infer.SizesDifferError(problem, *rests)
    shape = list(first.shape)
    shape[axis] = sum(x.shape[axis] for x in arrays)
    return Type(tuple(shape), promoted(arrays))


@operation(
    _concatenate,
    domain=(REALS, REALS),
    numpy=_spell.concatenate,
    latex=_spell.concatenate,
)
def concatenate(grad: Value, output: Value, *arrays: Value, axis: int) -> Any:
    """One after the other, and cut apart again"""
    axis %= grad.ndim
    gradients: list[Value] = []
    start: int | None = None
    for x in arrays:
        stop = _size(x, axis) if start is None else start + _size(x, axis)
        last = x is arrays[-1] and len(gradients) == len(arrays) - 1
        part = sliced(axis, start, None if last else stop)
        gradients.append(getitem(grad, index=part))
        start = stop
    return tuple(gradients)


def _stack(*arrays: Value, axis: int) -> Type:
    if len({x.shape for x in arrays}) > 1:
        listed = " and ".join(str(x.shape) for x in arrays)
        problem = f"shapes {listed} are not equal"
        raise infer.SizesDifferError(problem, *(x.shape for x in arrays))
    (axis,) = infer.axes_of(axis, arrays[0].ndim + 1)
    shape = list(arrays[0].shape)
    shape.insert(axis, len(arrays))
    return Type(tuple(shape), promoted(arrays))


@operation(
    _stack,
    domain=(REALS, REALS),
    numpy=_spell.concatenate,
    latex=_spell.concatenate,
)
def stack(grad: Value, output: Value, *arrays: Value, axis: int) -> Any:
    """Side by side on a new axis, and taken apart again"""
    before = (("slice", None, None, None),) * (axis % grad.ndim)
    return tuple(getitem(grad, index=(*before, i)) for i in range(len(arrays)))


Widths = Sequence[tuple[int, int]]


def _pad(x: Value, *, widths: Widths, value: float = 0) -> Type:
    if len(widths) != x.ndim:
        raise ValueError(f"{len(widths)} pairs of widths for {x.ndim} axes")
    if any(width < 0 for pair in widths for width in pair):
        raise ValueError("negative widths: slice instead")
    pairs = zip(x.shape, widths, strict=True)
    return Type(tuple(int(n + a + b) for n, (a, b) in pairs), x.dtype)


@operation(_pad, domain=(REALS,), numpy=_spell.pad, latex=r"\mathrm{{pad}}({0:0})")
def pad(
    grad: Value, output: Value, x: Value, *, widths: Widths, value: float = 0
) -> Any:
    """With a number around it, and without again"""
    parts = [("slice", a or None, -b if b else None, None) for a, b in widths]
    while parts and parts[-1] == ("slice", None, None, None):
        parts.pop()
    return getitem(grad, index=tuple(parts)) if parts else grad


def _tile(x: Value, *, times: Sequence[int]) -> Type:
    return Type(tuple(n * int(r) for n, r in zip(x.shape, times, strict=True)), x.dtype)


@operation(
    _tile,
    domain=(REALS,),
    numpy="np.tile({0}, {times})",
    torch="torch.tile({0}, {times})",
    latex=r"\mathrm{{tile}}({0:0})",
)
def tile(grad: Value, output: Value, x: Value, *, times: Sequence[int]) -> Any:
    """Copies side by side, whose gradients add up"""
    shape: list[int] = []
    copies = []
    for axis, number in enumerate(times):
        if number != 1:
            copies.append(len(shape))
            shape.append(number)
        shape.append(_size(x, axis))
    if not copies:
        return grad
    over = copies[0] if len(copies) == 1 else tuple(copies)
    return make("sum", reshape(grad, shape=tuple(shape)), axis=over)


def _repeat(x: Value, *, times: int, axis: int) -> Type:
    (axis,) = infer.axes_of(axis, x.ndim)
    shape = list(x.shape)
    shape[axis] *= int(times)
    return Type(tuple(map(int, shape)), x.dtype)


@operation(
    _repeat,
    domain=(REALS,),
    numpy="np.repeat({0}, {times}, axis={axis})",
    torch="torch.repeat_interleave({0}, {times}, dim={axis})",
    latex=r"\mathrm{{repeat}}({0:0})",
)
def repeat(grad: Value, output: Value, x: Value, *, times: int, axis: int) -> Any:
    """Every element several times, whose gradients add up"""
    axis %= x.ndim
    sizes = [_size(x, i) for i in range(x.ndim)]
    shape = (*sizes[: axis + 1], times, *sizes[axis + 1 :])
    return make("sum", reshape(grad, shape=shape), axis=axis + 1)
