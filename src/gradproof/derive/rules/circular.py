"""Circular and hyperbolic functions, and their inverses, element by element."""

from __future__ import annotations

from typing import Any

from gradproof.derive.ir import Value
from gradproof.derive.rules import _spell
from gradproof.derive.rules._define import POSITIVE, REALS, UNIT, elementwise
from gradproof.derive.rules.elementwise import conj, equal, nonzero, sqrt, where


@elementwise(REALS, latex=r"\sin {0:7}")
def sin(grad: Value, output: Value, x: Value) -> Any:
    """d sin x = cos x · dx"""
    return grad * conj(cos(x))


@elementwise(REALS, latex=r"\cos {0:7}")
def cos(grad: Value, output: Value, x: Value) -> Any:
    """d cos x = -sin x · dx"""
    return -grad * conj(sin(x))


@elementwise(UNIT, latex=r"\tan {0:7}")
def tan(grad: Value, output: Value, x: Value) -> Any:
    """d tan x = (1 + tan² x)·dx"""
    return grad * (1 + conj(output) ** 2)


@elementwise(UNIT, torch="torch.asin({0})", latex=r"\arcsin {0:7}")
def arcsin(grad: Value, output: Value, x: Value) -> Any:
    """d arcsin x = dx / √(1 - x²)"""
    return grad / conj(sqrt(1 - x**2))


@elementwise(UNIT, torch="torch.acos({0})", latex=r"\arccos {0:7}")
def arccos(grad: Value, output: Value, x: Value) -> Any:
    """d arccos x = -dx / √(1 - x²)"""
    return -grad / conj(sqrt(1 - x**2))


@elementwise(REALS, torch="torch.atan({0})", latex=r"\arctan {0:7}")
def arctan(grad: Value, output: Value, x: Value) -> Any:
    """d arctan x = dx / (1 + x²)"""
    return grad / (1 + conj(x) ** 2)


@elementwise(
    REALS, POSITIVE, latex=r"\mathrm{{atan2}}({0}, {1})", torch=_spell.of_tensors
)
def arctan2(grad: Value, output: Value, y: Value, x: Value) -> Any:
    """d atan2(y, x) = (x·dy - y·dx) / (x² + y²)"""
    return grad * x / (x**2 + y**2), -grad * y / (x**2 + y**2)


@elementwise(REALS, latex=r"\sinh {0:7}")
def sinh(grad: Value, output: Value, x: Value) -> Any:
    """d sinh x = cosh x · dx"""
    return grad * conj(cosh(x))


@elementwise(REALS, latex=r"\cosh {0:7}")
def cosh(grad: Value, output: Value, x: Value) -> Any:
    """d cosh x = sinh x · dx"""
    return grad * conj(sinh(x))


@elementwise(REALS, latex=r"\tanh {0:7}")
def tanh(grad: Value, output: Value, x: Value) -> Any:
    """d tanh x = (1 - tanh² x)·dx"""
    return grad * (1 - conj(output) ** 2)


@elementwise(REALS, torch="torch.asinh({0})", latex=r"\mathrm{{arsinh}}\,{0:7}")
def arcsinh(grad: Value, output: Value, x: Value) -> Any:
    """d arsinh x = dx / √(x² + 1)"""
    return grad / conj(sqrt(x**2 + 1))


@elementwise((1.2, 3.0), torch="torch.acosh({0})", latex=r"\mathrm{{arcosh}}\,{0:7}")
def arccosh(grad: Value, output: Value, x: Value) -> Any:
    """d arcosh x = dx / (√(x - 1)·√(x + 1))"""
    if x.is_real:
        return grad / sqrt(x**2 - 1)
    return grad / conj(sqrt(x - 1) * sqrt(x + 1))


@elementwise(UNIT, torch="torch.atanh({0})", latex=r"\mathrm{{artanh}}\,{0:7}")
def arctanh(grad: Value, output: Value, x: Value) -> Any:
    """d artanh x = dx / (1 - x²)"""
    return grad / (1 - conj(x) ** 2)


@elementwise(
    POSITIVE, REALS, latex=r"\sqrt{{{0:9}^2 + {1:9}^2}}", torch=_spell.of_tensors
)
def hypot(grad: Value, output: Value, x: Value, y: Value) -> Any:
    """d √(x² + y²) = (x·dx + y·dy) / √(x² + y²); 0 where both are 0"""
    length = nonzero(output)
    return grad * x / length, grad * y / length


@elementwise(POSITIVE, latex=r"\mathrm{{sinc}}({0:0})")
def sinc(grad: Value, output: Value, x: Value) -> Any:
    """d sinc x = (cos πx - sinc x) / x · dx with sinc x = sin(πx) / πx; 0 at 0"""
    return grad * (cos(PI * x) - output) / where(equal(x, 0), 1, x)


PI = 3.141592653589793
