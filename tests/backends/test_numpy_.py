"""A gp.function on NumPy arrays: the by-hand pass, held against torch's autograd."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.backends.test_torch_ import (
    exp,
    plain_polar,
    polar,
    sigmoid,
    softmax,
)

import gradproof as gp
from gradproof.backends import numpy_

NATIVE = {
    "exp": (exp, torch.exp, [(3,)]),
    "sigmoid": (sigmoid, torch.sigmoid, [(3,)]),
    "polar": (polar, lambda x, y: plain_polar(x, y)[0], [(2, 3), (3,)]),
}


@pytest.mark.parametrize("name", NATIVE)
def test_gradients_are_those_of_autograd(name) -> None:
    function, native, shapes = NATIVE[name]
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(shape) for shape in shapes]
    tensors = [torch.tensor(array, requires_grad=True) for array in arrays]
    output = native(*tensors)
    g = rng.standard_normal(output.shape)
    true = torch.autograd.grad(output, tensors, torch.tensor(g))
    grad_output = (g, None) if name == "polar" else g
    found = function.gradients(*arrays, grad_output=grad_output)
    assert all(map(np.allclose, found, true))


def test_intermediates_and_options() -> None:
    rng = np.random.default_rng(0)
    x, g = rng.standard_normal((3, 4)), rng.standard_normal((3, 4))
    for axis in (0, 1):
        tensor = torch.tensor(x, requires_grad=True)
        native = torch.softmax(tensor, axis)
        (true,) = torch.autograd.grad(native, tensor, torch.tensor(g))
        assert np.allclose(softmax.gradients(x, axis=axis, grad_output=g).x, true)


def test_an_input_without_a_rule_is_derived() -> None:
    @gp.function
    def wave(x, y):
        return x * np.sin(y)

    @wave.gradient("x")
    def grad_x(grad_output, y):
        return grad_output * np.sin(y)

    x, y = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    gradients = wave.gradients(x, y, grad_output=np.ones(2))
    assert np.allclose(gradients.x, np.sin(y))
    assert np.allclose(gradients.y, x * np.cos(y))


def test_python_numbers_are_inputs_too() -> None:
    @gp.function
    def scale(x, factor):
        return x * factor

    @scale.gradient("x")
    def grad_x(grad_output, factor):
        return grad_output * factor

    @scale.gradient("factor")
    def grad_factor(grad_output, x):
        return (grad_output * x).sum()

    gradients = scale.gradients(np.ones(3), 2.0, grad_output=np.ones(3))
    assert gradients.factor == 3.0
    assert np.array_equal(gradients.x, 2 * np.ones(3))


def test_inputs_are_not_written() -> None:
    x = np.ones((3, 4))
    softmax.gradients(x, grad_output=x)
    assert np.array_equal(x, np.ones((3, 4)))


@pytest.mark.parametrize("shape", [(), (1,), (4,), (3, 1), (1, 1, 4)])
def test_sum_to(shape) -> None:
    array = np.random.default_rng(0).standard_normal((2, 3, 4))
    true = torch.tensor(array).sum_to_size(shape).numpy()
    assert np.allclose(numpy_.sum_to(array, shape), true)
