"""Exact witnesses: who spoke is said, and who lies is not believed."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import gradproof as gp

NUMBERS = [0.5, -1.5, 2.0, 0.25]
X = torch.tensor(NUMBERS, dtype=torch.float64)
AUTOGRAD = "autograd through the forward"


def witnesses(target: Any, *inputs: Any, **settings: Any) -> str:
    verdict = gp.check(target, *inputs, select=["gradient"], **settings)
    assert verdict.ok, str(verdict)
    (check,) = verdict.checks
    return check.detail


def function(forward, derivative) -> Any:
    """An elementwise Function of one input."""

    class Elementwise(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return forward(x)

        @staticmethod
        def backward(ctx, grad_output):
            (x,) = ctx.saved_tensors
            return grad_output * derivative(x)

    return Elementwise


def test_the_verdict_says_which_spoke() -> None:
    sine = function(torch.sin, torch.cos)
    assert witnesses(sine, X) == f"witnesses: numerical, {AUTOGRAD}, complex step"


def test_the_complex_step_speaks_of_numpy() -> None:
    detail = witnesses(
        np.sin,
        np.array(NUMBERS),
        backward=lambda grad_output, x: grad_output * np.cos(x),
    )
    assert detail == "witnesses: numerical, complex step"


def test_of_a_detached_forward_the_complex_step_tells_the_truth() -> None:
    """Autograd takes half of it for a constant, and is not believed."""

    def half(x):
        return x.sin() * x.sin().detach()

    def true(x):
        return 2 * x.sin() * x.cos()

    assert witnesses(function(half, true), X) == "witnesses: numerical, complex step"
    as_autograd_has_it = function(half, lambda x: x.sin() * x.cos())
    (finding,) = gp.check(as_autograd_has_it, X, select=["gradient"]).findings
    assert finding.diagnosis == "scale"
    assert finding.hint == "multiply it by 2"


LIES = {
    "a magnitude": (lambda x: x.abs() ** 3, lambda x: 3 * x * x.abs()),
    "a comparison": (
        lambda x: torch.where(x.real > 0, x * x, -x),
        lambda x: torch.where(x > 0, 2 * x, -1.0),
    ),
    "a conjugate": (lambda x: x.conj() * x, lambda x: 2 * x),
    "a dtype": (lambda x: x.to(torch.float64).sin(), torch.cos),
    "a real part": (lambda x: x.real.sin(), torch.cos),
}


@pytest.mark.parametrize("name", LIES)
def test_a_complex_step_that_lies_blames_nobody(name: str) -> None:
    forward, derivative = LIES[name]
    detail = witnesses(function(forward, derivative), X)
    assert AUTOGRAD in detail
    assert name == "a comparison" or "complex step" not in detail


def test_what_refuses_complex_numbers_is_silent() -> None:
    detail = witnesses(function(torch.floor, torch.zeros_like), X)
    assert "complex step" not in detail


def test_complex_inputs_need_no_complex_step() -> None:
    detail = witnesses(function(torch.sin, lambda z: z.cos().conj()), X + 0.5j)
    assert detail == f"witnesses: numerical, {AUTOGRAD}"


def test_forward_mode_speaks_where_autograd_cannot() -> None:
    """JAX cannot go backward through a loop of unknown length."""

    @jax.custom_vjp
    def doubled_until_large(x):
        return jax.lax.while_loop(lambda y: jnp.sum(y * y) < 100, lambda y: 2 * y, x)

    def forward(x):
        y = doubled_until_large(x)
        return y, y[0] / x[0]

    doubled_until_large.defvjp(forward, lambda factor, g: (factor * g,))
    detail = witnesses(doubled_until_large, jnp.asarray(NUMBERS))
    assert "forward mode" in detail
    assert AUTOGRAD not in detail


def test_forward_mode_speaks_of_what_was_written_over() -> None:
    def written_over(x):
        y = x.exp()
        z = y * y
        y.zero_()
        return z

    detail = witnesses(function(written_over, lambda x: 2 * (2 * x).exp()), X)
    assert detail == "witnesses: numerical, forward mode, complex step"


def test_what_the_user_gives_is_called_what_it_is() -> None:
    def cube(x):
        return x**3

    by_hand = function(cube, lambda x: 3 * x * x)
    assert "reference" in witnesses(by_hand, X, reference=cube)
    straight = function(torch.round, torch.ones_like)
    assert "gradient_of" in witnesses(straight, X, gradient_of=lambda x: x)


def offset(error: float) -> Any:
    """On an offset of 10¹⁰ differences of the outputs see little."""
    return function(lambda x: x * x + 1e10, lambda x: 2 * x * (1 + error))


def test_exact_witnesses_see_what_differences_do_not() -> None:
    verdict = gp.check(offset(0.0), X, select=["gradient"])
    assert verdict.ok
    power = verdict.checks[0].power
    assert power is not None
    assert power < 1e-4
    (finding,) = gp.check(offset(1e-3), X, select=["gradient"]).findings
    assert finding.message == (
        "the gradient of 'x' is about 1.001 times the true one, everywhere "
        "(relative error 0.001, in float64)"
    )
    assert finding.hint == (f"held against {AUTOGRAD}: differences see too little here")


def test_where_exact_witnesses_differ_neither_is_believed_beyond_differences() -> None:
    """Autograd loses a part that differences cannot see beside the offset."""

    def forward(x):
        return x * x + 1e-3 * (x * x).detach() + 1e10

    def true(x):
        return 2 * x * (1 + 1e-3)

    assert gp.check(function(forward, true), X, select=["gradient"]).ok


def test_they_cost_a_call_each() -> None:
    calls = 0

    def counted(x):
        nonlocal calls
        calls += 1
        return x.sin()

    gp.check(function(counted, torch.cos), X, select=["gradient"])
    assert calls <= 22
