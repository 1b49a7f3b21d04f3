"""``gp.namespace``: the array library of some arrays, under the array API's names."""

from __future__ import annotations

from typing import Any


def namespace(*arrays: Any) -> Any:
    """The functions for these arrays, by the array API standard's names.

    ``xp = gp.namespace(x)`` lets one forward run on NumPy, PyTorch and JAX:
    ``xp.exp(x)``, ``xp.sum(x, axis=-1)``, ``xp.where(x > 0, x, 0)``.

    Args:
        *arrays: one or more arrays of one library; Python numbers and None are
            passed over.

    Raises:
        TypeError: where the arrays belong to different libraries.
    """
    from array_api_compat import array_namespace

    return array_namespace(*arrays)
