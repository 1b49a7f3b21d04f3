"""Whether what a function reads from outside has changed since it was derived."""

from __future__ import annotations

import operator
import zlib
from collections.abc import Callable, Hashable
from typing import Any

from gradproof._outside import CODE, DEPTH, Read, package_of, used

_LIBRARIES = {"numpy", "torch", "jax", "jaxlib", "scipy"}


def watched(function: Callable[..., Any]) -> Callable[[], Hashable]:
    """A function that gives a key of the values which another reads from outside.

    The key is another as soon as one of them is: a number, an array, what a list or
    dictionary shows of itself; of anything else, which object it is.
    """
    several = [_quick(read) for read in used(function) if not _is_code(read)]
    if not several:
        return tuple

    def key() -> Hashable:
        return tuple(map(_shown, several))

    return key


def _quick(read: Read) -> Callable[[], Any]:
    """``read.value`` for many calls: what is no property now will not become one."""
    try:
        read.value()
    except LookupError:
        return read.value
    attributes = read.path[1:]
    if not attributes:
        return read.root
    follow = operator.attrgetter(".".join(attributes))
    return lambda: follow(read.root())


def _shown(read: Callable[[], Any]) -> Hashable:
    try:
        return _key(read(), DEPTH)
    except (LookupError, AttributeError):
        return None


def _key(value: Any, depth: int) -> Hashable:
    if isinstance(value, bool | int | float | complex | str | bytes | None):
        return value
    if package_of(value) == "numpy" and hasattr(value, "tobytes"):
        return id(value), zlib.crc32(value.tobytes())
    if depth and isinstance(value, list | tuple):
        return tuple(_key(one, depth - 1) for one in value)
    if depth and isinstance(value, dict):
        return tuple((name, _key(one, depth - 1)) for name, one in value.items())
    if isinstance(value, set | frozenset):
        return frozenset(value)
    inside = getattr(value, "__dict__", None)
    if depth and isinstance(inside, dict) and not isinstance(value, CODE):
        return id(value), _key(inside, depth - 1)
    return id(value), getattr(value, "_version", None)


def _is_code(read: Read) -> bool:
    try:
        value = read.value()
    except LookupError:
        return False  # it may yet come
    is_theirs = package_of(value) in _LIBRARIES and callable(value)
    return isinstance(value, CODE) or (is_theirs and not hasattr(value, "parameters"))
