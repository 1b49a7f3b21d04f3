"""A linear layer with two of the mistakes that people make, on purpose.

    gradproof check examples/broken_linear.py

Its author would not have noticed: trained with a mean loss on a batch, the weight
moves a fifth as far as it should, and torch's engine sums the bias behind the scenes.
"""

import torch

import gradproof as gp


def layer():
    """A batch of 5, from 3 features to 4."""
    generator = torch.Generator().manual_seed(0)
    shapes = (5, 3), (4, 3), (4,)
    return tuple(
        torch.randn(s, generator=generator, dtype=torch.float64) for s in shapes
    )


@gp.examples(layer)
class BrokenLinear(torch.autograd.Function):
    """output = input · weightᵀ + bias, with a wrong backward."""

    @staticmethod
    def forward(ctx, input, weight, bias):
        ctx.save_for_backward(input, weight)
        return input @ weight.T + bias

    @staticmethod
    def backward(ctx, grad_output):
        input, weight = ctx.saved_tensors
        grad_input = grad_output @ weight
        grad_weight = grad_output.T @ input / input.shape[0]  # a mean crept in
        grad_bias = grad_output  # the sum over the batch was forgotten
        return grad_input, grad_weight, grad_bias
