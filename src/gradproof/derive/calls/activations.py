"""Names of activations, of choices and of small formulas of several arrays."""

from __future__ import annotations

import math
from typing import Any

from gradproof.derive.calls._table import call
from gradproof.derive.calls.refused import SHAPE
from gradproof.derive.ir import Value, as_value
from gradproof.derive.rules import activations, choices, circular, elementwise, special
from gradproof.derive.rules.shape import expand_dims

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805


@call("where")
def where(condition: Any, x: Any = None, y: Any = None) -> Value:
    if x is None or y is None:
        raise ValueError(f"with a condition alone {SHAPE}")
    return elementwise.where(condition, x, y)


@call("masked_fill")
def masked_fill(x: Value, mask: Value, value: Any) -> Value:
    return elementwise.where(mask, value, x)


@call("clip", "clamp")
def clip(
    x: Value, min: Any = None, max: Any = None, *, a_min: Any = None, a_max: Any = None
) -> Value:
    low, high = min if a_min is None else a_min, max if a_max is None else a_max
    if low is not None and high is not None:
        return choices.clip(x, low, high)
    if low is not None:
        return choices.clip_below(x, low)
    return x if high is None else choices.clip_above(x, high)


@call("clamp_min")
def clamp_min(x: Value, min: Any) -> Value:
    return choices.clip_below(x, min)


@call("clamp_max")
def clamp_max(x: Value, max: Any) -> Value:
    return choices.clip_above(x, max)


@call("relu")
def relu(x: Value) -> Value:
    return activations.relu(x)


@call("relu6")
def relu6(x: Value) -> Value:
    return elementwise.minimum(activations.relu(x), 6)


@call("leaky_relu")
def leaky_relu(x: Value, negative_slope: float = 0.01) -> Value:
    return activations.leaky_relu(x, negative_slope)


@call("prelu")
def prelu(x: Value, weight: Value) -> Value:
    if weight.shape not in ((), (1,)):
        weight = expand_dims(weight, axis=tuple(range(1, x.ndim - 1)))
    return activations.leaky_relu(x, weight)


@call("elu")
def elu(x: Value, alpha: float = 1.0) -> Value:
    return activations.elu(x, alpha)


@call("selu")
def selu(x: Value) -> Value:
    return SELU_SCALE * activations.elu(x, SELU_ALPHA)


@call("celu")
def celu(x: Value, alpha: float = 1.0) -> Value:
    return activations.celu(x, alpha)


@call("gelu")
def gelu(x: Value, approximate: Any = "none") -> Value:
    if approximate in ("none", False):
        return x * special.ndtr(x)
    if approximate not in ("tanh", True):
        raise ValueError(f'approximate="{approximate}" is neither "none" nor "tanh"')
    inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
    return 0.5 * x * (1 + circular.tanh(inner))


@call("silu", "swish")
def silu(x: Value) -> Value:
    return x * special.expit(x)


@call("softplus")
def softplus(x: Value, beta: float = 1.0, threshold: float = 20.0) -> Value:
    smooth = special.softplus(x) if beta == 1 else special.softplus(beta * x) / beta
    if threshold == 20:  # beyond it torch's differs by no more than 2e-9
        return smooth
    return elementwise.where(elementwise.greater(beta * x, threshold), x, smooth)


@call("mish")
def mish(x: Value) -> Value:
    return x * circular.tanh(special.softplus(x))


@call("hardtanh")
def hardtanh(x: Value, min_val: float = -1.0, max_val: float = 1.0) -> Value:
    return activations.hardtanh(x, min_val, max_val)


@call("hardsigmoid", "hard_sigmoid")
def hardsigmoid(x: Value) -> Value:
    return activations.hardtanh((x + 3) / 6, 0.0, 1.0)


@call("hardswish", "hard_swish")
def hardswish(x: Value) -> Value:
    return x * hardsigmoid(x)


@call("softsign", "soft_sign")
def softsign(x: Value) -> Value:
    return x / (1 + elementwise.abs_(x))


@call("tanhshrink")
def tanhshrink(x: Value) -> Value:
    return x - circular.tanh(x)


@call("softshrink")
def softshrink(x: Value, lambd: float = 0.5) -> Value:
    return activations.softshrink(x, lambd)


@call("hardshrink")
def hardshrink(x: Value, lambd: float = 0.5) -> Value:
    return elementwise.where(elementwise.abs_(x) > lambd, x, 0)


@call("threshold", "_threshold")
def threshold(x: Value, threshold: float, value: float) -> Value:
    return elementwise.where(x > threshold, x, value)


@call("lerp")
def lerp(x: Value, end: Value, weight: Any) -> Value:
    return x + as_value(weight) * (end - x)


@call("addcmul")
def addcmul(x: Value, tensor1: Value, tensor2: Value, *, value: Any = 1) -> Value:
    product = tensor1 * tensor2
    return x + (product if value == 1 else value * product)


@call("addcdiv")
def addcdiv(x: Value, tensor1: Value, tensor2: Value, *, value: Any = 1) -> Value:
    ratio = tensor1 / tensor2
    return x + (ratio if value == 1 else value * ratio)


@call("rrelu")
def rrelu(
    x: Value, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False
) -> Value:
    if training:
        raise ValueError("training=True draws random slopes: make them an input")
    return activations.leaky_relu(x, (lower + upper) / 2)
