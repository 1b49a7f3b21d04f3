"""NumPy: the by-hand pass, nothing recorded."""

from __future__ import annotations

import functools
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from gradproof._rule import ArraySpec
from gradproof._rule import sum_to as sum_to

if TYPE_CHECKING:
    from gradproof._function import Function

autodiff = None


def owns(value: Any) -> bool:
    """Whether it is an array or a scalar of NumPy's."""
    return isinstance(value, np.ndarray | np.generic)


def spec(array: Any) -> ArraySpec:
    """Its shape and dtype."""
    array = np.asarray(array)
    return ArraySpec(array.shape, _dtype_name(array.dtype))


def as_array(value: Any) -> Any:
    """The array; scalars of NumPy's become arrays without dimensions."""
    if owns(value):
        return np.asarray(value)
    raise TypeError(value)


def is_differentiable(value: Any) -> bool:
    """Whether it holds real or complex numbers; a Python float does."""
    if isinstance(value, float | complex):
        return True
    return owns(value) and value.dtype.kind in "fc"


def cast(array: Any, dtype: str) -> Any:
    """The array in another dtype."""
    return array.astype(dtype)


def full_like(array: Any, value: complex) -> Any:
    """The value everywhere, in the same shape and dtype."""
    return np.full_like(array, value)


def call(function: Function[..., Any], inputs: tuple[Any, ...], options: Any) -> Any:
    """The forward, with nothing kept."""
    return function.plain(inputs, options)


def fingerprint(values: Mapping[str, Any]) -> dict[str, Any]:
    """By name, what differs once one of the values has been written to."""
    found = {}
    for name, value in values.items():
        several = value if isinstance(value, tuple) else (value,)
        arrays = (one for one in several if isinstance(one, np.ndarray))
        found[name] = [zlib.crc32(np.ascontiguousarray(one).data) for one in arrays]
    return found


def refuse(message: str, gradient: Any, given: list[Any]) -> Any:  # noqa: ARG001
    """The gradient: nothing differentiates on."""
    return gradient


@functools.cache
def _dtype_name(dtype: Any) -> str:
    return str(dtype)
