"""Elements chosen by where they are: indices, slices, order."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradproof.derive import infer
from gradproof.derive.ir import Type, Value
from gradproof.derive.rules import _spell_selection as _spell
from gradproof.derive.rules._define import REALS, operation, without_gradient

# An index is a tuple of integers, None, "...", ("slice", start, stop, step), and
# ("array", i) for the i-th of the index arrays, which are operands.
Index = tuple[Any, ...]


def sliced(axis: int, start: int | None, stop: int | None) -> Index:
    """The index of a slice along one axis."""
    whole = ("slice", None, None, None)
    return (*(whole,) * axis, ("slice", start, stop, None))


def plain_index(index: Index, arrays: tuple[Any, ...]) -> tuple[Any, ...]:
    """An index as Python understands it."""
    plain: list[Any] = []
    for part in index:
        if isinstance(part, tuple) and part[0] == "slice":
            bounds = (None if n is None else int(n) for n in part[1:])
            plain.append(slice(*bounds))
        elif isinstance(part, tuple):
            plain.append(arrays[part[1]])
        else:
            plain.append(Ellipsis if part == "..." else part)
    return tuple(plain)


def _getitem(x: Value, *arrays: Value, index: Index) -> Type:
    if arrays:
        infer.broadcast(*arrays)
    places = tuple(np.zeros(array.shape, dtype=int) for array in arrays)
    pattern = np.broadcast_to(np.int8(0), x.shape)
    try:
        shape = pattern[plain_index(index, places)].shape
    except IndexError as error:
        raise ValueError(str(error)) from None
    return Type(shape, x.dtype)


@operation(
    _getitem, domain=(REALS,), cheap=True, numpy=_spell.getitem, latex=_spell.getitem
)
def getitem(grad: Value, output: Value, x: Value, *arrays: Value, index: Index) -> Any:
    """Some elements; all others get the gradient 0, repeated ones the sum"""
    return (at_index(grad, x, *arrays, index=index),)


def _at_index(grad: Value, like: Value, *arrays: Value, index: Index) -> Type:
    return infer.like_second(grad, like)


@operation(
    _at_index,
    shape_only=(1,),
    numpy=_spell.at_index,
    jax=_spell.at_index_jax,
    latex=r"\mathrm{{scatter}}({0:0})",
)
def at_index(
    grad: Value,
    output: Value,
    x: Value,
    like: Value,
    *arrays: Value,
    index: Index,
) -> Any:
    """Zeros but for these elements, which add up where they are the same"""
    return getitem(grad, *arrays, index=index)


def _at_several(like: Value, *grads: Value, indices: tuple[Index, ...]) -> Type:
    return infer.like_second(grads[0], like)


@operation(
    _at_several,
    shape_only=(0,),
    numpy=_spell.at_several,
    latex=r"\mathrm{{scatter}}({1:0}, \dots)",
)
def at_several(
    grad: Value,
    output: Value,
    like: Value,
    *grads: Value,
    indices: tuple[Index, ...],
) -> Any:
    """Zeros but for these elements, each with all that is added there"""
    return None, *(getitem(grad, index=index) for index in indices)


def _take_along_axis(x: Value, indices: Value, *, axis: int) -> Type:
    infer.axes_of(axis, x.ndim)
    return Type(indices.shape, x.dtype)


@operation(
    _take_along_axis,
    domain=(REALS,),
    numpy="np.take_along_axis({0}, {1}, axis={axis})",
    torch="torch.take_along_dim({0}, {1}, dim={axis})",
    latex=r"\mathrm{{take}}({0:0}, {1:0})",
)
def take_along_axis(
    grad: Value, output: Value, x: Value, indices: Value, *, axis: int
) -> Any:
    """Elements by their place on an axis; repeated ones get the sum"""
    return add_along_axis(grad, x, indices, axis=axis)


def _add_along_axis(grad: Value, like: Value, indices: Value, *, axis: int) -> Type:
    return infer.like_second(grad, like)


@operation(
    _add_along_axis,
    shape_only=(1,),
    numpy=_spell.add_along_axis,
    jax="add_along_axis(jnp.zeros_like({1}), {2}, {0}, axis={axis})",
    latex=r"\mathrm{{scatter}}({0:0}, {2:0})",
)
def add_along_axis(
    grad: Value, output: Value, x: Value, like: Value, indices: Value, *, axis: int
) -> Any:
    """Zeros but for these places on an axis, which add up where they are the same"""
    return take_along_axis(grad, indices, axis=axis)


def _order(x: Value, *, axis: int) -> Type:
    infer.axes_of(axis, x.ndim)
    return Type(x.shape, "int64")


argsort = without_gradient(
    "argsort",
    _order,
    numpy='np.argsort({0}, axis={axis}, kind="stable")',
    torch="torch.argsort({0}, dim={axis}, stable=True)",
    jax="jnp.argsort({0}, axis={axis}, stable=True)",
    latex=r"\mathrm{{argsort}}({0:0})",
)


@operation(
    infer.like_first,
    domain=(REALS,),
    numpy="np.sort({0}, axis={axis})",
    torch="torch.sort({0}, dim={axis}).values",
    latex=r"\mathrm{{sort}}({0:0})",
)
def sort(grad: Value, output: Value, x: Value, *, axis: int) -> Any:
    """In order; the gradient is put back in the order of x"""
    return add_along_axis(grad, x, argsort(x, axis=axis), axis=axis)


def _one_hot(labels: Value, *, classes: int) -> Type:
    return Type((*labels.shape, int(classes)), "int64")


one_hot = without_gradient(
    "one_hot",
    _one_hot,
    numpy="np.eye({classes}, dtype=int)[{0}]",
    torch="torch.nn.functional.one_hot({0}, {classes})",
    jax="jax.nn.one_hot({0}, {classes}, dtype=int)",
    latex=r"\mathrm{{onehot}}({0:0})",
)
