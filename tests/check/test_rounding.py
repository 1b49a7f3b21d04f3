"""What rounding alone makes of a gradient is measured, and held against nobody."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.autograd import Function
from torch.autograd.function import once_differentiable

import gradproof as gp
from gradproof.check.rounding import Rounding
from gradproof.check.session import Session
from gradproof.check.targets import Settings, make


def session(forward, backward, *arrays) -> Session:
    return Session(make(forward, arrays, Settings({}, backward=backward)))


def failing(target, *inputs, **settings):
    verdict = gp.check(target, *inputs, **settings)
    return {(f.property, f.input) for f in verdict.findings}


def hand_written(forward, backward):
    """A Function of one input with torch's forward and a backward made of torch's."""

    class Written(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return forward(x)

        @staticmethod
        @once_differentiable
        def backward(ctx, grad_output):
            (x,) = ctx.saved_tensors
            with torch.enable_grad():
                leaf = x.detach().requires_grad_()
                (gradient,) = torch.autograd.grad(
                    forward(leaf), leaf, grad_output, materialize_grads=True
                )
            return backward(gradient, grad_output)

    return Written


# Measured.


def test_terms_that_cancel_are_seen_by_the_digits_that_they_leave() -> None:
    def cancels(g, x):
        return g * (1e6 * x - (1e6 - 1) * x)

    def does_not(g, x):
        return g * x

    x = np.random.default_rng(0).standard_normal(20)
    noisy = session(lambda x: x * x / 2, cancels, x)
    plain = session(lambda x: x * x / 2, does_not, x)
    assert 1e-12 < noisy.noise[0] < 1e-8
    assert plain.noise[0] < 1e-14


def test_what_a_backward_rounds_on_its_way_is_seen_by_a_longer_incoming_one() -> None:
    def in_logarithms(g, x):
        return np.sign(g) * np.exp((np.log(np.abs(g)) - 1e4) + 1e4)

    x = np.random.default_rng(0).standard_normal(20)
    assert session(lambda x: x + 1e4, in_logarithms, x).noise[0] > 1e-13


@pytest.mark.parametrize("jitter", [False, True])
def test_a_jump_a_state_and_a_square_are_no_rounding(jitter) -> None:
    def jumps(g, x):
        return np.where(x > 1, g, 0 * g)

    def squares(g, x):
        return g * g

    def counts(g, x):
        counts.calls += 1
        return g * counts.calls

    counts.calls = 0
    x = np.ones(20)
    for backward in (jumps, squares, counts):
        measured = session(lambda x: x + 0, backward, x).measured
        assert isinstance(measured, Rounding)
        (found,) = measured.jitter if jitter else measured.noise
        assert found < 1e-5, backward.__name__


# Held against nobody.


def test_a_gradient_that_is_nothing_but_cancellation_is_not_blamed() -> None:
    def norm(x, weight):
        return torch.native_layer_norm(x, [1], weight, None, 1e-5)[0]

    x = torch.tensor([-4.826984902407649], dtype=torch.float64)
    weight = x.clone()
    assert gp.check(norm, x, weight).ok

    def off(gradient, grad_output):
        return gradient + 1e-6 * grad_output

    wrong = hand_written(lambda x: norm(x, weight), off)
    assert failing(wrong, x) == {("gradient", "x")}


def test_a_backward_in_logarithms_is_linear_up_to_its_rounding() -> None:
    generator = torch.Generator().manual_seed(0)
    x = 5 * torch.randn(50, 25, generator=generator, dtype=torch.float64)
    x[0] = 1e4

    def forward(x):
        return torch.logcumsumexp(x, 0)

    assert gp.check(forward, x).ok

    def squared(gradient, grad_output):
        return gradient + 1e-6 * gradient * gradient

    wrong = hand_written(forward, squared)
    assert ("linearity", "x") in failing(wrong, x)


def test_an_unstable_backward_at_drawn_values_says_nothing_about_sizes() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(5, 5, generator=generator, dtype=torch.float64)
    tau = torch.randn(5, generator=generator, dtype=torch.float64)

    def reflect(x):
        return torch.linalg.householder_product(x, tau[: x.shape[-1]])

    assert gp.check(reflect, x, select=["sizes"]).ok

    def cut_off(gradient, grad_output):
        gradient[1024:] = 0
        return gradient

    wrong = hand_written(reflect, cut_off)
    assert failing(wrong, x, select=["sizes"]) == {("sizes", "x")}


def test_a_gradient_need_not_be_finite_where_another_inputs_slope_is_not() -> None:
    def root_of_product(a, b):
        return torch.sqrt((a * b).sum().abs())

    def length_of_product(a, b):
        return torch.sqrt(((a * b) ** 2).sum())

    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 3, generator=generator, dtype=torch.float64)
    assert gp.check(root_of_product, a, b, select=["extremes"]).ok
    found = failing(length_of_product, a, b, select=["extremes"])
    assert found == {("extremes", "a"), ("extremes", "b")}
