import torch


@torch.library.custom_op("derived::logistic", mutates_args=())
def logistic_op(w: torch.Tensor, X: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """The mean of log(1 + exp(-t · Xw))."""
    assert (w.ndim, X.ndim, t.ndim) == (1, 2, 1)
    assert X.shape[0] == t.shape[0]
    m = t * (X @ w)
    return torch.mean(torch.log(1 + torch.exp(-m)))


@logistic_op.register_fake
def _(w, X, t):
    m = t * (X @ w)
    return torch.mean(torch.log(1 + torch.exp(-m)))


def setup_context(ctx, inputs, output):
    w, X, t = inputs
    ctx.save_for_backward(w, X, t)


def backward(ctx, grad_output):
    # for autocast
    w, X, t = (saved.to(grad_output.dtype) for saved in ctx.saved_tensors)
    m = t * (X @ w)
    # m = t * (X @ w)
    grad_w = X.T @ (-grad_output * torch.sigmoid(-m) / t.numel() * t)
    return grad_w, None, None


logistic_op.register_autograd(backward, setup_context=setup_context)


def logistic(w, X, t):
    """The mean of log(1 + exp(-t · Xw))."""
    return logistic_op(w, X, t)
