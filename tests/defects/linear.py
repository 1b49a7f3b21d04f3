"""The seed's linear layer with nine wrong backwards, in every way to write one.

The layer's own test, in the course that the seed comes from, passes eight of the nine:
its loss is a plain sum, its batch is 1, and its input needs no gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch

import gradproof as gp

Rule = Callable[..., Any]  # (grad_output, input, weight) -> gradient

RIGHT: dict[str, Rule] = {
    "input": lambda g, x, w: g @ w,
    "weight": lambda g, x, w: g.T @ x,
    "bias": lambda g, x, w: g.sum(0),
}


def stale_save() -> Rule:
    """Uses the input of the first call for ever after."""
    kept: list[Any] = []

    def rule(g: Any, x: Any, w: Any) -> Any:
        kept.append(x)
        return g.T @ kept[0]

    return rule


def clamped(g: Any, x: Any, w: Any) -> Any:
    """A gradient clipping that was meant for the optimizer."""
    return gp.namespace(g).clip(g, -1, 1).T @ x


def ones_for_g(g: Any, x: Any, w: Any) -> Any:
    """What a test with a plain sum for its loss takes for the incoming gradient."""
    return gp.namespace(g).ones_like(g).T @ x


# name: (the input whose rule is wrong, a maker of the rule, property, diagnosis)
NINE: dict[str, tuple[str, Callable[[], Rule], str, str]] = {
    "the transpose dropped": (
        "weight",
        lambda: lambda g, x, w: g @ x,
        "shape",
        "transposed",
    ),
    "the operands swapped": (
        "input",
        lambda: lambda g, x, w: w @ g,
        "shape",
        "swapped",
    ),
    "the sum over the batch forgotten": (
        "bias",
        lambda: lambda g, x, w: g,
        "shape",
        "missing-reduction",
    ),
    "a wrong scale": (
        "weight",
        lambda: lambda g, x, w: g.T @ x / 5,
        "gradient",
        "scale",
    ),
    "the incoming gradient squared": (
        "weight",
        lambda: lambda g, x, w: (g * g).T @ x,
        "linearity",
        "nonlinear",
    ),
    "the incoming gradient's absolute value": (
        "weight",
        lambda: lambda g, x, w: abs(g).T @ x,
        "linearity",
        "nonlinear",
    ),
    "the incoming gradient clamped": (
        "weight",
        lambda: clamped,
        "linearity",
        "nonlinear",
    ),
    "ones for the incoming gradient": (
        "weight",
        lambda: ones_for_g,
        "linearity",
        "nonlinear",
    ),
    "a stale save": ("weight", stale_save, "gradient", "stateful"),
}


def rules(mistake: str | None) -> dict[str, Rule]:
    """The three rules, one of them wrong."""
    if mistake is None:
        return RIGHT
    name, make, _, _ = NINE[mistake]
    return {**RIGHT, name: make()}


# The ways to write it: each from the three rules to (target, inputs, settings).


def arrays() -> list[np.ndarray]:
    """A batch of 5, from 3 features to 4."""
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape) for shape in ((5, 3), (4, 3), (4,))]


def autograd_function(chosen: dict[str, Rule]) -> tuple[Any, list[Any], dict[str, Any]]:
    """As the course writes it."""

    class LinearFunction(torch.autograd.Function):
        @staticmethod
        def forward(ctx, input, weight, bias):
            ctx.save_for_backward(input, weight)
            return input @ weight.T + bias

        @staticmethod
        def backward(ctx, grad_output):
            input, weight = ctx.saved_tensors
            return tuple(rule(grad_output, input, weight) for rule in chosen.values())

    return LinearFunction, [torch.tensor(a) for a in arrays()], {}


def torch_callable(chosen: dict[str, Rule]) -> tuple[Any, list[Any], dict[str, Any]]:
    """The same behind an ordinary function."""
    function, inputs, _ = autograd_function(chosen)

    def linear(input, weight, bias):
        return function.apply(input, weight, bias)

    return linear, inputs, {}


def module(chosen: dict[str, Rule]) -> tuple[Any, list[Any], dict[str, Any]]:
    """The same in a module that owns the weight and the bias."""
    function, (input, weight, bias), _ = autograd_function(chosen)

    class Linear(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(weight)
            self.bias = torch.nn.Parameter(bias)

        def forward(self, input):
            return function.apply(input, self.weight, self.bias)

    return Linear(), [input.requires_grad_()], {}


def numpy_pair(chosen: dict[str, Rule]) -> tuple[Any, list[Any], dict[str, Any]]:
    """A forward and a hand-written backward in NumPy."""

    def linear(input, weight, bias):
        return input @ weight.T + bias

    def backward(grad_output, input, weight, bias):
        return tuple(rule(grad_output, input, weight) for rule in chosen.values())

    return linear, arrays(), {"backward": backward}


def custom_vjp(chosen: dict[str, Rule]) -> tuple[Any, list[Any], dict[str, Any]]:
    """As JAX has it."""

    @jax.custom_vjp
    def linear(input, weight, bias):
        return input @ weight.T + bias

    def forward(input, weight, bias):
        return linear(input, weight, bias), (input, weight)

    def backward(residuals, grad_output):
        return tuple(rule(grad_output, *residuals) for rule in chosen.values())

    linear.defvjp(forward, backward)
    return linear, [jnp.asarray(a) for a in arrays()], {}


def gp_function(convert: Callable[[np.ndarray], Any]) -> Callable[..., Any]:
    """As a gp.function, on the arrays of one library."""

    def make(chosen: dict[str, Rule]) -> tuple[Any, list[Any], dict[str, Any]]:
        @gp.function
        def linear(input, weight, bias):
            return input @ weight.T + bias

        for name, rule in chosen.items():
            linear.gradient(name)(_three_parameters(rule))
        return linear, [convert(a) for a in arrays()], {}

    return make


def _three_parameters(rule: Rule) -> Rule:
    def wrapped(grad_output, input, weight):
        return rule(grad_output, input, weight)

    return wrapped


WAYS: dict[str, Callable[..., Any]] = {
    "autograd.Function": autograd_function,
    "callable": torch_callable,
    "module": module,
    "NumPy pair": numpy_pair,
    "custom_vjp": custom_vjp,
    "gp.function on NumPy": gp_function(np.asarray),
    "gp.function on torch": gp_function(torch.tensor),
    "gp.function on JAX": gp_function(jnp.asarray),
}
