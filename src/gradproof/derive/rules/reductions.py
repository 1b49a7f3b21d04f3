"""Over an axis, several or all: sums, means, products, extremes, norms."""

from __future__ import annotations

from typing import Any

from gradproof.derive import infer
from gradproof.derive.infer import Axes, axes_of
from gradproof.derive.ir import Type, Value, make, scalar
from gradproof.derive.rules import _spell
from gradproof.derive.rules._define import (
    POSITIVE,
    REALS,
    operation,
    without_gradient,
)
from gradproof.derive.rules.elementwise import conj, equal, nonzero
from gradproof.derive.rules.shape import (
    broadcast_like,
    expand_dims,
    reshape,
    reshape_like,
)

NUMPY = "np.{operation}({0}{,axis}{,keepdims})"
TORCH = "torch.{operation}({0}{,axis:dim}{,keepdims:keepdim})"


def spread(grad: Value, x: Value, axis: Axes, keepdims: bool) -> Value:
    """What was reduced over these axes, given back its axes, of size 1."""
    gone = axes_of(axis, x.ndim)
    if keepdims or (not grad.ndim and len(gone) == x.ndim):
        return grad
    return expand_dims(grad, axis=gone)


def count(x: Value, axis: Axes) -> Value:
    """How many elements are reduced to one."""
    gone = axes_of(axis, x.ndim)
    if len(gone) == x.ndim:
        return make("size", x, axis=None) if x.ndim else scalar(1)
    product = make("size", x, axis=gone[0])
    for one in gone[1:]:
        product = product * make("size", x, axis=one)
    return product


@operation(
    infer.reduction,
    domain=(REALS,),
    numpy=NUMPY,
    torch=TORCH,
    latex=r"\sum{_axis} {0:6}",
)
def sum(
    grad: Value, output: Value, x: Value, *, axis: Axes = None, keepdims: bool = False
) -> Any:
    """d Σx = Σdx: every element gets the gradient of its sum"""
    return broadcast_like(spread(grad, x, axis, keepdims), x)


@operation(
    infer.mean,
    domain=(REALS,),
    numpy=NUMPY,
    torch=TORCH,
    latex=r"\mathrm{{mean}}{_axis}({0:0})",
)
def mean(
    grad: Value, output: Value, x: Value, *, axis: Axes = None, keepdims: bool = False
) -> Any:
    """d mean(x) = Σdx / n"""
    return broadcast_like(spread(grad / count(x, axis), x, axis, keepdims), x)


def _over_one(
    x: Value, *, axis: int | None = None, keepdims: bool = False, **_: Any
) -> Type:
    """Of the products: over one axis or all."""
    return infer.reduction(x, axis=axis, keepdims=keepdims)


@operation(
    _over_one,
    domain=(REALS,),
    numpy=NUMPY,
    torch=TORCH,
    latex=r"\prod{_axis} {0:6}",
)
def prod(
    grad: Value,
    output: Value,
    x: Value,
    *,
    axis: int | None = None,
    keepdims: bool = False,
) -> Any:
    """d Πx = Σᵢ (Π of the others)·dxᵢ, which is right at zeros too"""
    if axis is None and x.ndim != 1:
        flat = product_of_others(reshape(x, shape=(-1,)), axis=0)
        return grad * conj(reshape_like(flat, x))
    others = product_of_others(x, axis=axis or 0)
    return spread(grad, x, axis, keepdims) * conj(others)


product_of_others = without_gradient(
    "product_of_others",
    infer.like_first,
    numpy="product_of_others({0}, axis={axis})",
    latex=r"\prod_{{\mathrm{{others}}}} {0:6}",
)


def _shared(grad: Value, output: Value, x: Value, axis: Axes, keepdims: bool) -> Value:
    """To the elements that are the extreme, evenly."""
    chosen = equal(x, spread(output, x, axis, keepdims))
    options: dict[str, Any] = {} if axis is None else {"axis": axis, "keepdims": True}
    shares = make("sum", chosen, **options)
    return spread(grad, x, axis, keepdims) * chosen / shares


@operation(
    infer.reduction,
    domain=(REALS,),
    numpy=NUMPY,
    torch="torch.amax({0}{,axis:dim}{,keepdims:keepdim})",
    latex=r"\max{_axis} {0:6}",
)
def max_(
    grad: Value, output: Value, x: Value, *, axis: Axes = None, keepdims: bool = False
) -> Any:
    """d max x = dx at the maximum; where several are equal, their mean"""
    return _shared(grad, output, x, axis, keepdims)


@operation(
    infer.reduction,
    domain=(REALS,),
    numpy=NUMPY,
    torch="torch.amin({0}{,axis:dim}{,keepdims:keepdim})",
    latex=r"\min{_axis} {0:6}",
)
def min_(
    grad: Value, output: Value, x: Value, *, axis: Axes = None, keepdims: bool = False
) -> Any:
    """d min x = dx at the minimum; where several are equal, their mean"""
    return _shared(grad, output, x, axis, keepdims)


def _off_mean(x: Value, axis: Axes) -> Value:
    if axis is None:
        return x - mean(x)
    return x - mean(x, axis=axis, keepdims=True)


@operation(
    infer.magnitude,
    domain=(REALS,),
    numpy=_spell.variance,
    latex=r"\mathrm{{var}}{_axis}({0:0})",
)
def var(
    grad: Value,
    output: Value,
    x: Value,
    *,
    axis: Axes = None,
    correction: float = 0,
    keepdims: bool = False,
) -> Any:
    """d var(x) = 2·Σ(x - mean)·dx / (n - correction)"""
    degrees = count(x, axis) - correction
    return 2 * spread(grad, x, axis, keepdims) * _off_mean(x, axis) / degrees


@operation(
    infer.magnitude,
    domain=(REALS,),
    numpy=_spell.variance,
    latex=r"\mathrm{{std}}{_axis}({0:0})",
)
def std(
    grad: Value,
    output: Value,
    x: Value,
    *,
    axis: Axes = None,
    correction: float = 0,
    keepdims: bool = False,
) -> Any:
    """d std(x) = Σ(x - mean)·dx / ((n - correction)·std); 0 where all are equal"""
    degrees = count(x, axis) - correction
    ratio = spread(grad / nonzero(output), x, axis, keepdims)
    return ratio * _off_mean(x, axis) / degrees


@operation(
    infer.magnitude,
    domain=(POSITIVE,),
    numpy=_spell.norm,
    torch="torch.linalg.vector_norm({0}{,axis:dim}{,keepdims:keepdim})",
    latex=r"\|{0:0}\|",
)
def norm(
    grad: Value, output: Value, x: Value, *, axis: Axes = None, keepdims: bool = False
) -> Any:
    """d‖x‖ = x·dx / ‖x‖; 0 where x = 0"""
    return spread(grad / nonzero(output), x, axis, keepdims) * x


# Truth and places have no gradient.


def _truth(x: Value, *, axis: Axes = None, keepdims: bool = False) -> Type:
    return Type(infer.reduced(x.shape, axis, keepdims), "bool")


def _place(x: Value, *, axis: Axes = None, keepdims: bool = False) -> Type:
    return Type(infer.reduced(x.shape, axis, keepdims), "int64")


all_ = without_gradient("all", _truth, numpy=NUMPY, torch=TORCH)
any_ = without_gradient("any", _truth, numpy=NUMPY, torch=TORCH)
argmax = without_gradient("argmax", _place, numpy=NUMPY, torch=TORCH)
argmin = without_gradient("argmin", _place, numpy=NUMPY, torch=TORCH)
