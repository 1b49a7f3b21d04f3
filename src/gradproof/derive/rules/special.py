"""Functions of statistics, element by element."""

from __future__ import annotations

import math
from typing import Any

from gradproof.derive import infer
from gradproof.derive.ir import Value
from gradproof.derive.rules import _spell
from gradproof.derive.rules._define import (
    POSITIVE,
    REALS,
    UNIT,
    elementwise,
    without_gradient,
)
from gradproof.derive.rules.choices import bitwise_and
from gradproof.derive.rules.elementwise import equal, exp, exp2, log, where

SLOPE_OF_ERF = 2 / math.sqrt(math.pi)


@elementwise(
    REALS,
    numpy=_spell.expit,
    torch="torch.sigmoid({0})",
    jax="jax.nn.sigmoid({0})",
    latex=r"\sigma({0:0})",
)
def expit(grad: Value, output: Value, x: Value) -> Any:
    """dσ(x) = σ(x)·(1 - σ(x))·dx"""
    return grad * output * (1 - output)


@elementwise(
    REALS,
    numpy=("-np.logaddexp(0, -{0:9})", 7),
    torch="torch.nn.functional.logsigmoid({0})",
    jax="jax.nn.log_sigmoid({0})",
    latex=r"\log\sigma({0:0})",
)
def log_expit(grad: Value, output: Value, x: Value) -> Any:
    """d log σ(x) = σ(-x)·dx"""
    return grad * expit(-x)


@elementwise(
    REALS,
    numpy="np.logaddexp(0, {0})",
    torch="torch.nn.functional.softplus({0})",
    jax="jax.nn.softplus({0})",
    latex=r"\mathrm{{softplus}}({0:0})",
)
def softplus(grad: Value, output: Value, x: Value) -> Any:
    """d log(1 + eˣ) = σ(x)·dx"""
    return grad * expit(x)


@elementwise(
    (0.1, 0.9),
    numpy=("np.log({0}) - np.log1p(-{0:9})", 5),
    torch="torch.logit({0})",
    jax="jax.scipy.special.logit({0})",
    latex=r"\mathrm{{logit}}({0:0})",
)
def logit(grad: Value, output: Value, x: Value) -> Any:
    """d log(x / (1 - x)) = dx / (x·(1 - x))"""
    return grad / (x * (1 - x))


@elementwise(
    REALS, REALS, latex=r"\log(e^{{{0:0}}} + e^{{{1:0}}})", torch=_spell.of_tensors
)
def logaddexp(grad: Value, output: Value, x: Value, y: Value) -> Any:
    """d log(eˣ + eʸ) = eˣ/(eˣ + eʸ)·dx + eʸ/(eˣ + eʸ)·dy"""
    return grad * exp(x - output), grad * exp(y - output)


@elementwise(
    REALS, REALS, latex=r"\log_2(2^{{{0:0}}} + 2^{{{1:0}}})", torch=_spell.of_tensors
)
def logaddexp2(grad: Value, output: Value, x: Value, y: Value) -> Any:
    """d log₂(2ˣ + 2ʸ) = 2ˣ/(2ˣ + 2ʸ)·dx + 2ʸ/(2ˣ + 2ʸ)·dy"""
    return grad * exp2(x - output), grad * exp2(y - output)


@elementwise(
    REALS,
    POSITIVE,
    numpy="xlogy({0}, {1})",
    torch="torch.xlogy({0}, {1})",
    jax="jax.scipy.special.xlogy({0}, {1})",
    latex=r"{0:6} \log {1:7}",
)
def xlogy(grad: Value, output: Value, x: Value, y: Value) -> Any:
    """d(x·log y) = log y·dx + x/y·dy; the first is 0 where x = y = 0"""
    nothing = bitwise_and(equal(x, 0), equal(y, 0))
    return grad * log(where(nothing, 1, y)), grad * x / y


@elementwise(
    REALS,
    numpy="erf({0})",
    torch="torch.erf({0})",
    jax="jax.scipy.special.erf({0})",
    latex=r"\mathrm{{erf}}({0:0})",
)
def erf(grad: Value, output: Value, x: Value) -> Any:
    """d erf x = 2/√π · e^(-x²)·dx"""
    return SLOPE_OF_ERF * grad * exp(-(x**2))


@elementwise(
    REALS,
    numpy="erfc({0})",
    torch="torch.erfc({0})",
    jax="jax.scipy.special.erfc({0})",
    latex=r"\mathrm{{erfc}}({0:0})",
)
def erfc(grad: Value, output: Value, x: Value) -> Any:
    """d erfc x = -2/√π · e^(-x²)·dx"""
    return -SLOPE_OF_ERF * grad * exp(-(x**2))


@elementwise(
    UNIT,
    numpy="erfinv({0})",
    torch="torch.erfinv({0})",
    jax="jax.scipy.special.erfinv({0})",
    latex=r"\mathrm{{erf}}^{{-1}}({0:0})",
)
def erfinv(grad: Value, output: Value, x: Value) -> Any:
    """d erf⁻¹ x = √π/2 · e^(y²)·dx with y = erf⁻¹ x"""
    return grad * exp(output**2) / SLOPE_OF_ERF


@elementwise(
    REALS,
    numpy=("0.5 * erfc(-{0:9} / math.sqrt(2))", 6),
    torch="torch.special.ndtr({0})",
    jax="jax.scipy.special.ndtr({0})",
    latex=r"\Phi({0:0})",
)
def ndtr(grad: Value, output: Value, x: Value) -> Any:
    """dΦ(x) = e^(-x²/2)/√(2π)·dx, Φ the distribution of a standard normal"""
    return grad * exp(-0.5 * x**2) / math.sqrt(2 * math.pi)


@elementwise(
    POSITIVE,
    numpy="lgamma({0})",
    torch="torch.lgamma({0})",
    jax="jax.scipy.special.gammaln({0})",
    latex=r"\log\Gamma({0:0})",
)
def lgamma(grad: Value, output: Value, x: Value) -> Any:
    """d log Γ(x) = ψ(x)·dx"""
    return grad * digamma(x)


@elementwise(
    POSITIVE,
    numpy="digamma({0})",
    torch="torch.digamma({0})",
    jax="jax.scipy.special.digamma({0})",
    latex=r"\psi({0:0})",
)
def digamma(grad: Value, output: Value, x: Value) -> Any:
    """dψ(x) = ψ₁(x)·dx"""
    return grad * trigamma(x)


trigamma = without_gradient(
    "trigamma",
    infer.floating,
    elementwise=True,
    numpy="trigamma({0})",
    torch="torch.polygamma(1, {0})",
    jax="jax.scipy.special.polygamma(1, {0})",
    latex=r"\psi_1({0:0})",
)
