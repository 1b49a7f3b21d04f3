"""What neural networks apply element by element, where it is no composition."""

from __future__ import annotations

from typing import Any

from gradproof.derive.ir import Value
from gradproof.derive.rules._define import REALS, elementwise
from gradproof.derive.rules.elementwise import abs_, exp, minimum, where

_ELU = "np.maximum({0}, 0) + {1:6} * np.expm1(np.minimum({0}, 0))"


@elementwise(
    (0.1, 3.0),
    to_float=False,
    numpy="np.maximum({0}, 0)",
    torch="torch.relu({0})",
    latex=r"\max({0:0}, 0)",
)
def relu(grad: Value, output: Value, x: Value) -> Any:
    """d max(x, 0) = [x > 0]·dx; 0 at 0"""
    return grad * (output > 0)


@elementwise(
    REALS,
    numpy="np.where({0:4} > 0, {0}, {1:6} * {0:7})",
    torch="torch.where({0:4} > 0, {0}, {1:6} * {0:7})",
    latex=r"\mathrm{{leaky\,relu}}({0:0})",
)
def leaky_relu(grad: Value, output: Value, x: Value, slope: Value) -> Any:
    """d leaky(x) = dx where x > 0, else slope·dx + x·d slope"""
    return where(x > 0, grad, slope * grad), where(x > 0, 0, grad * x)


@elementwise(
    REALS,
    numpy=(_ELU, 5),
    torch="torch.nn.functional.elu({0}, {1})",
    jax="jax.nn.elu({0}, {1})",
    latex=r"\mathrm{{elu}}({0:0})",
)
def elu(grad: Value, output: Value, x: Value, alpha: Value) -> Any:
    """d elu(x) = dx where x > 0, else α·eˣ·dx = (elu(x) + α)·dx"""
    return where(x > 0, grad, grad * (output + alpha))


@elementwise(
    REALS,
    numpy=("np.maximum({0}, 0) + {1:6} * np.expm1(np.minimum({0}, 0) / {1:7})", 5),
    torch="torch.nn.functional.celu({0}, {1})",
    jax="jax.nn.celu({0}, {1})",
    latex=r"\mathrm{{celu}}({0:0})",
)
def celu(grad: Value, output: Value, x: Value, alpha: Value) -> Any:
    """d celu(x) = dx where x > 0, else e^(x/α)·dx"""
    return grad * exp(minimum(x, 0) / alpha)


@elementwise(
    REALS,
    numpy="np.clip({0}, {1}, {2})",
    torch="torch.nn.functional.hardtanh({0}, {1}, {2})",
    latex=r"\mathrm{{clip}}({0:0}, {1:0}, {2:0})",
)
def hardtanh(grad: Value, output: Value, x: Value, low: Value, high: Value) -> Any:
    """d hardtanh(x) = dx where low < x < high, else 0"""
    return grad * (x > low) * (x < high)


@elementwise(
    REALS,
    numpy="np.where(np.abs({0}) > {1:4}, {0:5} - np.copysign({1}, {0}), 0)",
    torch="torch.nn.functional.softshrink({0}, {1})",
    latex=r"\mathrm{{softshrink}}({0:0})",
)
def softshrink(grad: Value, output: Value, x: Value, width: Value) -> Any:
    """d softshrink(x) = dx where |x| > width, else 0"""
    return grad * (abs_(x) > width)
