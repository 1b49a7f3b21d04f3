"""Names of elementwise functions of one array and of two."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from gradproof.derive.calls._table import call
from gradproof.derive.ir import Value, as_value
from gradproof.derive.rules import choices, circular, elementwise, special

Rule = Callable[..., Value]

# The rule, and every name that it goes by.
ONE: list[tuple[Rule, str]] = [
    (elementwise.abs_, "abs absolute fabs __abs__"),
    (elementwise.angle, "angle"),
    (circular.arccos, "arccos acos"),
    (circular.arccosh, "arccosh acosh"),
    (circular.arcsin, "arcsin asin"),
    (circular.arcsinh, "arcsinh asinh"),
    (circular.arctan, "arctan atan"),
    (circular.arctanh, "arctanh atanh"),
    (choices.bitwise_invert, "bitwise_invert bitwise_not invert __invert__"),
    (elementwise.cbrt, "cbrt"),
    (choices.ceil, "ceil"),
    (elementwise.conj, "conj conjugate conj_physical resolve_conj"),
    (circular.cos, "cos"),
    (circular.cosh, "cosh"),
    (special.digamma, "digamma psi"),
    (special.erf, "erf"),
    (special.erfc, "erfc"),
    (special.erfinv, "erfinv"),
    (elementwise.exp, "exp"),
    (elementwise.exp2, "exp2"),
    (special.expit, "expit sigmoid"),
    (elementwise.expm1, "expm1"),
    (choices.floor, "floor"),
    (elementwise.imag, "imag"),
    (choices.isfinite, "isfinite"),
    (choices.isinf, "isinf"),
    (choices.isnan, "isnan"),
    (special.lgamma, "lgamma gammaln"),
    (elementwise.log, "log"),
    (elementwise.log10, "log10"),
    (elementwise.log1p, "log1p"),
    (elementwise.log2, "log2"),
    (special.log_expit, "log_expit logsigmoid log_sigmoid"),
    (choices.logical_not, "logical_not"),
    (special.ndtr, "ndtr"),
    (elementwise.negative, "negative neg __neg__"),
    (elementwise.reciprocal, "reciprocal"),
    (elementwise.rsqrt, "rsqrt"),
    (elementwise.sign, "sign sgn"),
    (choices.signbit, "signbit"),
    (circular.sin, "sin"),
    (circular.sinc, "sinc"),
    (circular.sinh, "sinh"),
    (elementwise.sqrt, "sqrt"),
    (elementwise.square, "square"),
    (circular.tan, "tan"),
    (circular.tanh, "tanh"),
    (choices.trunc, "trunc fix"),
]

TWO: list[tuple[Rule, str]] = [
    (circular.arctan2, "arctan2 atan2"),
    (choices.bitwise_and, "bitwise_and __and__"),
    (choices.bitwise_left_shift, "bitwise_left_shift left_shift"),
    (choices.bitwise_or, "bitwise_or __or__"),
    (choices.bitwise_right_shift, "bitwise_right_shift right_shift"),
    (choices.bitwise_xor, "bitwise_xor __xor__"),
    (choices.copysign, "copysign"),
    (elementwise.divide, "divide true_divide __truediv__"),
    (elementwise.equal, "equal eq __eq__"),
    (choices.floor_divide, "floor_divide __floordiv__"),
    (choices.fmax, "fmax"),
    (choices.fmin, "fmin"),
    (choices.fmod, "fmod"),
    (elementwise.greater, "greater gt __gt__"),
    (elementwise.greater_equal, "greater_equal ge __ge__"),
    (choices.heaviside, "heaviside"),
    (circular.hypot, "hypot"),
    (elementwise.less, "less lt __lt__"),
    (elementwise.less_equal, "less_equal le __le__"),
    (special.logaddexp, "logaddexp"),
    (special.logaddexp2, "logaddexp2"),
    (choices.logical_and, "logical_and"),
    (choices.logical_or, "logical_or"),
    (choices.logical_xor, "logical_xor"),
    (elementwise.maximum, "maximum"),
    (elementwise.minimum, "minimum"),
    (elementwise.multiply, "multiply mul __mul__"),
    (elementwise.not_equal, "not_equal ne __ne__"),
    (elementwise.power, "power pow __pow__ float_power"),
    (choices.remainder, "remainder mod __mod__"),
    (special.xlogy, "xlogy"),
]

REVERSED: list[tuple[Rule, str]] = [
    (elementwise.add, "__radd__"),
    (choices.bitwise_and, "__rand__"),
    (choices.bitwise_or, "__ror__"),
    (choices.bitwise_xor, "__rxor__"),
    (elementwise.divide, "__rtruediv__ __rdiv__"),
    (choices.floor_divide, "__rfloordiv__"),
    (elementwise.multiply, "__rmul__"),
    (elementwise.power, "__rpow__"),
    (choices.remainder, "__rmod__"),
    (elementwise.subtract, "__rsub__"),
]


def _of_one(rule: Rule) -> Rule:
    return lambda x: rule(as_value(x))


def _of_two(rule: Rule) -> Rule:
    def of_two(x: Any, y: Any = None, *, other: Any = None) -> Value:
        return rule(as_value(x), as_value(other if y is None else y))

    return of_two


def _turned(rule: Rule) -> Rule:
    return lambda x, y: rule(as_value(y), as_value(x))


for _table, _make in ((ONE, _of_one), (TWO, _of_two), (REVERSED, _turned)):
    for _rule, _names in _table:
        call(*_names.split())(_make(_rule))


@call("add", "__add__")
def add(x: Any, y: Any = None, *, other: Any = None, alpha: Any = 1) -> Value:
    return as_value(x) + _scaled(other if y is None else y, alpha)


@call("subtract", "sub", "__sub__")
def subtract(x: Any, y: Any = None, *, other: Any = None, alpha: Any = 1) -> Value:
    return as_value(x) - _scaled(other if y is None else y, alpha)


@call("rsub")
def rsub(x: Any, y: Any, *, alpha: Any = 1) -> Value:
    return as_value(y) - _scaled(x, alpha)


def _scaled(y: Any, alpha: Any) -> Value:
    """Alpha times y, as torch's add and sub have it."""
    return as_value(y) if alpha == 1 else alpha * as_value(y)


