"""What the sweep checks: right and wrong gradients, and right ones that are hard."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

Forward = Callable[[Tensor], Tensor]
Backward = Callable[[Tensor, Tensor, Tensor], Tensor]  # (incoming, input, output)


@dataclass(frozen=True)
class Case:
    """A function with its right backward, and wrong ones by name."""

    name: str
    forward: Forward
    backward: Backward
    wrong: dict[str, Backward]
    largest: int = 1 << 18

    def function(self, mistake: str | None = None) -> type[torch.autograd.Function]:
        """As a ``torch.autograd.Function``, right or with a mistake."""
        backward = self.backward if mistake is None else self.wrong[mistake]
        forward = self.forward

        class Made(torch.autograd.Function):
            @staticmethod
            def forward(x: Tensor) -> Tensor:
                return forward(x)

            @staticmethod
            def setup_context(ctx, inputs, output):
                ctx.save_for_backward(*inputs, output)

            @staticmethod
            def backward(ctx, grad_output: Tensor) -> Tensor:
                return backward(grad_output, *ctx.saved_tensors)

        return Made


def zero(_g: Tensor, x: Tensor, _y: Tensor) -> Tensor:
    """No gradient at all."""
    return torch.zeros_like(x)


def without_last(count: int, g: Tensor, _x: Tensor, _y: Tensor) -> Tensor:
    """The gradient of the identity, but for the last elements."""
    return torch.cat([g[:-count], torch.zeros_like(g[-count:])])


def permuted(g: Tensor, _x: Tensor, _y: Tensor) -> Tensor:
    """The elements in another order."""
    generator = torch.Generator().manual_seed(len(g))
    return g[torch.randperm(len(g), generator=generator)]


CASES = (
    Case(
        "identity",
        torch.clone,
        lambda g, _x, _y: g.clone(),
        {
            "zero": zero,
            "last element zero": partial(without_last, 1),
            "last 16 elements zero": partial(without_last, 16),
            "rolled by one": lambda g, _x, _y: g.roll(1),
            "randomly permuted": permuted,
            "times 1.05": lambda g, _x, _y: 1.05 * g,
        },
    ),
    Case(
        "x²",
        torch.square,
        lambda g, x, _y: 2 * g * x,
        {"zero": zero, "wrong sign": lambda g, x, _y: -2 * g * x},
    ),
    Case(
        "sin",
        torch.sin,
        lambda g, x, _y: g * x.cos(),
        {"zero": zero, "cos²": lambda g, x, _y: g * x.cos() ** 2},
    ),
    Case(
        "relu",
        torch.relu,
        lambda g, x, _y: g * (x > 0),
        {
            "mask inverted": lambda g, x, _y: g * (x <= 0),
            "mask ignored": lambda g, _x, _y: g.clone(),
        },
    ),
    Case(
        "cumsum",
        lambda x: x.cumsum(0),
        lambda g, _x, _y: g.flip(0).cumsum(0).flip(0),
        {"zero": zero},
    ),
    Case(
        "softmax",
        lambda x: x.softmax(0),
        lambda g, _x, y: y * (g - (g * y).sum()),
        {"zero": zero, "sum forgotten": lambda g, _x, y: y * g},
        largest=1 << 16,
    ),
    Case(
        "x - mean",
        lambda x: x - x.mean(),
        lambda g, _x, _y: g - g.mean(),
        {"not centred": lambda g, _x, _y: g.clone()},
    ),
    Case(
        "mean",
        torch.mean,
        lambda g, x, _y: g.expand(x.shape) / x.numel(),
        {"zero": zero},
    ),
    Case(
        "mean x²",
        lambda x: (x * x).mean(),
        lambda g, x, _y: 2 * g * x / x.numel(),
        {"zero": zero},
    ),
    Case(
        "logsumexp",
        lambda x: x.logsumexp(0),
        lambda g, x, y: g * (x - y).exp(),
        {"zero": zero},
    ),
)


@dataclass(frozen=True)
class Hard:
    """A right function on inputs that checkers stumble over."""

    name: str
    function: Callable[..., Tensor]
    inputs: tuple[Tensor, ...]


def _draws(seed: int, *shape: int, scale: float = 1.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(shape, generator=generator, dtype=torch.float64)


def _positive(seed: int, *shape: int, scale: float) -> Tensor:
    return scale * (0.5 + _draws(seed, *shape).abs())


def _rounded(x: Tensor) -> Tensor:
    """A value known to 1e-6 only, as an iterative solver's is."""
    value = x.sin().sum()
    return value + ((value * 1e6).round() / 1e6 - value).detach()


def hard_cases(seed: int = 0) -> tuple[Hard, ...]:
    """Nineteen, in float64: offsets, scales, kinks, ends of domains, noise."""
    x = _draws(seed, 8)
    rows = {
        "x² + 1e8": (lambda x: x**2 + 1e8, x),
        "Σ x², 500 of size 100": (
            lambda x: (x**2).sum(),
            _draws(seed, 500, scale=100),
        ),
        "1e-6 x²": (lambda x: 1e-6 * x**2, x),
        "1e12 x²": (lambda x: 1e12 * x**2, x),
        "sin 1000x": (lambda x: (1000 * x).sin(), x),
        "log near 1e-5": (torch.log, _positive(seed, 8, scale=1e-5)),
        "sqrt near 1e-7": (torch.sqrt, _positive(seed, 8, scale=1e-7)),
        "1/x near 1e-4": (torch.reciprocal, _positive(seed, 8, scale=1e-4)),
        "exp near 600": (torch.exp, 600 + x),
        "x¹⁰ near 50": (lambda x: x**10, 50 + x),
        "relu at 0": (torch.relu, torch.cat([x, torch.zeros(3).double()])),
        "abs near 0": (torch.abs, _draws(seed, 8, scale=1e-8)),
        "max with ties": (lambda x: x.amax(), torch.ones(4).double()),
        "acosh below 1": (torch.acosh, 1 + x),
        "asin at ±1": (torch.asin, torch.tensor([-1.0, 0.3, 1.0]).double()),
        "norm at 0": (torch.linalg.vector_norm, torch.zeros(4).double()),
        "softmax of ±800": (lambda x: x.softmax(0), 800 * x),
        "eigenvalues, two close": (
            lambda x: torch.linalg.eigvalsh(x + x.T),
            torch.diag(torch.tensor([1.0, 1 + 1e-5, 3.0]).double()),
        ),
        "known to 1e-6 only": (_rounded, x),
    }
    return tuple(Hard(name, f, (x,)) for name, (f, x) in rows.items())


def low_precision_cases(dtype: torch.dtype, seed: int = 0) -> tuple[Hard, ...]:
    """Ten plain functions, computed in the dtype."""
    x = _draws(seed, 4, 6).to(dtype)
    w = _draws(seed + 1, 5, 6).to(dtype)
    rows: dict[str, tuple[Callable[..., Tensor], tuple[Tensor, ...]]] = {
        "sin": (torch.sin, (x,)),
        "exp": (torch.exp, (x,)),
        "tanh": (torch.tanh, (x,)),
        "sigmoid": (torch.sigmoid, (x,)),
        "x²": (torch.square, (x,)),
        "gelu": (torch.nn.functional.gelu, (x,)),
        "softmax": (lambda x: x.softmax(-1), (x,)),
        "logsumexp": (lambda x: x.logsumexp(-1), (x,)),
        "layer norm": (lambda x: torch.nn.functional.layer_norm(x, (6,)), (x,)),
        "linear": (torch.nn.functional.linear, (x, w)),
    }
    return tuple(Hard(name, f, inputs) for name, (f, inputs) in rows.items())
