import jax
import jax.numpy as jnp


@jax.custom_vjp
def two_layers(x, W1, b1, W2, b2):
    """tanh(x·W₁ + b₁)·W₂ + b₂."""
    return two_layers_forward(x, W1, b1, W2, b2)[0]


def two_layers_forward(x, W1, b1, W2, b2):
    assert (x.ndim, W1.ndim, b1.ndim, W2.ndim, b2.ndim) == (2, 2, 1, 2, 1)
    assert W1.shape[1] == b1.shape[0] == W2.shape[0]
    assert W2.shape[1] == b2.shape[0]
    h = jnp.tanh(x @ W1 + b1)
    output = h @ W2 + b2
    return output, (x, W1, W2, h)


def two_layers_backward(kept, grad_output):
    x, W1, W2, h = kept
    grad_h = grad_output @ W2.T  # output = h @ W2 + b2
    grad_W2 = h.T @ grad_output
    grad_b2 = jnp.sum(grad_output, axis=0)
    grad_total = grad_h * (1 - h**2)  # h = tanh(x @ W1 + b1)
    grad_x = grad_total @ W1.T
    grad_W1 = x.T @ grad_total
    grad_b1 = jnp.sum(grad_total, axis=0)
    return (grad_x, grad_W1, grad_b1, grad_W2, grad_b2)


two_layers.defvjp(two_layers_forward, two_layers_backward)
