"""What the user tolerates, and what an error is called that no formula makes."""

from __future__ import annotations

import pytest
import torch

import gradproof as gp

SMALL = 8e-9


def pair():
    generator = torch.Generator().manual_seed(0)
    return list(torch.randn(2, 4, 4, generator=generator, dtype=torch.float64))


def product(noise, *, swapped=False):
    """x·y by hand, with a gradient that a solver of that accuracy may give."""

    class Product(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, y):
            ctx.save_for_backward(x, y)
            return x * y

        @staticmethod
        def backward(ctx, grad_output):
            x, y = ctx.saved_tensors
            here = 1 + noise * torch.cos(50 * (x + 2 * y) + 90 * grad_output)
            if swapped:
                x, y = y, x
            return grad_output * y * here, grad_output * x * here

    return Product


BY_VALUE = ["shape", "linearity", "gradient", "repeat", "sizes"]


def test_noise_of_a_solver_is_not_called_a_mistake_of_the_formula() -> None:
    verdict = gp.check(product(SMALL), *pair(), select=["gradient"])
    assert [(f.property, f.diagnosis) for f in verdict.findings] == [
        ("gradient", None),
        ("gradient", None),
    ]
    assert all("rtol=" in f.hint for f in verdict.findings)
    verdict = gp.check(product(SMALL), *pair(), select=BY_VALUE)
    assert {f.property for f in verdict.findings} == {"linearity"}
    assert all("rtol=" in f.hint for f in verdict.findings)


def test_rtol_above_it_lets_it_pass_in_every_property() -> None:
    assert gp.check(product(SMALL), *pair(), rtol=1e-6, select=BY_VALUE).ok


@pytest.mark.parametrize("rtol", [None, 1e-6])
def test_exchanged_operands_are_named_whatever_the_tolerance(rtol) -> None:
    verdict = gp.check(product(0, swapped=True), *pair(), rtol=rtol, select=BY_VALUE)
    assert {f.diagnosis for f in verdict.findings} == {"swapped"}


def test_a_square_of_the_incoming_gradient_is_not_linear_whatever_the_rtol() -> None:
    class Squared(product(0)):
        @staticmethod
        def backward(ctx, grad_output):
            x, y = ctx.saved_tensors
            return grad_output.abs() * y, grad_output * x

    verdict = gp.check(Squared, *pair(), rtol=1e-6, select=BY_VALUE)
    assert [(f.property, f.diagnosis) for f in verdict.findings] == [
        ("linearity", "nonlinear")
    ]
