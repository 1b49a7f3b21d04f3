"""Functions that work element by element, each by every name that it has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from tests.derive.cases._case import case

ALL, POSITIVE, INSIDE, ABOVE_1 = (-3.0, 3.0), (0.2, 3.0), (-0.9, 0.9), (1.2, 3.0)
Interval = tuple[float, float]


def _named(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function under a name of its own, as if it were written out."""

    def of_one(x: Any) -> Any:
        return function(x)

    def of_two(x: Any, y: Any) -> Any:
        return function(x, y)

    wrapped = of_two if name.startswith(("numpy2", "torch2")) else of_one
    wrapped.__name__ = name
    return wrapped


NUMPY_OF_ONE: list[tuple[str, str, Interval]] = [
    ("abs", "abs", ALL),
    ("absolute", "abs", ALL),
    ("fabs", "abs", ALL),
    ("arccos", "acos", INSIDE),
    ("acos", "acos", INSIDE),
    ("arccosh", "acosh", ABOVE_1),
    ("arcsin", "asin", INSIDE),
    ("arcsinh", "asinh", ALL),
    ("arctan", "atan", ALL),
    ("arctanh", "atanh", INSIDE),
    ("ceil", "ceil", ALL),
    ("conj", "conj_physical", ALL),
    ("cos", "cos", ALL),
    ("cosh", "cosh", ALL),
    ("deg2rad", "deg2rad", ALL),
    ("degrees", "rad2deg", ALL),
    ("exp", "exp", ALL),
    ("exp2", "exp2", ALL),
    ("expm1", "expm1", ALL),
    ("floor", "floor", ALL),
    ("isfinite", "isfinite", ALL),
    ("isnan", "isnan", ALL),
    ("log", "log", POSITIVE),
    ("log10", "log10", POSITIVE),
    ("log1p", "log1p", POSITIVE),
    ("log2", "log2", POSITIVE),
    ("negative", "neg", ALL),
    ("nan_to_num", "nan_to_num", ALL),
    ("positive", "positive", ALL),
    ("reciprocal", "reciprocal", POSITIVE),
    ("rint", "round", ALL),
    ("round", "round", ALL),
    ("sign", "sign", ALL),
    ("signbit", "signbit", ALL),
    ("sin", "sin", ALL),
    ("sinc", "sinc", ALL),
    ("sinh", "sinh", ALL),
    ("sqrt", "sqrt", POSITIVE),
    ("square", "square", ALL),
    ("tan", "tan", INSIDE),
    ("tanh", "tanh", ALL),
    ("trunc", "trunc", ALL),
]
for _name, _torch, _domain in NUMPY_OF_ONE:
    _reference = getattr(torch, _torch)
    if _reference(torch.ones(1, dtype=torch.float64)).dtype.is_floating_point:
        case(_reference, x=((3, 4), _domain))(
            _named(f"numpy_{_name}", getattr(np, _name))
        )

NUMPY_OF_TWO: list[tuple[str, str, Interval, Interval]] = [
    ("add", "add", ALL, ALL),
    ("arctan2", "atan2", ALL, POSITIVE),
    ("divide", "div", ALL, POSITIVE),
    ("fmax", "fmax", ALL, ALL),
    ("fmin", "fmin", ALL, ALL),
    ("fmod", "fmod", ALL, POSITIVE),
    ("hypot", "hypot", POSITIVE, ALL),
    ("logaddexp", "logaddexp", ALL, ALL),
    ("logaddexp2", "logaddexp2", ALL, ALL),
    ("maximum", "maximum", ALL, ALL),
    ("minimum", "minimum", ALL, ALL),
    ("multiply", "mul", ALL, ALL),
    ("power", "pow", POSITIVE, ALL),
    ("remainder", "remainder", ALL, POSITIVE),
    ("subtract", "sub", ALL, ALL),
]
for _name, _torch, _first, _second in NUMPY_OF_TWO:
    case(getattr(torch, _torch), x=((3, 4), _first), y=((4,), _second))(
        _named(f"numpy2_{_name}", getattr(np, _name))
    )

