"""Element by element: arithmetic, powers, exponentials, logarithms, choices."""

from __future__ import annotations

import math
from typing import Any

from gradproof.derive import infer
from gradproof.derive.ir import Value
from gradproof.derive.rules import _spell
from gradproof.derive.rules._define import (
    POSITIVE,
    REALS,
    elementwise,
    without_gradient,
)

LN_2, LN_10 = math.log(2), math.log(10)

# Arithmetic.


@elementwise(REALS, REALS, to_float=False, numpy="+", latex="{0} + {1}")
def add(grad: Value, output: Value, x: Value, y: Value) -> Any:
    """d(x + y) = dx + dy"""
    return grad, grad


@elementwise(REALS, REALS, to_float=False, numpy="-", latex="{0} - {1:6}")
def subtract(grad: Value, output: Value, x: Value, y: Value) -> Any:
    """d(x - y) = dx - dy"""
    return grad, -grad


@elementwise(REALS, REALS, to_float=False, numpy="*")
def multiply(grad: Value, output: Value, x: Value, y: Value) -> Any:
    """d(x·y) = y·dx + x·dy"""
    return grad * conj(y), grad * conj(x)


@elementwise(REALS, POSITIVE, numpy="/", latex=r"\frac{{{0:0}}}{{{1:0}}}")
def divide(grad: Value, output: Value, x: Value, y: Value) -> Any:
    """d(x/y) = dx/y - (x/y)·dy/y"""
    return grad / conj(y), -grad * conj(output) / conj(y)


@elementwise(REALS, to_float=False, numpy="-", latex="-{0:7}")
def negative(grad: Value, output: Value, x: Value) -> Any:
    """d(-x) = -dx"""
    return -grad


@elementwise(POSITIVE, numpy="np.reciprocal({0})", latex=r"\frac{{1}}{{{0:0}}}")
def reciprocal(grad: Value, output: Value, x: Value) -> Any:
    """d(1/x) = -dx/x²"""
    return -grad * conj(output) ** 2


# Powers.


@elementwise(POSITIVE, POSITIVE, to_float=False, numpy="**")
def power(grad: Value, output: Value, x: Value, y: Value) -> Any:
    """d(x^y) = y·x^(y-1)·dx + log(x)·x^y·dy; where x is 0 the second term is 0"""
    return grad * conj(_slope_of_power(x, y)), grad * conj(output * _log_or_0(x))


def _slope_of_power(x: Value, y: Value) -> Any:
    exponent = y.number()
    if exponent is None:
        return y * x ** where(equal(y, 0), 1, y - 1)
    if exponent == 2:
        return 2 * x
    if exponent == 0.5:
        return 0.5 * x**-0.5
    return exponent * x ** (exponent - 1)


def _log_or_0(x: Value) -> Any:
    base = x.number()
    if base is None:
        return log(where(equal(x, 0), 1, x))
    return math.log(base) if base > 0 else 0


@elementwise(REALS, to_float=False, latex="{0:9}^2")
def square(grad: Value, output: Value, x: Value) -> Any:
    """d(x²) = 2·x·dx"""
    return 2 * grad * conj(x)


@elementwise(POSITIVE, latex=r"\sqrt{{{0:0}}}")
def sqrt(grad: Value, output: Value, x: Value) -> Any:
    """d√x = dx / (2·√x)"""
    return grad / (2 * conj(output))


@elementwise(POSITIVE, numpy=("1 / np.sqrt({0})", 6), torch="torch.rsqrt({0})")
def rsqrt(grad: Value, output: Value, x: Value) -> Any:
    """d(1/√x) = -½·dx / x^(3/2)"""
    return -0.5 * grad * conj(output / x)


@elementwise(POSITIVE, torch=("torch.sign({0}) * torch.abs({0}) ** (1 / 3)", 6))
def cbrt(grad: Value, output: Value, x: Value) -> Any:
    """d ∛x = dx / (3·∛x²)"""
    return grad / (3 * output**2)


# Magnitude and the parts of complex numbers.


@elementwise(REALS, to_float=False, infer=infer.real, latex=r"|{0:0}|")
def abs_(grad: Value, output: Value, x: Value) -> Any:
    """d|x| = sign(x)·dx; 0 at 0"""
    return grad * sign(x)


sign = without_gradient(
    "sign", infer.same, elementwise=True, cheap=True, torch="torch.sgn({0})"
)


