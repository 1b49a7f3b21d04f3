import torch


@torch.library.custom_op("derived::recurrence", mutates_args=())
def recurrence_op(x: torch.Tensor, W: torch.Tensor) -> torch.Tensor:
    """Three steps of h = tanh(h·W), and the mean square of the last."""
    assert (x.ndim, W.ndim) == (2, 2)
    h = torch.tanh(x @ W)
    h_1 = torch.tanh(h @ W)
    h_2 = torch.tanh(h_1 @ W)
    return torch.sum(h_2**2) / x.shape[0]


@recurrence_op.register_fake
def _(x, W):
    h = torch.tanh(x @ W)
    h_1 = torch.tanh(h @ W)
    h_2 = torch.tanh(h_1 @ W)
    return torch.sum(h_2**2) / x.shape[0]


def setup_context(ctx, inputs, output):
    x, W = inputs
    ctx.save_for_backward(x, W)


def backward(ctx, grad_output):
    # for autocast
    x, W = (saved.to(grad_output.dtype) for saved in ctx.saved_tensors)
    grad_x = grad_W = None
    h = torch.tanh(x @ W)
    h_1 = torch.tanh(h @ W)
    h_2 = torch.tanh(h_1 @ W)
    powered = h_2**2
    # h_2 = tanh(h_1 @ W)
    grad_product = 2 * grad_output / x.shape[0] * h_2 * (1 - powered)
    grad_h = grad_product @ W.T
    grad_product_1 = grad_h * (1 - h_1**2)  # h_1 = tanh(h @ W)
    grad_h_1 = grad_product_1 @ W.T
    grad_product_2 = grad_h_1 * (1 - h**2)  # h = tanh(x @ W)
    if ctx.needs_input_grad[0]:
        grad_x = grad_product_2 @ W.T
    if ctx.needs_input_grad[1]:
        grad_W = h_1.T @ grad_product + h.T @ grad_product_1 + x.T @ grad_product_2
    return grad_x, grad_W


recurrence_op.register_autograd(backward, setup_context=setup_context)


def recurrence(x, W):
    """Three steps of h = tanh(h·W), and the mean square of the last."""
    return recurrence_op(x, W)
