import jax
import jax.numpy as jnp


@jax.custom_vjp
def linear(input, weight, bias):
    """output = input · weightᵀ + bias."""
    return linear_forward(input, weight, bias)[0]


def linear_forward(input, weight, bias):
    assert (input.ndim, weight.ndim, bias.ndim) == (2, 2, 1)
    assert weight.shape[0] == bias.shape[0]
    output = input @ weight.T + bias
    return output, (input, weight)


def linear_backward(kept, grad_output):
    input, weight = kept
    grad_input = grad_output @ weight  # output = input @ weight.T + bias
    grad_weight = grad_output.T @ input
    grad_bias = jnp.sum(grad_output, axis=0)
    return (grad_input, grad_weight, grad_bias)


linear.defvjp(linear_forward, linear_backward)
