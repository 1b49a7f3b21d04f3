import jax
import jax.numpy as jnp


@jax.custom_vjp
def logistic(w, X, t):
    """The mean of log(1 + exp(-t · Xw))."""
    return logistic_forward(w, X, t)[0]


def logistic_forward(w, X, t):
    assert (w.ndim, X.ndim, t.ndim) == (1, 2, 1)
    assert X.shape[0] == t.shape[0]
    m = t * (X @ w)
    negated = -m
    output = jnp.mean(jnp.log(1 + jnp.exp(negated)))
    return output, (X, t, negated)


def logistic_backward(kept, grad_output):
    X, t, negated = kept
    # m = t * (X @ w)
    grad_w = X.T @ (-grad_output * jax.nn.sigmoid(negated) / t.size * t)
    return (grad_w, None, None)


logistic.defvjp(logistic_forward, logistic_backward)
