"""Fused forms: each applies, gives the same number, and leaves a near miss alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import gradproof as gp

RNG = np.random.default_rng(0)
X = RNG.standard_normal((5, 3))
Z = RNG.standard_normal((5, 3))
P = RNG.uniform(0.1, 0.9, (5, 3))
T = RNG.uniform(0.1, 0.9, (5, 3))
LABELS = np.array([2, 0, 1, 2, 2])
SIGMOID = "1 / (1 + np.exp(-"


def backward(function: Callable[..., Any], *arrays: Any) -> str:
    """The lines of the NumPy backward, without comments, numbers compared."""
    derivation = gp.derive(function, *arrays)
    _, _, after = derivation.source("numpy").partition("# Backward.\n")
    lines = [line.split("  # ")[0].strip() for line in after.splitlines()]
    return "\n".join(line for line in lines if not line.startswith(("#", "return")))


def same_as_autograd(
    function: Callable[..., Any], reference: Callable[..., Any], *arrays: Any
) -> bool:
    derivation = gp.derive(function, *arrays)
    tensors = [
        torch.tensor(x).requires_grad_(np.issubdtype(x.dtype, np.floating))
        for x in arrays
    ]
    output = reference(*tensors)
    seed = np.random.default_rng(1).standard_normal(tuple(output.shape))
    given = {} if output.ndim == 0 else {"grad_output": seed}
    got = derivation.gradients(*arrays, **given)
    wrt = [x for x in tensors if x.requires_grad]
    want = torch.autograd.grad(output, wrt, torch.tensor(seed) if output.ndim else None)
    return all(np.allclose(a, b, rtol=1e-9) for a, b in zip(got, want, strict=True))


# Softmax cross entropy.


def test_cross_entropy_subtracts_one_at_the_label() -> None:
    def loss(x: Any, y: Any) -> Any:
        return F.cross_entropy(x, y)

    assert "(np.exp(log_p) - (y[:, None] == np.arange(" in backward(
        loss, torch.tensor(X), torch.tensor(LABELS)
    )


def test_log_of_a_softmax_needs_no_quotient() -> None:
    def f(x: Any) -> Any:
        e = np.exp(x)
        p = e / np.sum(e, axis=1, keepdims=True)
        return np.log(p)

    lines = backward(f, X)
    assert "/" not in lines
    assert lines.count("np.sum") == 1
    assert same_as_autograd(f, lambda x: F.log_softmax(x, dim=1), X)


def test_log_of_another_quotient_keeps_its_quotient() -> None:
    def f(x: Any, z: Any) -> Any:
        e = np.exp(x)
        p = e / np.sum(np.exp(z), axis=1, keepdims=True)
        return np.sin(p)

    assert same_as_autograd(
        f, lambda x, z: torch.sin(x.exp() / z.exp().sum(1, keepdim=True)), X, Z
    )
    assert "np.cos(p)" in backward(f, X, Z)


def test_softmax_by_hand_knows_its_own_shift() -> None:
    def f(x: Any) -> Any:
        e = np.exp(x - np.sum(x, axis=1, keepdims=True))
        return e / np.sum(e, axis=1, keepdims=True)

    assert backward(f, X).count("np.sum") == 1
    assert same_as_autograd(
        f, lambda x: F.softmax(x - x.sum(1, keepdim=True), dim=1), X
    )


def test_a_quotient_by_another_sum_has_no_free_shift() -> None:
    def f(x: Any) -> Any:
        e = np.exp(x - np.sum(x, axis=1, keepdims=True))
        return e / np.sum(e, axis=0, keepdims=True)

    def reference(x: Any) -> Any:
        e = torch.exp(x - x.sum(1, keepdim=True))
        return e / e.sum(0, keepdim=True)

    assert backward(f, X).count("np.sum") > 1
    assert same_as_autograd(f, reference, X)


def test_logsumexp_by_hand_knows_its_own_shift() -> None:
    def f(x: Any) -> Any:
        m = np.sum(x, axis=1, keepdims=True)
        return m + np.log(np.sum(np.exp(x - m), axis=1, keepdims=True))

    lines = backward(f, X)
    assert lines.startswith("grad_x = ")
    assert "np.sum" not in lines
    assert same_as_autograd(f, lambda x: torch.logsumexp(x, 1, keepdim=True), X)


def _softmax_regression(x: Any, y: Any) -> Any:
    shifted = x - np.max(x, axis=1, keepdims=True)
    log_p = shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    return -np.mean(log_p[np.arange(len(y)), y])


def test_cross_entropy_by_hand_is_p_minus_one_at_the_label() -> None:
    lines = backward(_softmax_regression, X, LABELS)
    assert "exp / total - (y[:, None] == np.arange(" in lines
    assert "max_" not in lines
    assert same_as_autograd(_softmax_regression, F.cross_entropy, X, LABELS)


def test_other_rows_are_no_cross_entropy() -> None:
    def f(x: Any, y: Any) -> Any:
        log_p = x - np.log(np.sum(np.exp(x), axis=1, keepdims=True))
        return -np.mean(log_p[np.array([0, 0, 1, 2, 3]), y])

    def reference(x: Any, y: Any) -> Any:
        return -F.log_softmax(x, dim=1)[torch.tensor([0, 0, 1, 2, 3]), y].mean()

    assert "==" not in backward(f, X, LABELS)
    assert same_as_autograd(f, reference, X, LABELS)


# Binary cross entropy.


def _hand_written(x: Any, t: Any) -> Any:
    p = 1 / (1 + np.exp(-x))
    return -np.mean(t * np.log(p) + (1 - t) * np.log(1 - p))


def test_binary_cross_entropy_of_a_sigmoid_is_p_minus_t() -> None:
    assert "grad_x = (p - t) / total.size" in backward(_hand_written, X, T)
    assert same_as_autograd(_hand_written, F.binary_cross_entropy_with_logits, X, T)


def test_binary_cross_entropy_of_a_probability_has_one_quotient() -> None:
    def loss(p: Any, t: Any) -> Any:
        return np.sum(t * np.log(p) + (1 - t) * np.log(1 - p))

    def reference(p: Any, t: Any) -> Any:
        return -F.binary_cross_entropy(p, t, reduction="sum")

    assert "(t - p) / (p * " in backward(loss, P, T)
    assert same_as_autograd(loss, reference, P, T)


def test_other_weights_are_no_cross_entropy() -> None:
    def loss(p: Any, t: Any) -> Any:
        return np.sum(t * np.log(p) + (2 - t) * np.log(1 - p))

    def reference(p: Any, t: Any) -> Any:
        return torch.sum(t * torch.log(p) + (2 - t) * torch.log(1 - p))

    assert "t - p" not in backward(loss, P, T)
    assert same_as_autograd(loss, reference, P, T)


# Softplus and the sigmoid.


@pytest.mark.parametrize(
    "softplus",
    [
        lambda x: np.log(1 + np.exp(x)),
        lambda x: np.log(np.exp(x) + 1),
        lambda x: np.log1p(np.exp(x)),
    ],
    ids=["1 +", "+ 1", "log1p"],
)
def test_slope_of_softplus_is_the_sigmoid(softplus: Callable[..., Any]) -> None:
    def f(x: Any) -> Any:
        return np.sum(softplus(x))

    assert backward(f, X) == f"grad_x = {SIGMOID}x))"
    assert same_as_autograd(f, lambda x: F.softplus(x).sum(), X)


def test_slope_of_softplus_does_not_overflow() -> None:
    def f(x: Any) -> Any:
        return np.sum(np.log(1 + np.exp(x)))

    with np.errstate(over="ignore"):
        assert gp.derive(f, X).gradients(np.full((5, 3), 1000.0)).x[0, 0] == 1


def test_two_and_an_exponential_is_no_softplus() -> None:
    def f(x: Any) -> Any:
        return np.sum(np.log(2 + np.exp(x)))

    assert "tanh" not in backward(f, X)
    assert same_as_autograd(f, lambda x: torch.log(2 + torch.exp(x)).sum(), X)


def test_sigmoid_by_hand_is_differentiated_by_itself() -> None:
    def f(x: Any) -> Any:
        return 1 / (1 + np.exp(-x))

    assert "(1 - output)" in backward(f, X)
    assert "exp" not in backward(f, X)
    assert same_as_autograd(f, torch.sigmoid, X)


def test_tanh_is_differentiated_by_itself() -> None:
    def f(x: Any) -> Any:
        return np.tanh(x)

    assert backward(f, X) == "grad_x = grad_output * (1 - output**2)"


# Means, products and sums of products.


def test_a_sum_over_its_size_is_a_mean() -> None:
    def f(x: Any) -> Any:
        return np.sin(x - np.mean(x, axis=1, keepdims=True))

    assert "np.mean" in backward(f, X)
    assert same_as_autograd(f, lambda x: torch.sin(x - x.mean(1, keepdim=True)), X)


def test_a_sum_over_another_size_is_no_mean() -> None:
    def f(x: Any) -> Any:
        return np.sin(x - np.sum(x, axis=1, keepdims=True) / x.shape[0])

    def reference(x: Any) -> Any:
        return torch.sin(x - x.sum(1, keepdim=True) / x.shape[0])

    assert "np.mean" not in backward(f, X)
    assert same_as_autograd(f, reference, X)


def test_numbers_meet() -> None:
    def f(x: Any) -> Any:
        return np.sum(0.5 * np.sin(x) ** 2)

    lines = backward(f, X)
    assert "2" not in lines
    assert "0.5" not in lines
    assert same_as_autograd(f, lambda x: torch.sum(0.5 * torch.sin(x) ** 2), X)


def test_a_common_factor_is_taken_out() -> None:
    def f(x: Any, z: Any) -> Any:
        y = x * z
        return y * np.sin(x) - y * np.cos(x)

    def reference(x: Any, z: Any) -> Any:
        return x * z * (torch.sin(x) - torch.cos(x))

    lines = backward(f, X, Z)
    assert "(sin - cos)" in lines or "(np.sin(x) - np.cos(x))" in lines
    assert same_as_autograd(f, reference, X, Z)


def test_a_constant_leaves_a_sum() -> None:
    def f(x: Any, c: Any) -> Any:
        return x / c * np.sum(x, axis=1, keepdims=True)

    assert same_as_autograd(f, lambda x, c: x / c * x.sum(1, keepdim=True), X, P[:, :1])


def test_a_factor_that_changes_along_the_axis_stays_in_the_sum() -> None:
    def f(x: Any, z: Any) -> Any:
        return x - np.sum(x * z, axis=1, keepdims=True)

    assert same_as_autograd(f, lambda x, z: x - (x * z).sum(1, keepdim=True), X, Z)


def test_a_quotient_is_not_cancelled_by_another() -> None:
    def f(x: Any, z: Any) -> Any:
        return np.exp(x) / (2 + np.exp(x)) * z

    def reference(x: Any, z: Any) -> Any:
        return torch.exp(x) / (2 + torch.exp(x)) * z

    assert "tanh" not in backward(f, X, Z)
    assert same_as_autograd(f, reference, X, Z)
