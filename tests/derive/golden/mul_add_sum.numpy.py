import numpy as np


def mul_add_sum_and_gradients(x, y, z):
    assert x.shape == y.shape == z.shape
    # Forward.
    a = x * y
    b = a + z
    c = np.sum(b)
    # Backward.
    grad_b = np.ones_like(b)  # c = sum(b)
    grad_z = grad_b  # b = a + z
    grad_x = grad_b * y  # a = x * y
    grad_y = grad_b * x
    return c, (grad_x, grad_y, grad_z)
