"""Values as source."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from gradproof.check.session import Array
from gradproof.check.shrink._numbers import is_ramp, short
from gradproof.check.targets._leaves import refill

PLAIN = (bool, int, float, complex, str, type(None))
MOST_DIGITS = 12


class NotWritableError(Exception):
    """Something in the case has no short literal."""


class Code(str):
    """A piece of source; inside a list it prints as it is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def plain(value: Any) -> str:
    """The literal of something that is no array.

    Raises:
        NotWritableError: where it has none.
    """
    if isinstance(value, PLAIN):
        finite = not isinstance(value, float) or math.isfinite(value)
        if finite:
            return repr(value)
    if isinstance(value, list | tuple | dict):
        return repr(refill(value, (Code(plain(one)) for one in _leaves(value))))
    raise NotWritableError


def filled(library: str, array: Array, dtype: str) -> str:
    """An array's literal: all its numbers, or a formula where they follow one.

    Raises:
        NotWritableError: where a number of it has no literal.
    """
    if not array.size:
        return f"{library}.zeros({list(array.shape)}{dtype})"
    if not is_ramp(array):
        return f"{library}.{_maker(library)}({numbers(array)}{dtype})"
    first, last = (short(array.flat[i], MOST_DIGITS).item() for i in (0, -1))
    shape = "" if array.ndim == 1 else f".reshape({list(array.shape)})"
    return f"{library}.linspace({first}, {last}, {array.size}{dtype}){shape}"


def _maker(library: str) -> str:
    return "tensor" if library == "torch" else "array"


def numbers(array: Array) -> str:
    """An array as nested lists.

    Raises:
        NotWritableError: where a number of it has no literal.
    """
    if not np.isfinite(array).all():
        raise NotWritableError
    return repr(array.tolist())


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for one in value:
            yield from _leaves(one)
    else:
        yield value


def unnamed(tree: Any) -> Any:
    """The tree, refused where it holds a named tuple: its class has no literal."""
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        raise NotWritableError
    inside = tree.values() if isinstance(tree, dict) else tree
    if isinstance(tree, dict | list | tuple):
        for one in inside:
            unnamed(one)
    return tree
