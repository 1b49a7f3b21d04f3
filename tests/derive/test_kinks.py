"""Where there is no slope: a derivation takes the one that torch takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from gradproof.derive import derive

KINK = np.array([[-1.0, 0.0, 0.0, 1.0, 0.5, 6.0], [0.0, 0.0, 2.0, 2.0, 2.0, 2.0]])
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": lambda x: x.abs(),
    "relu": lambda x: x.relu(),
    "relu6": lambda x: F.relu6(x),
    "leaky_relu": lambda x: F.leaky_relu(x),
    "elu": lambda x: F.elu(x),
    "clamp": lambda x: x.clamp(0.0, 1.0),
    "clamp_min": lambda x: x.clamp(min=0.0),
    "clamp_max": lambda x: x.clamp(max=1.0),
    "hardtanh": lambda x: F.hardtanh(x),
    "softshrink": lambda x: F.softshrink(x),
    "amax": lambda x: x.amax(1),
    "amin": lambda x: x.amin(1, keepdim=True),
    "max": lambda x: x.max(),
    "max_dim": lambda x: x.max(1)[0],
    "prod": lambda x: x.prod(1),
    "cumprod": lambda x: x.cumprod(1),
    "norm": lambda x: torch.linalg.vector_norm(x * 0, dim=1),
    "std": lambda x: (x * 0).std(1),
    "power": lambda x: x.abs() ** x.abs(),
    "sort": lambda x: x.sort(dim=1)[0],
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_at_a_kink_the_slope_is_that_of_torch(name: str) -> None:
    function = FUNCTIONS[name]
    function.__name__ = name
    smooth = torch.tensor(np.random.default_rng(0).standard_normal(KINK.shape))
    smooth = smooth.where(smooth.abs() > 0.1, 0.3)
    x = torch.tensor(KINK, requires_grad=True)
    expected = function(x)
    seed = torch.ones_like(expected)
    (wanted,) = torch.autograd.grad(expected, x, seed)
    derivation = derive(function, smooth)
    (got,) = derivation.gradients(KINK, grad_output=seed.numpy())
    np.testing.assert_allclose(np.asarray(got), wanted.numpy(), rtol=1e-12, atol=0)
