"""Gradients where a formula would divide by zero, and of arrays without elements."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import gradproof as gp

ZEROS, ONES = np.zeros(3), np.full(3, 2.0)


def test_hypot_where_both_are_zero() -> None:
    derivation = gp.derive(lambda x, y: np.sum(np.hypot(x, y)), ONES, ONES)
    assert not np.any(derivation.gradients(ZEROS, ZEROS))
    assert np.allclose(derivation.gradients(ZEROS, ONES).y, 1)


def test_xlogy_where_x_is_zero() -> None:
    derivation = gp.derive(
        lambda x, y: torch.xlogy(x, y).sum(), *map(torch.tensor, (ONES, ONES))
    )
    assert np.allclose(derivation.gradients(ZEROS, ONES).x, np.log(2))


@pytest.mark.parametrize("shape", [(0,), (2, 0), (0, 4)])
def test_cumprod_of_nothing(shape: tuple[int, ...]) -> None:
    def products(x):
        return np.cumprod(x, axis=0)

    derivation = gp.derive(products, np.ones([2] * len(shape)))
    empty = np.zeros(shape)
    for given in (empty, torch.tensor(empty)):
        found = derivation.gradients(given, grad_output=given)
        assert tuple(found.x.shape) == shape


def test_a_gradient_of_nothing_left_has_the_shape_of_its_input() -> None:
    def f(x, y):
        return np.mean(np.exp(x) * (y - y))

    x, y = np.array(2.0), np.ones((1, 3))
    derivation = gp.derive(f, x, y)
    for library in ("numpy", "torch"):
        convert = torch.tensor if library == "torch" else np.asarray
        of_x, of_y = derivation.gradients(convert(x), convert(y))
        assert float(of_x) == 0
        assert tuple(of_y.shape) == (1, 3)
        assert not of_y.any()
