"""What a gradient that is meant to be wrong is taken for."""

import pytest
import torch

from gradproof.targets.intended import MEANT, SMOOTH, _looks_like


class Spiking(torch.autograd.Function):
    @staticmethod
    def forward(ctx, current, potential):
        return (potential > 0).to(potential), potential + 0.1 * current

    @staticmethod
    def backward(ctx, grad_spikes, grad_potential):
        return 0.1 * grad_potential, 2 * grad_spikes + grad_potential


class Chance(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return (torch.rand_like(x) < x).to(x)

    @staticmethod
    def backward(ctx, grad_output):
        return 0.5 * grad_output


class Rounded(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, scale):
        return torch.round(x * scale)

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output, None


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, y):
        return 2 * x, 3 * y

    @staticmethod
    def backward(ctx, grad_x, grad_y):
        return grad_x, grad_y


class Choice(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return torch.nn.functional.one_hot(x.argmax(-1), x.shape[-1]).to(x)

    @staticmethod
    def backward(ctx, grad_output):
        return 0 * grad_output


class Reversed(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, factor):
        ctx.factor = factor
        return x.clone()

    @staticmethod
    def backward(ctx, grad_output):
        return -0.5 * grad_output, None


LOOKS = {
    Spiking: SMOOTH,
    Chance: SMOOTH,
    Rounded: ("a straight-through estimator", "identity", ""),
    Reversed: (
        "a gradient reversal",
        MEANT,
        "where: def meant(x, *rest): return -0.5 * x",
    ),
    Doubled: None,
    Choice: None,
}


@pytest.mark.parametrize("target", LOOKS)
def test_a_gradient_that_is_meant_is_recognised(target):
    count = 1 if target in (Chance, Choice) else 2
    inputs = [torch.randn(50, 4, dtype=torch.float64) for _ in range(count)]
    state = torch.get_rng_state()
    assert _looks_like(target, inputs) == LOOKS[target]
    if target is Chance:
        assert torch.equal(torch.get_rng_state(), state)
