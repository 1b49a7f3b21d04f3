import numpy as np


def layer_and_gradients(x, W, b, grad_output):
    assert (x.ndim, W.ndim, b.ndim) == (2, 2, 1)
    assert W.shape[1] == b.shape[0]
    # Forward.
    output = np.tanh(x @ W + b)
    # Backward.
    grad_total = grad_output * (1 - output**2)  # output = tanh(x @ W + b)
    grad_x = grad_total @ W.T
    grad_W = x.T @ grad_total
    grad_b = np.sum(grad_total, axis=0)
    return output, (grad_x, grad_W, grad_b)
