"""Inputs from examples and from jaxtyping annotations."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from jaxtyping import Float, Int
from torch import Tensor

import gradproof as gp
from gradproof.check.inputs import Dimensions


def test_names_in_annotations_get_sizes_of_their_own() -> None:
    dimensions = Dimensions()
    assert dimensions.shape("batch in") == (3, 4)
    assert dimensions.shape("out in") == (5, 4)
    assert dimensions.shape("batch 7") == (3, 7)
    assert dimensions.shape("") == ()
    assert dimensions.shape("in+1 out-2") == (5, 3)
    assert len(dimensions.shape("*more batch")) == 3
    assert dimensions.shape("rows=2 #batch") == (2, 3)


def test_an_annotated_function_needs_no_inputs() -> None:
    def linear(
        input: Float[Tensor, "batch in"],
        weight: Float[Tensor, "out in"],
        bias: Float[Tensor, " out"],
    ) -> Float[Tensor, "batch out"]:
        return input @ weight.T + bias

    linear.__annotations__ = {
        "input": Float[Tensor, "batch in"],
        "weight": Float[Tensor, "out in"],
        "bias": Float[Tensor, " out"],
    }
    verdict = gp.check(linear)
    assert verdict.ok
    assert verdict.inputs[1] == "weight: float64[5, 4]"


def test_annotations_of_integers_and_of_numpy() -> None:
    @gp.function
    def pick(values, index):
        return values[index]

    pick.forward.__annotations__ = {
        "values": Float[np.ndarray, "n k"],
        "index": Int[np.ndarray, "m"],
    }

    @pick.gradient("values")
    def grad_values(grad_output, values, index):
        gradient = np.zeros_like(values)
        np.add.at(gradient, index, grad_output)
        return gradient

    assert gp.check(pick).ok


def test_an_annotated_autograd_function() -> None:
    class Double(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return 2 * x

        @staticmethod
        def backward(ctx, grad_output):
            return 2 * grad_output

    Double.forward.__annotations__ = {"x": Float[Tensor, "a b"]}
    assert gp.check(Double).ok


def test_several_examples_make_one_verdict_and_the_worst_of_them_counts() -> None:
    @gp.examples(lambda: torch.randn(3, 3, dtype=torch.float64))
    @gp.examples(torch.ones(2, 5, dtype=torch.float64))
    class WrongWhenSquare(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 3

        @staticmethod
        def backward(ctx, grad_output):
            wrong = grad_output.shape[0] == grad_output.shape[1]
            return grad_output * (2 if wrong else 3)

    verdict = gp.check(WrongWhenSquare, select=["gradient"])
    assert [f.diagnosis for f in verdict.findings] == ["scale"]
    assert verdict.inputs == (
        "example 1: x: float64[3, 3]",
        "example 2: x: float64[2, 5]",
    )
    assert {c.property: c.status for c in verdict.checks}["gradient"] == "failed"


def test_examples_carry_options() -> None:
    @gp.examples(np.random.default_rng(0).standard_normal((3, 4)), axis=0)
    @gp.function
    def total(x, *, axis=-1):
        return x.sum(axis=axis)

    @total.gradient("x")
    def grad_x(grad_output, x, axis):
        return np.expand_dims(grad_output, axis) * np.ones_like(x)

    assert gp.check(total).ok


def test_an_executor_runs_the_examples_side_by_side() -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as executor:
        x = torch.randn(3, dtype=torch.float64)
        assert gp.check(torch.sin, x, executor=executor) == gp.check(torch.sin, x)


def test_making_examples_may_fail_with_a_message() -> None:
    @gp.examples(lambda: 1 / 0)
    def f(x):
        return x

    with pytest.raises(gp.InputError, match="given to gp.examples raised ZeroDiv"):
        gp.check(f)
