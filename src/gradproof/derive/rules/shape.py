"""The same numbers in another shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradproof.derive import infer
from gradproof.derive.ir import Type, Value, make
from gradproof.derive.rules import _spell
from gradproof.derive.rules._define import REALS, operation, without_gradient


def _size(x: Value, *, axis: int | None) -> Type:
    return Type((), "int")


size = without_gradient(
    "size",
    _size,
    shape_only=(0,),
    cheap=True,
    numpy=_spell.size,
    latex="n",
)


@operation(
    infer.transpose,
    domain=(REALS,),
    cheap=True,
    numpy=_spell.transpose,
    latex=r"{0:9}^\top",
)
def transpose(grad: Value, output: Value, x: Value, *, axes: Sequence[int]) -> Any:
    """d xᵀ = dxᵀ"""
    return transpose(grad, axes=tuple(int(i) for i in np.argsort(axes)))


def swap_last(x: Value) -> Value:
    """The matrix transpose, of the last two axes; a vector as it is."""
    if x.ndim < 2:
        return x
    axes = (*range(x.ndim - 2), x.ndim - 1, x.ndim - 2)
    return transpose(x, axes=axes)


@operation(
    infer.reshape,
    domain=(REALS,),
    cheap=True,
    numpy="{0:9}.reshape({*shape})",
    torch="{0:9}.reshape({*shape})",
    latex=r"\mathrm{{reshape}}({0:0})",
)
def reshape(grad: Value, output: Value, x: Value, *, shape: Sequence[int]) -> Any:
    """The same elements in another shape, and back"""
    return reshape_like(grad, x)


def _reshape_like(x: Value, like: Value) -> Type:
    return infer.reshape(x, shape=like.shape)


@operation(
    _reshape_like,
    cheap=True,
    shape_only=(1,),
    numpy=_spell.reshape_like,
    latex=r"\mathrm{{reshape}}({0:0})",
)
def reshape_like(grad: Value, output: Value, x: Value, like: Value) -> Any:
    """The same elements in another's shape, and back"""
    return reshape_like(grad, x), None


def _expand_dims(x: Value, *, axis: tuple[int, ...]) -> Type:
    ndim = x.ndim + len(axis)
    rest = iter(x.shape)
    return Type(tuple(1 if i in axis else next(rest) for i in range(ndim)), x.dtype)


@operation(
    _expand_dims,
    cheap=True,
    numpy=_spell.expand_dims,
    latex="{0}",
)
def expand_dims(grad: Value, output: Value, x: Value, *, axis: tuple[int, ...]) -> Any:
    """A new axis of size 1, and away again"""
    return squeeze(grad, axis=axis)


def _squeeze(x: Value, *, axis: tuple[int, ...]) -> Type:
    if any(x.shape[i] != 1 for i in axis):
        raise ValueError(f"cannot squeeze axes {axis} of shape {x.shape}")
    return Type(tuple(n for i, n in enumerate(x.shape) if i not in axis), x.dtype)


@operation(
    _squeeze,
    cheap=True,
    numpy=_spell.squeeze,
    latex="{0}",
)
def squeeze(grad: Value, output: Value, x: Value, *, axis: tuple[int, ...]) -> Any:
    """Axes of size 1 away, and back again"""
    return expand_dims(grad, axis=axis)


@operation(
    infer.like_second,
    cheap=True,
    shape_only=(1,),
    numpy=_spell.broadcast_like,
    latex="{0}",
)
def broadcast_like(grad: Value, output: Value, x: Value, like: Value) -> Any:
    """Spread over another's shape; gradients add up over what was spread"""
    return grad, None


def _broadcast_to(x: Value, *, shape: Sequence[int]) -> Type:
    return Type(tuple(int(n) for n in shape), x.dtype)


@operation(
    _broadcast_to,
    domain=(REALS,),
    cheap=True,
    numpy="np.broadcast_to({0}, {shape})",
    torch="torch.broadcast_to({0}, {shape})",
    latex="{0}",
)
def broadcast_to(grad: Value, output: Value, x: Value, *, shape: Sequence[int]) -> Any:
    """Spread over a shape; gradients add up over what was spread"""
    return grad


def _cast_like(x: Value, like: Value) -> Type:
    return Type(x.shape, like.dtype)


@operation(
    _cast_like,
    cheap=True,
    numpy=_spell.cast_like,
    latex="{0}",
)
def cast_like(grad: Value, output: Value, x: Value, like: Value) -> Any:
    """In another's dtype; the gradient comes back in its own"""
    return cast_like(grad, x), None


def _cast(x: Value, *, dtype: str) -> Type:
    return Type(x.shape, dtype)


@operation(_cast, cheap=True, numpy=_spell.cast, latex="{0}")
def cast(grad: Value, output: Value, x: Value, *, dtype: str) -> Any:
    """In another dtype; the gradient comes back in its own"""
    return grad


@operation(
    infer.like_first,
    numpy="{0:9}.copy()",
    torch="{0:9}.clone()",
    latex="{0}",
)
def copy(grad: Value, output: Value, x: Value) -> Any:
    """The same numbers in an array of their own"""
    return grad


def _full(number: Value, *, shape: Sequence[int], dtype: str) -> Type:
    return Type(tuple(int(n) for n in shape), dtype)


@operation(_full, cheap=True, numpy=_spell.full, latex="{0}")
def full(
    grad: Value, output: Value, number: Value, *, shape: Sequence[int], dtype: str
) -> Any:
    """One number everywhere; gradients add up"""
    return make("sum", grad)


def sum_to(grad: Value, like: Value) -> Value:
    """Add up over what broadcasting ``like`` to the shape of ``grad`` added."""
    if grad.shape == like.shape or len(grad.shape) < len(like.shape):
        return grad
    extra = grad.ndim - like.ndim
    stretched = tuple(
        extra + axis
        for axis, size in enumerate(like.shape)
        if size == 1 and grad.shape[extra + axis] != 1
    )
    if stretched:
        grad = make("sum", grad, axis=_plain(stretched), keepdims=True)
    if extra:
        every = extra == grad.ndim
        grad = make("sum", grad, axis=None if every else _plain(range(extra)))
    return grad


def _plain(axes: Sequence[int]) -> int | tuple[int, ...]:
    return axes[0] if len(axes) == 1 else tuple(axes)
