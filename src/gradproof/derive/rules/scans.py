"""Along an axis: what adds up or multiplies up, and what shifts or turns around."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradproof.derive import infer
from gradproof.derive.infer import Axes
from gradproof.derive.ir import Type, Value
from gradproof.derive.rules import _spell
from gradproof.derive.rules._define import REALS, operation, without_gradient


def _scan(x: Value, *, axis: int) -> Type:
    infer.axes_of(axis, x.ndim)
    return infer.reduction(x, axis=())._replace(shape=x.shape)


@operation(
    _scan,
    domain=(REALS,),
    numpy="np.cumsum({0}, axis={axis})",
    torch="torch.cumsum({0}, dim={axis})",
    latex=r"\mathrm{{cumsum}}({0:0})",
)
def cumsum(grad: Value, output: Value, x: Value, *, axis: int) -> Any:
    """yₖ = Σ xᵢ over i ≤ k, so the gradient of xᵢ is the sum of grad over k ≥ i"""
    return flip(cumsum(flip(grad, axis=axis), axis=axis), axis=axis)


@operation(
    _scan,
    domain=(REALS,),
    numpy="np.cumprod({0}, axis={axis})",
    torch="torch.cumprod({0}, dim={axis})",
    latex=r"\mathrm{{cumprod}}({0:0})",
)
def cumprod(grad: Value, output: Value, x: Value, *, axis: int) -> Any:
    """yₖ = Π xᵢ over i ≤ k; each xᵢ multiplies every yₖ with k ≥ i"""
    return cumprod_gradient(grad, x, axis=axis)


cumprod_gradient = without_gradient(
    "cumprod_gradient",
    infer.like_first,
    numpy="cumprod_gradient({0}, {1}, axis={axis})",
    latex=r"\mathrm{{cumprod}}^*({0:0}, {1:0})",
)


@operation(
    infer.like_first,
    domain=(REALS,),
    numpy="np.flip({0}{,axis})",
    torch=_spell.flip,
    latex=r"\mathrm{{flip}}({0:0})",
)
def flip(grad: Value, output: Value, x: Value, *, axis: Axes) -> Any:
    """The other way around, and back"""
    return flip(grad, axis=axis)


@operation(
    infer.like_first,
    domain=(REALS,),
    numpy="np.roll({0}, {shift}{,axis})",
    torch="torch.roll({0}, {shift}{,axis:dims})",
    latex=r"\mathrm{{roll}}({0:0})",
)
def roll(
    grad: Value,
    output: Value,
    x: Value,
    *,
    shift: int | Sequence[int],
    axis: Axes = None,
) -> Any:
    """Shifted around the end, and back"""
    back = -shift if isinstance(shift, int) else tuple(-one for one in shift)
    return roll(grad, shift=back, axis=axis)