@elementwise(REALS, to_float=False, latex=r"\overline{{{0:0}}}")
def conj_(grad: Value, output: Value, x: Value) -> Any:
    """d x̄ = conj(dx)"""
    return conj(grad)


def conj(x: Value) -> Value:
    """The complex conjugate; of a real value the value itself."""
    return x if x.is_real else conj_(x)


@elementwise(infer=infer.real, numpy="{0:9}.real", latex=r"\mathrm{{Re}}\,{0:9}")
def real(grad: Value, output: Value, x: Value) -> Any:
    """d Re x = Re dx"""
    return grad


@elementwise(infer=infer.real, numpy="{0:9}.imag", latex=r"\mathrm{{Im}}\,{0:9}")
def imag(grad: Value, output: Value, x: Value) -> Any:
    """d Im x = Im dx, so the gradient is i·grad"""
    return 1j * grad


@elementwise(infer=infer.real, latex=r"\arg {0:7}")
def angle(grad: Value, output: Value, x: Value) -> Any:
    """d arg x = Im(dx / x), so the gradient is i·grad·x / |x|²"""
    return 1j * grad * x / abs_(x) ** 2


# Exponentials and logarithms.


@elementwise(REALS, latex=r"e^{{{0:0}}}")
def exp(grad: Value, output: Value, x: Value) -> Any:
    """d eˣ = eˣ·dx"""
    return grad * conj(output)


@elementwise(REALS, latex=r"2^{{{0:0}}}")
def exp2(grad: Value, output: Value, x: Value) -> Any:
    """d 2ˣ = ln 2 · 2ˣ·dx"""
    return LN_2 * grad * conj(output)


@elementwise(REALS, latex=r"e^{{{0:0}}} - 1")
def expm1(grad: Value, output: Value, x: Value) -> Any:
    """d(eˣ - 1) = eˣ·dx"""
    return grad * (conj(output) + 1)


@elementwise(POSITIVE, latex=r"\log {0:7}")
def log(grad: Value, output: Value, x: Value) -> Any:
    """d log x = dx/x"""
    return grad / conj(x)


@elementwise(POSITIVE, latex=r"\log_2 {0:7}")
def log2(grad: Value, output: Value, x: Value) -> Any:
    """d log₂ x = dx / (x·ln 2)"""
    return grad / (LN_2 * conj(x))


@elementwise(POSITIVE, latex=r"\log_{{10}} {0:7}")
def log10(grad: Value, output: Value, x: Value) -> Any:
    """d log₁₀ x = dx / (x·ln 10)"""
    return grad / (LN_10 * conj(x))


@elementwise(POSITIVE, latex=r"\log(1 + {0})")
def log1p(grad: Value, output: Value, x: Value) -> Any:
    """d log(1 + x) = dx / (1 + x)"""
    return grad / (1 + conj(x))


# Choices.


@elementwise(REALS, REALS, infer=infer.choice)
def where(grad: Value, output: Value, condition: Value, x: Value, y: Value) -> Any:
    """d where(c, x, y) = where(c, dx, dy)"""
    return None, where(condition, grad, 0), where(condition, 0, grad)


@elementwise(
    REALS, REALS, to_float=False, latex=r"\max({0:0}, {1:0})", torch=_spell.of_tensors
)
def maximum(grad: Value, output: Value, x: Value, y: Value) -> Any:
    """d max(x, y) = dx where x > y, else dy"""
    return grad * (x > y), grad * (x <= y)


@elementwise(
    REALS, REALS, to_float=False, latex=r"\min({0:0}, {1:0})", torch=_spell.of_tensors
)
def minimum(grad: Value, output: Value, x: Value, y: Value) -> Any:
    """d min(x, y) = dx where x < y, else dy"""
    return grad * (x < y), grad * (x >= y)


_COMPARISONS = {
    "less": "<",
    "less_equal": "<=",
    "greater": ">",
    "greater_equal": ">=",
    "equal": "==",
    "not_equal": "!=",
}
less, less_equal, greater, greater_equal, equal, not_equal = (
    without_gradient(name, infer.boolean, elementwise=True, cheap=True, numpy=symbol)
    for name, symbol in _COMPARISONS.items()
)


def nonzero(x: Value) -> Value:
    """Its zeros replaced by ones: what it divides is zero there."""
    return where(equal(x, 0), 1, x)
