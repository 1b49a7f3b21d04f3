"""Arrays that source makes of nothing: of the dtype and on the device of an input."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import gradproof as gp

R = np.random.default_rng(0).standard_normal
P = np.random.default_rng(0).uniform


def lowrank(U, d, b):
    y = b / d
    Ud = U / d[:, None]
    M = np.eye(U.shape[1]) + U.T @ Ud
    return y - Ud @ np.linalg.solve(M, U.T @ y)


def logdet(A, x):
    S = A @ A.T + np.eye(A.shape[0])
    _, logabsdet = np.linalg.slogdet(S)
    return -0.5 * logabsdet - 0.5 * x @ np.linalg.solve(S, x)


def chol(A, b):
    L = np.linalg.cholesky(A @ A.T + np.eye(A.shape[0]))
    return np.linalg.solve(L, b), np.sum(np.log(np.diagonal(L)))


def triangular_inverse(A):
    return np.linalg.inv(np.tril(A) + 3 * np.eye(A.shape[0]))


def padded(x):
    return np.concatenate([np.zeros(2), x * np.full(x.shape, 0.5), np.ones((1,))]) ** 2


def filtered(x):
    return x[1:] * np.array([0.5, 2.0, -1.0]) * np.array([0.5, 2.0, -1.0])[::-1]


def ramp(x):
    return np.sum(x * np.arange(x.shape[0])[::-1] ** 2)


def picked(x):
    return x[np.array([0, 2, 0])] ** 2


def chosen(x, labels):
    return np.sum(np.where(labels > 0, 1.0, 0.3) * x**2)


def eigenvectors(A):
    return np.abs(np.linalg.eigh(A + A.T)[1])


def torch_zeros(x):
    start = torch.zeros(x.shape[1], dtype=x.dtype)
    for row in x:
        start = torch.tanh(start + row)
    return start + torch.eye(x.shape[1], dtype=x.dtype)


LABELS = np.array([0, 2, 1, 0])
CASES = [
    (lowrank, (R((5, 2)), P(0.5, 2, 5), R(5))),
    (logdet, (R((3, 4)), R(3))),
    (chol, (R((3, 3)), R(3))),
    (triangular_inverse, (R((3, 3)),)),
    (padded, (R(4),)),
    (filtered, (R(4),)),
    (ramp, (R(4),)),
    (picked, (R(4),)),
    (chosen, (R(4), LABELS)),
    (eigenvectors, (R((3, 3)),)),
    (torch_zeros, (R((3, 2)),)),
]
every_case = pytest.mark.parametrize(
    ("function", "arrays"), CASES, ids=[f.__name__ for f, _ in CASES]
)


def derived(function, arrays):
    examples = arrays
    if "torch" in function.__name__:
        examples = [torch.tensor(array) for array in arrays]
    return gp.derive(function, *examples)


def in_torch(f, inputs, seeds=None):
    inputs = [
        x.detach().requires_grad_() if x.is_floating_point() else x for x in inputs
    ]
    returned = f(*inputs)
    outputs = returned if isinstance(returned, tuple) else (returned,)
    leaves = [x for x in inputs if x.requires_grad]
    seeds = seeds or [torch.ones_like(o) for o in outputs]
    return outputs, torch.autograd.grad(outputs, leaves, seeds)


@every_case
@pytest.mark.parametrize("form", ["numpy", "torch", "torch-library", "jax"])
def test_float32_stays_float32(function, arrays, form: str) -> None:
    derivation = derived(function, arrays)
    name = function.__name__
    wide = [torch.tensor(array) for array in arrays]
    outputs, expected = in_torch(derivation.module("torch")[name], wide)
    narrow = [a.astype("f4") if a.dtype.kind == "f" else a for a in arrays]
    ones = [np.ones(o.shape, "f4") for o in outputs]
    if form == "numpy":
        run = derivation.module("numpy")[f"{name}_and_gradients"]
        given = () if derivation.is_scalar else ones
        mine, gradients = run(*narrow, *given)
        mine = mine if isinstance(mine, tuple) else (mine,)
    elif form == "jax":
        jax = pytest.importorskip("jax")
        run = derivation.module("jax")[name]
        if len(narrow) > 1 and narrow[1].dtype.kind == "i":
            labels = narrow[1]
            mine, pull = jax.vjp(lambda x: run(x, labels), narrow[0])
        else:
            mine, pull = jax.vjp(run, *narrow)
        is_tuple = isinstance(mine, tuple)
        given = [jax.numpy.asarray(one) for one in ones]
        gradients = pull(tuple(given) if is_tuple else given[0])
        mine = mine if is_tuple else (mine,)
    else:
        tensors = [torch.tensor(array) for array in narrow]
        mine, gradients = in_torch(derivation.module(form)[name], tensors)
        mine = [one.detach() for one in mine]
    several = (*zip(gradients, expected, strict=True), *zip(mine, outputs, strict=True))
    for number, (one, other) in enumerate(several):
        if form != "numpy" or number < len(expected):  # where NumPy makes doubles
            assert str(one.dtype).removeprefix("torch.") == "float32"
        np.testing.assert_allclose(
            np.asarray(one), other.detach().numpy(), rtol=2e-3, atol=2e-3
        )


@every_case
@pytest.mark.parametrize("form", ["torch", "torch-library"])
def test_another_device(function, arrays, form: str) -> None:
    """Nothing on meta is computed, but what is made on the CPU does not fit it."""
    run = derived(function, arrays).module(form)[function.__name__]
    tensors = [torch.tensor(array, device="meta") for array in arrays]
    outputs, gradients = in_torch(run, tensors)
    assert {one.device.type for one in (*outputs, *gradients)} == {"meta"}


def test_the_comment_does_not_repeat_dtype_and_device() -> None:
    source = derived(*CASES[0]).source("torch")
    assert "M = torch.eye(U.shape[1], dtype=U.dtype, device=U.device) + " in source
    assert "# M = eye(U.shape[1]) + U.T @ Ud" in source


def test_a_dtype_of_no_input_stays() -> None:
    def widened(x):
        return x * np.array([0.5, 2.0])

    derivation = gp.derive(widened, R(2).astype("f4"))
    assert "np.array([0.5, 2.0])" in derivation.source("numpy")
    assert "dtype=torch.float64, device=x.device" in derivation.source("torch")
