import torch


class LinearFunction(torch.autograd.Function):
    """output = input · weightᵀ + bias."""

    @staticmethod
    def forward(input, weight, bias):
        assert (input.ndim, weight.ndim, bias.ndim) == (2, 2, 1)
        assert weight.shape[0] == bias.shape[0]
        return input @ weight.T + bias

    @staticmethod
    def setup_context(ctx, inputs, output):
        input, weight, _ = inputs
        ctx.save_for_backward(input, weight)

    @staticmethod
    def backward(ctx, grad_output):
        # for autocast
        input, weight = (saved.to(grad_output.dtype) for saved in ctx.saved_tensors)
        grad_input = grad_weight = grad_bias = None
        if ctx.needs_input_grad[0]:
            grad_input = grad_output @ weight  # output = input @ weight.T + bias
        if ctx.needs_input_grad[1]:
            grad_weight = grad_output.T @ input
        if ctx.needs_input_grad[2]:
            grad_bias = torch.sum(grad_output, dim=0)
        return grad_input, grad_weight, grad_bias


def linear(input, weight, bias):
    """output = input · weightᵀ + bias."""
    return LinearFunction.apply(input, weight, bias)
