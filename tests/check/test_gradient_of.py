"""``gradient_of``: what it does not take is not held against the backward."""

from __future__ import annotations

import pytest
import torch

import gradproof as gp


def pair():
    generator = torch.Generator().manual_seed(0)
    x, output = torch.randn(2, 5, 4, generator=generator, dtype=torch.float64)
    return x.requires_grad_(), output


class Stitch(torch.autograd.Function):
    """Hands on what was computed elsewhere, with the gradient of something else."""

    @staticmethod
    def forward(ctx, x, output):
        return output.clone()

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output, None


class Doubled(Stitch):
    @staticmethod
    def backward(ctx, grad_output):
        return 2 * grad_output, None


def test_sizes_at_which_it_has_another_shape_are_left_out() -> None:
    assert gp.check(Stitch, *pair(), gradient_of=lambda x, output: x).ok
    verdict = gp.check(Doubled, *pair(), gradient_of=lambda x, output: x)
    assert [(f.property, f.diagnosis) for f in verdict.findings] == [
        ("gradient", "scale")
    ]


def test_sizes_at_which_it_raises_are_left_out() -> None:
    def only_here(x, output):
        if x.shape != (5, 4):
            raise ValueError("this is for five rows of four")
        return x

    assert gp.check(Stitch, *pair(), gradient_of=only_here).ok
    assert not gp.check(Doubled, *pair(), gradient_of=only_here).ok


def test_values_at_which_it_raises_say_so() -> None:
    def not_of_zero(x, output):
        if not x.all():
            raise ValueError("no zeros, please")
        return x

    verdict = gp.check(Stitch, *pair(), gradient_of=not_of_zero)
    assert verdict.ok, str(verdict)
    extremes = next(c for c in verdict.checks if c.property == "extremes")
    if extremes.status == "skipped":
        assert "gradient_of raised ValueError" in extremes.detail


def test_one_of_another_shape_is_refused_with_a_word_about_it() -> None:
    with pytest.raises(gp.InputError, match="gradient_of= does not run"):
        gp.check(Stitch, *pair(), gradient_of=lambda x, output: x.sum())