@call("div")
def div(x: Any, y: Any, *, rounding_mode: str | None = None) -> Value:
    if rounding_mode == "floor":
        return choices.floor_divide(x, y)
    ratio = elementwise.divide(x, y)
    return ratio if rounding_mode is None else choices.trunc(ratio)


@call("positive", "__pos__")
def positive(x: Value) -> Value:
    return x


@call("real")
def real(x: Value) -> Value:
    return x if x.is_real else elementwise.real(x)


@call("round", "around", "rint")
def round_(x: Value, decimals: int = 0) -> Value:
    if not decimals:
        return choices.rint(x)
    scale = 10.0**decimals
    return choices.rint(x * scale) / scale


@call("logit")
def logit(x: Value, eps: float | None = None) -> Value:
    return special.logit(x if eps is None else choices.clip(x, eps, 1 - eps))


@call("deg2rad", "radians")
def deg2rad(x: Value) -> Value:
    return (math.pi / 180) * x


@call("rad2deg", "degrees")
def rad2deg(x: Value) -> Value:
    return (180 / math.pi) * x


@call("polygamma")
def polygamma(n: int, x: Value) -> Value:
    if n not in (0, 1):
        raise ValueError(f"n={n} is not supported, only 0 and 1")
    return special.digamma(x) if n == 0 else special.trigamma(x)


@call("nan_to_num")
def nan_to_num(
    x: Value, nan: float = 0.0, posinf: Any = None, neginf: Any = None
) -> Value:
    given = {"nan": nan or None, "posinf": posinf, "neginf": neginf}
    return choices.nan_to_num(x, **{k: v for k, v in given.items() if v is not None})
