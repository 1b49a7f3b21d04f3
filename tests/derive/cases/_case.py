"""A function to derive, its inputs, and what torch's autograd says of it.

    @case(x=(3, 4), y=(4,))                      # torch's names: its own reference
    def torch_outer(x, y): ...

    @case(lambda x: x.sum(0), x=(3, 4))          # NumPy's names: the same in torch
    def numpy_sum_axis(x): ...

An input is a shape (float64, standard normal), a tuple of a shape and an interval
(uniform in it), or an array as it is (integers, complex numbers).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

CASES: dict[str, Case] = {}


@dataclass(frozen=True)
class Case:
    """A function to derive.

    Attributes:
        function: in NumPy's names, torch's, or the array API's.
        reference: the same for torch tensors, whose autograd is believed.
        arrays: its inputs by name, as NumPy arrays.
        library: whose arrays ``function`` is traced for: "numpy" or "torch".
    """

    function: Callable[..., Any]
    reference: Callable[..., Any]
    arrays: dict[str, np.ndarray[Any, Any]]
    library: str


def case(
    reference: Callable[..., Any] | None = None,
    /,
    library: str | None = None,
    **inputs: Any,
) -> Any:
    """Decorator: make a function a case; without a reference it is in torch's names."""
    names = library or ("torch" if reference is None else "numpy")

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        name = function.__name__
        assert name not in CASES, f"two cases are called {name}"
        rng = np.random.default_rng(zlib.crc32(name.encode()))
        arrays = {key: _array(rng, given) for key, given in inputs.items()}
        CASES[name] = Case(function, reference or function, arrays, names)
        return function

    return decorate


def _array(rng: np.random.Generator, given: Any) -> np.ndarray[Any, Any]:
    if isinstance(given, np.ndarray):
        return given
    if len(given) == 2 and isinstance(given[0], tuple):
        shape, (low, high) = given
        return rng.uniform(low, high, shape)
    return rng.standard_normal(given)
