"""The three array libraries, for tests that hold on each of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import torch

CONVERT: dict[str, Callable[[Any], Any]] = {
    "NumPy": np.asarray,
    "torch": torch.tensor,
    "JAX": jnp.asarray,
}
