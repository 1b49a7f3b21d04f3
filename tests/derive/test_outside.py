"""gp.rule: an operation from outside."""

import numpy as np
import pytest
import torch

import gradproof as gp


@gp.rule(
    numpy="np.exp(-({0}**2))", torch="torch.exp(-({0}**2))", latex="e^{{-{0:9}^2}}"
)
def bell(grad, output, x):
    """d e^(-x²) = -2·x·e^(-x²)·dx"""
    return -2 * grad * x * output


@gp.rule(numpy="np.i0({0})", torch="torch.special.i0({0})")
def i0(grad, output, x):
    """d I₀(x) = I₁(x)·dx, with I₁ by a series that is enough for small x"""
    return grad * (x / 2 + x**3 / 16 + x**5 / 384 + x**7 / 18432)


@gp.rule(numpy="np.sqrt({0} * {1})", torch="torch.sqrt({0} * {1})")
def geometric(grad, output, x, y):
    """d √(x·y) = (y·dx + x·dy) / (2·√(x·y))"""
    return grad * y / (2 * output), grad * x / (2 * output)


x = np.linspace(0.1, 0.3, 4)


def test_a_rule_is_used() -> None:
    derivation = gp.derive(lambda x: np.sum(bell(x)), x)
    assert np.allclose(derivation.gradients(x).x, -2 * x * np.exp(-(x**2)))
    assert "np.exp(-(x**2))" in derivation.source("numpy")


def test_a_library_function_of_that_name_is_the_operation() -> None:
    derivation = gp.derive(lambda x: np.sum(np.i0(x)), x)
    tensor = torch.tensor(x, requires_grad=True)
    torch.special.i0(tensor).sum().backward()
    assert np.allclose(derivation.gradients(x).x, tensor.grad, rtol=1e-7)


def test_several_operands_and_broadcasting() -> None:
    derivation = gp.derive(lambda x, y: np.sum(geometric(x, y)), x, x[:, None] + 1)
    tensors = [torch.tensor(a, requires_grad=True) for a in (x, x[:, None] + 1)]
    torch.sqrt(tensors[0] * tensors[1]).sum().backward()
    for mine, tensor in zip(
        derivation.gradients(x, x[:, None] + 1), tensors, strict=True
    ):
        assert np.allclose(mine, tensor.grad)


def test_it_computes_on_arrays() -> None:
    assert np.allclose(bell(x), np.exp(-(x**2)))
    assert torch.allclose(bell(torch.tensor(x)), torch.exp(-(torch.tensor(x) ** 2)))


def test_a_name_has_one_rule() -> None:
    with pytest.raises(gp.DefinitionError, match="tanh has a rule already"):

        @gp.rule()
        def tanh(grad, output, x):
            return grad


def test_a_wrong_rule_is_not_handed_out() -> None:
    @gp.rule(numpy="np.cos({0})")
    def wrong_cosine(grad, output, x):
        return grad * np.sin(x)

    with pytest.raises(gp.DeriveError, match="does not give the slope"):
        gp.derive(lambda x: np.sum(wrong_cosine(x)), x)
