import jax
import jax.numpy as jnp


@jax.custom_vjp
def recurrence(x, W):
    """Three steps of h = tanh(h·W), and the mean square of the last."""
    return recurrence_forward(x, W)[0]


def recurrence_forward(x, W):
    assert (x.ndim, W.ndim) == (2, 2)
    h = jnp.tanh(x @ W)
    h_1 = jnp.tanh(h @ W)
    h_2 = jnp.tanh(h_1 @ W)
    powered = h_2**2
    size = x.shape[0]
    output = jnp.sum(powered) / size
    return output, (x, W, size, h_2, powered, h_1, h)


def recurrence_backward(kept, grad_output):
    x, W, size, h_2, powered, h_1, h = kept
    grad_product = 2 * grad_output / size * h_2 * (1 - powered)  # h_2 = tanh(h_1 @ W)
    grad_h = grad_product @ W.T
    grad_product_1 = grad_h * (1 - h_1**2)  # h_1 = tanh(h @ W)
    grad_h_1 = grad_product_1 @ W.T
    grad_product_2 = grad_h_1 * (1 - h**2)  # h = tanh(x @ W)
    grad_x = grad_product_2 @ W.T
    grad_W = h_1.T @ grad_product + h.T @ grad_product_1 + x.T @ grad_product_2
    return (grad_x, grad_W)


recurrence.defvjp(recurrence_forward, recurrence_backward)