TORCH_OF_ONE: list[tuple[str, Callable[..., Any], Interval]] = [
    ("abs", torch.abs, ALL),
    ("asin", torch.asin, INSIDE),
    ("celu", lambda x: F.celu(x, alpha=1.5), ALL),
    ("clamp", lambda x: torch.clamp(x, -1, 1), ALL),
    ("clamp_max", lambda x: x.clamp(max=0.5), ALL),
    ("clamp_min", lambda x: x.clamp_min(0.5), ALL),
    ("digamma", torch.digamma, POSITIVE),
    ("elu", lambda x: F.elu(x, alpha=0.7), ALL),
    ("erf", torch.erf, ALL),
    ("erfc", torch.special.erfc, ALL),
    ("erfinv", torch.erfinv, INSIDE),
    ("gelu", F.gelu, ALL),
    ("gelu_tanh", lambda x: F.gelu(x, approximate="tanh"), ALL),
    ("hardshrink", F.hardshrink, ALL),
    ("hardtanh", F.hardtanh, ALL),
    ("leaky_relu", lambda x: F.leaky_relu(x, 0.2), ALL),
    ("leaky_relu_inside", lambda x: F.leaky_relu(x * x - 1, 0.2), ALL),
    ("lgamma", torch.lgamma, POSITIVE),
    ("logit", torch.logit, (0.1, 0.9)),
    ("logsigmoid", F.logsigmoid, ALL),
    ("mish", F.mish, ALL),
    ("ndtr", torch.special.ndtr, ALL),
    ("neg", lambda x: x.neg(), ALL),
    ("relu", lambda x: x.relu(), ALL),
    ("relu6", lambda x: F.relu6(4 * x), ALL),
    ("rsqrt", torch.rsqrt, POSITIVE),
    ("selu", F.selu, ALL),
    ("sigmoid", torch.sigmoid, ALL),
    ("silu", F.silu, ALL),
    ("softplus", F.softplus, ALL),
    ("softplus_beta", lambda x: F.softplus(x, beta=2.0, threshold=5.0), ALL),
    ("softshrink", F.softshrink, ALL),
    ("softsign", F.softsign, ALL),
    ("square", torch.square, ALL),
    ("tanhshrink", F.tanhshrink, ALL),
    ("threshold", lambda x: F.threshold(x, 0.3, 2.0), ALL),
]
for _name, _function, _domain in TORCH_OF_ONE:
    case(x=((3, 4), _domain))(_named(f"torch_{_name}", _function))

TORCH_OF_TWO: list[tuple[str, Callable[..., Any], Interval, Interval]] = [
    ("add_alpha", lambda x, y: torch.add(x, y, alpha=2), ALL, ALL),
    ("sub_alpha", lambda x, y: torch.sub(x, y, alpha=2), ALL, ALL),
    ("rsub", lambda x, y: 2.0 - x - y, ALL, ALL),
    ("divided_number", lambda x, y: 2.0 / x + y, POSITIVE, ALL),
    ("powers", lambda x, y: 2.0**x + y**3 + y**-0.5, ALL, POSITIVE),
    ("lerp", lambda x, y: torch.lerp(x, y, 0.3), ALL, ALL),
    ("where", lambda x, y: torch.where(x > y, x * y, 0.0), ALL, ALL),
    ("masked_fill", lambda x, y: (x * y).masked_fill(x > 0, 1.5), ALL, ALL),
    ("clamp", lambda x, y: torch.clamp(x, y, y + 1), ALL, ALL),
    ("addcmul", lambda x, y: torch.addcmul(x, x, y, value=0.5), ALL, ALL),
    ("addcdiv", lambda x, y: torch.addcdiv(x, x, y), ALL, POSITIVE),
    ("xlogy", torch.special.xlogy, ALL, POSITIVE),
    ("logical", lambda x, y: x * ((x > 0) & ~(y > 0) | (x > y)), ALL, ALL),
    (
        "div_floor",
        lambda x, y: x * torch.div(x, y, rounding_mode="floor"),
        ALL,
        POSITIVE,
    ),
]
for _name, _function, _first, _second in TORCH_OF_TWO:
    case(x=((3, 4), _first), y=((4,), _second))(_named(f"torch2_{_name}", _function))


@case(lambda x: torch.sign(x) * torch.abs(x) ** (1 / 3), x=((5,), POSITIVE))
def numpy_cbrt(x):
    return np.cbrt(x)


@case(lambda x: x.clamp(-1, 1), x=((5,), ALL))
def numpy_clip(x):
    return np.clip(x, -1, 1)


@case(lambda x, y: torch.where(x > y, x, y * y), x=((3, 4), ALL), y=((4,), ALL))
def numpy_where(x, y):
    return np.where(x > y, x, y**2)


@case(lambda x, y: torch.where(torch.logical_and(x > 0, y > 0), x, y), x=(4,), y=(4,))
def numpy_logical(x, y):
    return np.where(np.logical_and(x > 0, y > 0), x, y)


@case(lambda x: torch.round(x, decimals=1) + x, x=(5,))
def numpy_round_decimals(x):
    return np.round(x, 1) + x


@case(x=((2, 3, 4), ALL), weight=(3,))
def torch_prelu(x, weight):
    return F.prelu(x, weight)


@case(lambda x, y: x + torch.floor(x / y), x=((3, 4), ALL), y=((4,), POSITIVE))
def numpy_floor_divide(x, y):
    return x + x // y


@case(x=((3, 4), ALL))
def torch_hard(x):
    return x + 0.5 * F.hardtanh(x) * F.relu6(x)


@case(lambda x, y: x**y, x=np.array([2.0, 1.0, 1.5]), y=np.array([1.0, 0.5, 3.0]))
def numpy_powers(x, y):
    return x**y


@case(lambda x, y: torch.copysign(x**2, y), x=((3, 4), ALL), y=((4,), ALL))
def numpy_copysign(x, y):
    return np.copysign(x**2, y)
