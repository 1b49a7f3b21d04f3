"""Names of losses, torch's, with every way to reduce them."""

from __future__ import annotations

import math

from gradproof.derive.calls._table import call
from gradproof.derive.infer import broadcast
from gradproof.derive.ir import Value, make
from gradproof.derive.rules import (
    activations,
    choices,
    elementwise,
    losses,
    normalisers,
    selection,
    special,
)
from gradproof.derive.rules.shape import broadcast_like


def reduced(loss: Value, reduction: str) -> Value:
    """Its mean, its sum, or as it is."""
    if reduction == "none":
        return loss
    if reduction not in ("mean", "sum"):
        raise ValueError(f'reduction="{reduction}" is none of "mean", "sum" and "none"')
    return make(reduction, loss)


def _difference(x: Value, target: Value) -> Value:
    broadcast(x, target)
    return x - target


@call("mse_loss")
def mse_loss(
    x: Value, target: Value, reduction: str = "mean", weight: Value | None = None
) -> Value:
    loss = _difference(x, target) ** 2
    if weight is None:
        return reduced(loss, reduction)
    return _weighted(loss, weight, reduction)


def _weighted(loss: Value, weight: Value, reduction: str) -> Value:
    if reduction == "mean":
        full = weight if weight.shape == loss.shape else broadcast_like(weight, loss)
        return make("sum", loss * weight) / make("sum", full)
    return reduced(loss * weight, reduction)


@call("l1_loss")
def l1_loss(x: Value, target: Value, reduction: str = "mean") -> Value:
    return reduced(elementwise.abs_(_difference(x, target)), reduction)


@call("huber_loss")
def huber_loss(
    x: Value,
    target: Value,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: Value | None = None,
) -> Value:
    loss = losses.huber(_difference(x, target), delta=float(delta))
    if weight is None:
        return reduced(loss, reduction)
    return _weighted(loss, weight, reduction)


@call("smooth_l1_loss")
def smooth_l1_loss(
    x: Value, target: Value, reduction: str = "mean", beta: float = 1.0
) -> Value:
    if beta == 0:
        return l1_loss(x, target, reduction)
    loss = losses.huber(_difference(x, target), delta=float(beta))
    return reduced(loss if beta == 1 else loss / float(beta), reduction)


@call("cross_entropy")
def cross_entropy(
    x: Value,
    target: Value,
    weight: Value | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Value:
    axis = losses.class_axis(x)
    log_p = normalisers.log_softmax(x, axis=axis)
    log_p.name = "log_p"
    if not target.is_differentiable:
        if label_smoothing:
            raise ValueError("label_smoothing with integer labels is not supported")
        return nll_loss(log_p, target, weight, ignore_index, reduction)
    if weight is not None or label_smoothing:
        raise ValueError("weight= and label_smoothing= are not supported")
    if target.shape != x.shape:
        raise ValueError(f"probabilities of {target.shape} do not fit {x.shape}")
    loss = -make("sum", target * log_p, axis=axis)
    if reduction == "mean" and x.ndim == 1:
        return loss
    return reduced(loss, reduction)


@call("nll_loss")
def nll_loss(
    x: Value,
    target: Value,
    weight: Value | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Value:
    if ignore_index != -100:
        raise ValueError("ignore_index= is not supported: choose the rows beforehand")
    chosen = losses.picked(x, target)
    if weight is not None:
        weights = selection.getitem(weight, target, index=(("array", 0),))
        total = make("sum", weights)
        loss = -weights * chosen
        if reduction == "mean":
            return make("sum", loss) / total
        return reduced(loss, reduction)
    if reduction == "none" or not chosen.ndim:
        return -chosen
    return -reduced(chosen, reduction)


@call("binary_cross_entropy")
def binary_cross_entropy(
    x: Value, target: Value, weight: Value | None = None, reduction: str = "mean"
) -> Value:
    loss = losses.binary_cross_entropy(x, target)
    return reduced(loss if weight is None else loss * weight, reduction)


@call("binary_cross_entropy_with_logits")
def binary_cross_entropy_with_logits(
    x: Value,
    target: Value,
    weight: Value | None = None,
    reduction: str = "mean",
    pos_weight: Value | None = None,
) -> Value:
    if pos_weight is None:
        loss = special.softplus(x) - x * target
    else:
        scaled = 1 + (pos_weight - 1) * target
        loss = (1 - target) * x + scaled * special.softplus(-x)
    return reduced(loss if weight is None else loss * weight, reduction)


@call("kl_div")
def kl_div(
    x: Value, target: Value, reduction: str = "mean", log_target: bool = False
) -> Value:
    if log_target:
        loss = elementwise.exp(target) * (target - x)
    else:
        loss = special.xlogy(target, target) - target * x
    if reduction == "batchmean":
        return make("sum", loss) / make("size", x, axis=0)
    return reduced(loss, reduction)


@call("gaussian_nll_loss")
def gaussian_nll_loss(
    x: Value,
    target: Value,
    var: Value,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Value:
    variance = choices.clip_below(var, eps)
    variance.name = "variance"
    loss = 0.5 * (elementwise.log(variance) + (x - target) ** 2 / variance)
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return reduced(loss, reduction)


@call("poisson_nll_loss")
def poisson_nll_loss(
    x: Value,
    target: Value,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
    reduction: str = "mean",
) -> Value:
    if full:
        raise ValueError("full=True is not supported")
    if log_input:
        return reduced(elementwise.exp(x) - target * x, reduction)
    return reduced(x - target * elementwise.log(x + eps), reduction)


@call("soft_margin_loss")
def soft_margin_loss(x: Value, target: Value, reduction: str = "mean") -> Value:
    return reduced(special.softplus(-target * x), reduction)


@call("margin_ranking_loss")
def margin_ranking_loss(
    x: Value, y: Value, target: Value, margin: float = 0, reduction: str = "mean"
) -> Value:
    distance = -target * (x - y)
    loss = activations.relu(distance + margin if margin else distance)
    return reduced(loss, reduction)
