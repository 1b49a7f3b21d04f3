import numpy as np


def two_layers_and_gradients(x, W1, b1, W2, b2, grad_output):
    assert (x.ndim, W1.ndim, b1.ndim, W2.ndim, b2.ndim) == (2, 2, 1, 2, 1)
    assert W1.shape[1] == b1.shape[0] == W2.shape[0]
    assert W2.shape[1] == b2.shape[0]
    # Forward.
    h = np.tanh(x @ W1 + b1)
    output = h @ W2 + b2
    # Backward.
    grad_h = grad_output @ W2.T  # output = h @ W2 + b2
    grad_W2 = h.T @ grad_output
    grad_b2 = np.sum(grad_output, axis=0)
    grad_total = grad_h * (1 - h**2)  # h = tanh(x @ W1 + b1)
    grad_x = grad_total @ W1.T
    grad_W1 = x.T @ grad_total
    grad_b1 = np.sum(grad_total, axis=0)
    return output, (grad_x, grad_W1, grad_b1, grad_W2, grad_b2)
