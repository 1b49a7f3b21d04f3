import numpy as np


def logistic_and_gradients(w, X, t):
    assert (w.ndim, X.ndim, t.ndim) == (1, 2, 1)
    assert X.shape[0] == t.shape[0]
    # Forward.
    m = t * (X @ w)
    log = np.log(1 + np.exp(-m))
    output = np.mean(log)
    # Backward.
    grad_w = X.T @ (-1 / (1 + np.exp(m)) / log.size * t)  # m = t * (X @ w)
    return output, (grad_w,)
