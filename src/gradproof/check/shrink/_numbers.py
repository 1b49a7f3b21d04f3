"""Numbers that are short to write: rounded, or evenly spaced."""

from __future__ import annotations

import numpy as np

from gradproof.check.session import Array

WRITTEN = 64  # elements of one call that are written out; more follow a formula
BY_ELEMENT = 16  # elements that are looked at one by one
DIGITS = 2


def largest(array: Array) -> tuple[int, ...]:
    """The position of the largest element; of a mask, the first that is true."""
    return tuple(int(i) for i in np.unravel_index(int(array.argmax()), array.shape))


def short(array: Array, digits: int = DIGITS) -> Array:
    """The same numbers with a few digits; what is not zero does not become zero."""

    def one(number: float) -> float:
        return float(f"{number:.{digits}g}")

    if np.iscomplexobj(array):
        return np.asarray(short(array.real, digits) + 1j * short(array.imag, digits))
    rounded = [one(float(number)) for number in array.ravel()]
    return np.array(rounded, dtype=np.float64).reshape(array.shape)


def ramp(array: Array, number: int) -> Array:
    """As many evenly spaced numbers between the same ends; down for odd numbers."""
    if np.iscomplexobj(array):
        return short(array)
    ends = sorted(short(np.array([array.min(), array.max()])))
    first, last = ends if number % 2 == 0 else reversed(ends)
    return np.linspace(first, last, array.size).reshape(array.shape)


def is_ramp(array: Array) -> bool:
    """Whether its elements are evenly spaced, and a formula says it shorter."""
    if array.size <= BY_ELEMENT or np.iscomplexobj(array):
        return False
    even = np.linspace(array.flat[0], array.flat[-1], array.size)
    return bool(np.allclose(array.ravel(), even, rtol=1e-12, atol=1e-12))
