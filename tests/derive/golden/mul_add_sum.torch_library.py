import torch


@torch.library.custom_op("derived::mul_add_sum", mutates_args=())
def mul_add_sum_op(x: torch.Tensor, y: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
    """c = Σ (x * y + z)."""
    assert x.shape == y.shape == z.shape
    a = x * y
    b = a + z
    c = torch.sum(b)
    return c


@mul_add_sum_op.register_fake
def _(x, y, z):
    a = x * y
    b = a + z
    c = torch.sum(b)
    return c


def setup_context(ctx, inputs, output):
    x, y, _ = inputs
    ctx.save_for_backward(x, y)


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


mul_add_sum_op.register_autograd(backward, setup_context=setup_context)


def mul_add_sum(x, y, z):
    """c = Σ (x * y + z)."""
    return mul_add_sum_op(x, y, z)
