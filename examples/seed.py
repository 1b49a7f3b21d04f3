"""The two worked examples that gradproof grew from, each in the ways people write it.

1. The linear (fully connected) layer: output = input · weightᵀ + bias.
2. c = Σ (x * y + z), differentiated by hand.

Check every gradient in this file:  gradproof check examples/seed.py
Run it to see the ways agree:  python examples/seed.py
"""

import numpy as np
import torch

import gradproof as gp


def layer():
    """A batch of 5, from 3 features to 4."""
    generator = torch.Generator().manual_seed(0)
    shapes = {"input": (5, 3), "weight": (4, 3), "bias": (4,)}
    return tuple(
        torch.randn(shape, generator=generator, dtype=torch.float64)
        for shape in shapes.values()
    )


def three_arrays():
    """Three arrays of shape 3x4."""
    rng = np.random.default_rng(0)
    return tuple(rng.standard_normal((3, 4)) for _ in "xyz")


# 1. The linear layer, as a hand-written torch.autograd.Function.


@gp.examples(layer)
class LinearFunction(torch.autograd.Function):
    """output = input · weightᵀ + bias."""

    @staticmethod
    def forward(input, weight, bias):
        return input @ weight.T + bias

    @staticmethod
    def setup_context(ctx, inputs, output):
        input, weight, _ = inputs
        ctx.save_for_backward(input, weight)

    @staticmethod
    def backward(ctx, grad_output):
        input, weight = ctx.saved_tensors
        grad_input = grad_weight = grad_bias = None
        if ctx.needs_input_grad[0]:
            grad_input = grad_output @ weight
        if ctx.needs_input_grad[1]:
            grad_weight = grad_output.T @ input
        if ctx.needs_input_grad[2]:
            grad_bias = grad_output.sum(0)
        return grad_input, grad_weight, grad_bias


# The same layer, defined once for NumPy, PyTorch and JAX.


@gp.examples(layer)
@gp.function
def linear(input, weight, bias):
    """output = input · weightᵀ + bias."""
    return input @ weight.T + bias


@linear.gradient("input")
def grad_input(grad_output, weight):
    """∂L/∂input = grad_output · weight."""
    return grad_output @ weight


@linear.gradient("weight")
def grad_weight(grad_output, input):
    """∂L/∂weight = grad_outputᵀ · input."""
    return grad_output.T @ input


@linear.gradient("bias")
def grad_bias(grad_output):
    """∂L/∂bias = Σ over the batch of grad_output; the driver undoes broadcasting."""
    return grad_output


# 2. c = Σ (x * y + z), the backward pass by hand in NumPy.


def mul_add_sum_by_hand(x, y, z):
    """The value c and its gradients, one line of forward, one of backward."""
    # Forward.
    a = x * y
    b = a + z
    c = np.sum(b)
    # Backward.
    grad_c = 1.0
    grad_b = grad_c * np.ones_like(b)  # c = sum(b)
    grad_a = grad_b.copy()  # b = a + z
    grad_z = grad_b.copy()
    grad_x = grad_a * y  # a = x * y
    grad_y = grad_a * x
    return c, (grad_x, grad_y, grad_z)


# The same function, defined once.


@gp.examples(three_arrays)
@gp.function
def mul_add_sum(x, y, z):
    """c = Σ (x * y + z)."""
    a = x * y
    b = a + z
    c = b.sum()
    return c


@mul_add_sum.gradient("x")
def grad_x(grad_output, y):
    """∂c/∂x = y."""
    return grad_output * y


@mul_add_sum.gradient("y")
def grad_y(grad_output, x):
    """∂c/∂y = x."""
    return grad_output * x


@mul_add_sum.gradient("z")
def grad_z(grad_output, z):
    """∂c/∂z = 1."""
    xp = gp.namespace(z)
    return grad_output * xp.ones_like(z)


def main():
    """Example 2 in four ways: by hand, by autograd, by gp.function, derived."""
    arrays = three_arrays()
    c, by_hand = mul_add_sum_by_hand(*arrays)

    tensors = [torch.tensor(array, requires_grad=True) for array in arrays]
    x, y, z = tensors
    (x * y + z).sum().backward()
    by_autograd = [tensor.grad.numpy() for tensor in tensors]

    by_rule = mul_add_sum.gradients(*arrays)
    derivation = gp.derive(mul_add_sum, *arrays)
    derived = derivation.gradients(*arrays)

    print(f"c = Σ (x * y + z) = {c:.6f}")
    ways = zip("xyz", by_hand, by_autograd, by_rule, derived, strict=True)
    for name, *gradients in ways:
        apart = max(np.abs(g - gradients[0]).max() for g in gradients)
        print(f"  grad_{name}: by hand, autograd, rule, derived: {apart:.1g} apart")
    print(derivation.source("numpy"))
    print(gp.check(LinearFunction))
    print(gp.check(mul_add_sum))


if __name__ == "__main__":
    main()
