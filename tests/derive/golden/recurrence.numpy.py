import numpy as np


def recurrence_and_gradients(x, W):
    assert (x.ndim, W.ndim) == (2, 2)
    # Forward.
    h = np.tanh(x @ W)
    h_1 = np.tanh(h @ W)
    h_2 = np.tanh(h_1 @ W)
    powered = h_2**2
    output = np.sum(powered) / x.shape[0]
    # Backward.
    grad_product = 2 * h_2 / x.shape[0] * (1 - powered)  # h_2 = tanh(h_1 @ W)
    grad_h = grad_product @ W.T
    grad_product_1 = grad_h * (1 - h_1**2)  # h_1 = tanh(h @ W)
    grad_h_1 = grad_product_1 @ W.T
    grad_product_2 = grad_h_1 * (1 - h**2)  # h = tanh(x @ W)
    grad_x = grad_product_2 @ W.T
    grad_W = h_1.T @ grad_product + h.T @ grad_product_1 + x.T @ grad_product_2
    return output, (grad_x, grad_W)
