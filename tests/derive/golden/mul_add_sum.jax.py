import jax
import jax.numpy as jnp


@jax.custom_vjp
def mul_add_sum(x, y, z):
    """c = Σ (x * y + z)."""
    return mul_add_sum_forward(x, y, z)[0]


def mul_add_sum_forward(x, y, z):
    assert x.shape == y.shape == z.shape
    a = x * y
    b = a + z
    c = jnp.sum(b)
    return c, (x, y)


def mul_add_sum_backward(kept, grad_output):
    x, y = kept
    grad_b = jnp.full_like(x, grad_output)  # c = sum(b)
    grad_x = grad_b * y  # a = x * y
    grad_y = grad_b * x
    grad_z = grad_b  # b = a + z
    return (grad_x, grad_y, grad_z)


mul_add_sum.defvjp(mul_add_sum_forward, mul_add_sum_backward)
