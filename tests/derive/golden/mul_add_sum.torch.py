import torch


class MulAddSumFunction(torch.autograd.Function):
    """c = Σ (x * y + z)."""

    @staticmethod
    def forward(x, y, z):
        assert x.shape == y.shape == z.shape
        a = x * y
        b = a + z
        c = torch.sum(b)
        return c

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, y, _ = inputs
        ctx.save_for_backward(x, y)

    @staticmethod
    def backward(ctx, grad_output):
        x, y = ctx.saved_tensors
        grad_x = grad_y = grad_z = None
        grad_b = grad_output.expand(x.shape)  # c = sum(b)
        if ctx.needs_input_grad[0]:
            grad_x = grad_b * y  # a = x * y
        if ctx.needs_input_grad[1]:
            grad_y = grad_b * x
        if ctx.needs_input_grad[2]:
            grad_z = grad_b  # b = a + z
        return grad_x, grad_y, grad_z


def mul_add_sum(x, y, z):
    """c = Σ (x * y + z)."""
    return MulAddSumFunction.apply(x, y, z)
