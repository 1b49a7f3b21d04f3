"""Findings and hints say what the one who reads them can do."""

from __future__ import annotations

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import gradproof as gp

D = torch.float64


def matrix(*shape):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(*shape, generator=generator, dtype=D)


def squared_in_place(x):
    x *= x
    return x.copy()


class WritesItsInput(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.mul_(2).clone()

    @staticmethod
    def backward(ctx, grad_output):
        return 2 * grad_output


def hint(property, target, *inputs, **settings):
    verdict = gp.check(target, *inputs, select=[property], **settings)
    return next(f.hint for f in verdict.findings if f.property == property)


def test_only_who_has_a_ctx_is_told_of_mark_dirty() -> None:
    of_pair = hint(
        "mutation",
        squared_in_place,
        np.arange(1.0, 4.0),
        backward=lambda grad_output, x: grad_output * 2 * np.sqrt(x),
    )
    assert "write to a copy of it" in of_pair
    assert "ctx" not in of_pair
    assert "ctx.mark_dirty and return it" in hint(
        "mutation", WritesItsInput, matrix(3, 4)
    )


def test_what_to_keep_is_said_in_the_words_of_each_way() -> None:
    last = {}

    @gp.function
    def squared(x):
        last["x"] = x
        return x * x

    @squared.gradient("x")
    def _(grad_output):
        return grad_output * 2 * last["x"]

    def forward(x):
        last["y"] = x
        return x * x

    def backward(grad_output, x):
        return grad_output * 2 * last["y"]

    of_function = hint("repeat", squared, np.arange(1.0, 4.0))
    assert "its parameters" in of_function
    of_pair = hint("repeat", forward, np.arange(1.0, 4.0), backward=backward)
    assert "from its arguments" in of_pair
    assert "ctx" not in of_function + of_pair


def test_the_witness_of_a_jax_rule_is_called_by_its_name() -> None:
    @jax.custom_vjp
    def squared(x):
        return x * x

    squared.defvjp(lambda x: (x * x, x), lambda x, g: (2 * x * g,))
    verdict = gp.check(squared, jnp.arange(1.0, 4.0))
    detail = next(c.detail for c in verdict.checks if c.property == "gradient")
    assert verdict.ok
    assert "jax.vjp through the forward" in detail
    assert "autograd" not in detail


def layer_norm(dim):
    class Centre(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, scale):
            ctx.save_for_backward(x, scale)
            return (x - x.mean(-1, keepdim=True)) * scale

        @staticmethod
        def backward(ctx, grad_output):
            x, scale = ctx.saved_tensors
            scaled = grad_output * scale
            grad_x = scaled - scaled.mean(dim, keepdim=True)
            centred = x - x.mean(-1, keepdim=True)
            return grad_x, (grad_output * centred).flatten(0, -2).sum(0)

    return Centre


def test_sizes_says_which_of_them_went_wrong_and_every_shape() -> None:
    verdict = gp.check(layer_norm(1), matrix(4, 5), matrix(5), select=["sizes"])
    (finding,) = verdict.findings
    assert "with one more leading dimension, x [2, 4, 5], scale [5]" in finding.message
    assert finding.diagnosis is None
    detail = next(c.detail for c in verdict.checks if c.property == "sizes")
    assert detail.startswith("wrong with one more leading dimension; right with odd")


def test_one_more_dimension_is_tried_with_what_is_right_there() -> None:
    verdict = gp.check(layer_norm(-1), matrix(4, 5), matrix(5), select=["sizes"])
    assert verdict.ok, str(verdict)
    detail = next(c.detail for c in verdict.checks if c.property == "sizes")
    assert "one more leading dimension" in detail


def test_a_sum_that_torchs_engine_completes_is_right_at_three_dimensions() -> None:
    class LayerScale(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, scale):
            ctx.save_for_backward(x, scale)
            return x * scale

        @staticmethod
        def backward(ctx, grad_output):
            x, scale = ctx.saved_tensors
            return grad_output * scale, (grad_output * x).sum(0)

    x, scale, incoming = matrix(2, 4, 5), matrix(5), matrix(2, 4, 5)
    leaves = [scale.clone().requires_grad_() for _ in range(2)]
    LayerScale.apply(x, leaves[0]).backward(incoming)
    (x * leaves[1]).backward(incoming)
    assert torch.allclose(leaves[0].grad, leaves[1].grad)
    assert gp.check(LayerScale, matrix(4, 5), scale).ok


class Complex(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.complex(x, x * x)

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return grad_output.real + 2 * x * grad_output.imag


@pytest.mark.parametrize("target", [Complex, torch.fft.rfft, torch.sin])
def test_no_warning_of_torchs_reaches_the_user(target) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert gp.check(target, matrix(3, 4)).ok


def test_torchs_word_on_slow_batching_does_not_reach_the_user(capfd) -> None:
    @torch.library.custom_op("gradproof_tests::square", mutates_args=())
    def square(x: torch.Tensor) -> torch.Tensor:
        return x * x

    @torch.library.custom_op("gradproof_tests::slope", mutates_args=())
    def slope(x: torch.Tensor, grad_output: torch.Tensor) -> torch.Tensor:
        return 2 * x * grad_output

    square.register_autograd(
        lambda ctx, grad_output: slope(ctx.saved_tensors[0], grad_output),
        setup_context=lambda ctx, inputs, output: ctx.save_for_backward(*inputs),
    )
    assert gp.check(square, matrix(3, 4)).ok
    assert capfd.readouterr().err == ""


class Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(x, y)
        return x * y

    @staticmethod
    def backward(ctx, grad_output):
        x, y = ctx.saved_tensors
        return grad_output * y.conj(), grad_output * x.conj()


def test_precision_of_complex_numbers_is_tried_in_single_ones() -> None:
    verdict = gp.check(Product, *matrix(2, 3, 4).to(torch.complex128))
    precision = next(c for c in verdict.checks if c.property == "precision")
    assert verdict.ok, str(verdict)
    assert (precision.status, precision.detail) == ("passed", "float32")
