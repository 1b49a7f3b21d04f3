"""Steps, bounds and truth values: what is flat, or takes one side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradproof.derive import infer
from gradproof.derive.ir import Value, scalar
from gradproof.derive.rules import _spell
from gradproof.derive.rules._define import (
    POSITIVE,
    REALS,
    elementwise,
    without_gradient,
)
from gradproof.derive.rules.elementwise import sign


@elementwise(
    REALS,
    to_float=False,
    numpy="np.clip({0}, {1}, {2})",
    torch="torch.clamp({0}, {1}, {2})",
    latex=r"\mathrm{{clip}}({0:0}, {1:0}, {2:0})",
)
def clip(grad: Value, output: Value, x: Value, low: Value, high: Value) -> Any:
    """d clip(x) = dx where low ≤ x ≤ high, else that of the bound"""
    inside = grad * (x >= low) * (x <= high)
    return inside, grad * (x < low), grad * (x > high)


@elementwise(
    REALS,
    to_float=False,
    numpy="np.maximum({0}, {1})",
    torch="torch.clamp({0}, min={1})",
    latex=r"\max({0:0}, {1:0})",
)
def clip_below(grad: Value, output: Value, x: Value, low: Value) -> Any:
    """d max(x, low) = dx where x ≥ low, else that of the bound"""
    return grad * (x >= low), grad * (x < low)


@elementwise(
    REALS,
    to_float=False,
    numpy="np.minimum({0}, {1})",
    torch="torch.clamp({0}, max={1})",
    latex=r"\min({0:0}, {1:0})",
)
def clip_above(grad: Value, output: Value, x: Value, high: Value) -> Any:
    """d min(x, high) = dx where x ≤ high, else that of the bound"""
    return grad * (x <= high), grad * (x > high)


@elementwise(
    REALS, REALS, to_float=False, latex=r"\max({0:0}, {1:0})", torch=_spell.of_tensors
)
def fmax(grad: Value, output: Value, x: Value, y: Value) -> Any:
    """d fmax(x, y) = dx where that is the result, else dy"""
    return grad * bitwise_or(x >= y, isnan(y)), grad * bitwise_or(x < y, isnan(x))


@elementwise(
    REALS, REALS, to_float=False, latex=r"\min({0:0}, {1:0})", torch=_spell.of_tensors
)
def fmin(grad: Value, output: Value, x: Value, y: Value) -> Any:
    """d fmin(x, y) = dx where that is the result, else dy"""
    return grad * bitwise_or(x <= y, isnan(y)), grad * bitwise_or(x > y, isnan(x))


@elementwise(POSITIVE, POSITIVE, to_float=False, numpy="%")
def remainder(grad: Value, output: Value, x: Value, y: Value) -> Any:
    """d(x mod y) = dx - ⌊x/y⌋·dy"""
    return grad, -grad * floor_divide(x, y)


@elementwise(POSITIVE, POSITIVE, to_float=False)
def fmod(grad: Value, output: Value, x: Value, y: Value) -> Any:
    """d fmod(x, y) = dx - trunc(x/y)·dy"""
    return grad, -grad * trunc(x / y)


@elementwise(REALS, REALS, torch=_spell.of_tensors)
def copysign(grad: Value, output: Value, x: Value, y: Value) -> Any:
    """d copysign(x, y) = ±dx, as the sign stayed or turned; 0 at 0"""
    return grad * sign(x) * sign(output), scalar(0.0)


@elementwise(
    REALS,
    numpy="np.nan_to_num({0}{,nan}{,posinf}{,neginf})",
    torch="torch.nan_to_num({0}{,nan}{,posinf}{,neginf})",
    latex="{0}",
)
def nan_to_num(
    grad: Value,
    output: Value,
    x: Value,
    *,
    nan: float = 0.0,
    posinf: float | None = None,
    neginf: float | None = None,
) -> Any:
    """d nan_to_num(x) = dx where x is finite, else 0"""
    return grad * isfinite(x)


def _flat(name: str, **options: Any) -> Callable[..., Value]:
    return without_gradient(name, infer.same, elementwise=True, cheap=True, **options)


floor = _flat("floor", latex=r"\lfloor {0:0} \rfloor")
ceil = _flat("ceil", latex=r"\lceil {0:0} \rceil")
trunc = _flat("trunc")
rint = _flat("rint", torch="torch.round({0})")
floor_divide = _flat(
    "floor_divide", numpy="//", torch='torch.div({0}, {1}, rounding_mode="floor")'
)
heaviside = _flat("heaviside")
bitwise_and = _flat("bitwise_and", numpy="&")
bitwise_or = _flat("bitwise_or", numpy="|")
bitwise_xor = _flat("bitwise_xor")
bitwise_invert = _flat("bitwise_invert", numpy=("~{0:9}", 7))
bitwise_left_shift = _flat("bitwise_left_shift", numpy=("{0:6} << {1:6}", 4))
bitwise_right_shift = _flat("bitwise_right_shift", numpy=("{0:6} >> {1:6}", 4))


def _truth(name: str, **options: Any) -> Callable[..., Value]:
    return without_gradient(
        name, infer.boolean, elementwise=True, cheap=True, **options
    )


isfinite = _truth("isfinite")
isinf = _truth("isinf")
isnan = _truth("isnan")
signbit = _truth("signbit")
logical_and = _truth("logical_and")
logical_or = _truth("logical_or")
logical_xor = _truth("logical_xor")
logical_not = _truth("logical_not")
