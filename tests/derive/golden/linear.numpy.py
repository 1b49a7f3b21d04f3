import numpy as np


def linear_and_gradients(input, weight, bias, grad_output):
    assert (input.ndim, weight.ndim, bias.ndim) == (2, 2, 1)
    assert weight.shape[0] == bias.shape[0]
    # Forward.
    output = input @ weight.T + bias
    # Backward.
    grad_input = grad_output @ weight  # output = input @ weight.T + bias
    grad_weight = grad_output.T @ input
    grad_bias = np.sum(grad_output, axis=0)
    return output, (grad_input, grad_weight, grad_bias)
