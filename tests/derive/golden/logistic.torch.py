import torch


class LogisticFunction(torch.autograd.Function):
    """The mean of log(1 + exp(-t · Xw))."""

    @staticmethod
    def forward(w, X, t):
        assert (w.ndim, X.ndim, t.ndim) == (1, 2, 1)
        assert X.shape[0] == t.shape[0]
        m = t * (X @ w)
        return torch.mean(torch.log(1 + torch.exp(-m)))

    @staticmethod
    def setup_context(ctx, inputs, output):
        w, X, t = inputs
        ctx.save_for_backward(w, X, t)

    @staticmethod
    def backward(ctx, grad_output):
        # for autocast
        w, X, t = (saved.to(grad_output.dtype) for saved in ctx.saved_tensors)
        m = t * (X @ w)
        # m = t * (X @ w)
        grad_w = X.T @ (-grad_output * torch.sigmoid(-m) / t.numel() * t)
        return grad_w, None, None


def logistic(w, X, t):
    """The mean of log(1 + exp(-t · Xw))."""
    return LogisticFunction.apply(w, X, t)
