"""What a forward reads from outside: constants of a derivation, until they change."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Hashable
from typing import Any

from gradproof._definition import read_from_outside

_CODE = (types.ModuleType, types.FunctionType, types.BuiltinFunctionType, type)
LARGEST = 64  # numbers of an array that source may list as a constant


def watched(forward: Callable[..., Any]) -> Callable[[], Hashable]:
    """A function that gives a key of the values which the forward reads from outside.

    The key is another as soon as one of them is: a number, a small array, what a list
    or dictionary shows of itself; of anything else, which object it is.
    """
    names = [
        name
        for name, value in read_from_outside(forward)
        if not isinstance(value, _CODE)
    ]
    if not names:
        return tuple
    plain = inspect.unwrap(forward)
    freevars = getattr(plain, "__code__", None) and plain.__code__.co_freevars
    cells = dict(zip(freevars or (), plain.__closure__ or (), strict=False))
    scope = plain.__globals__

    def key() -> Hashable:
        return tuple(
            _shown(cells[name].cell_contents if name in cells else scope.get(name))
            for name in names
        )

    return key


def _shown(value: Any) -> Hashable:
    if isinstance(value, bool | int | float | complex | str | bytes | None):
        return value
    if isinstance(value, list | dict | set | tuple):
        return repr(value)
    if hasattr(value, "tobytes") and getattr(value, "size", LARGEST + 1) <= LARGEST:
        return bytes(value.tobytes())
    return id(value)
