"""The names that a forward may call, and what they mean.

    @call("sum")
    def sum_(x, axis=None, keepdims=False): ...

A name means the same in NumPy, torch and the array API unless it is given for one of
them: ``@call("std", library="torch")``. The function takes values and plain Python and
returns values; its signature is what is supported, and anything else is refused.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

if TYPE_CHECKING:
    from gradproof.derive.ir import Value

Call = Callable[..., Any]
Meaning = TypeVar("Meaning", bound=Call)

CALLS: dict[tuple[str | None, str], Call] = {}
_SAME = {"dim": "axis", "keepdim": "keepdims", "dims": "axis"}
_FIRST = ("input", "a", "x", "self", "m", "arr", "array")


class Along(NamedTuple):
    """What torch gives along an axis: ``.values`` and ``.indices``."""

    values: Value
    indices: Value


def call(*names: str, library: str | None = None) -> Callable[[Meaning], Meaning]:
    """Decorator: what these names mean, everywhere or in one library."""

    def decorate(function: Meaning) -> Meaning:
        for name in names:
            CALLS[library, name] = function
        return function

    return decorate


def find(name: str, library: str) -> Call | None:
    """What a name means in a library, or None."""
    # torch's own names of torch.linalg.inv and torch.special.erf have a prefix.
    for known in (name, name.removeprefix("linalg_").removeprefix("special_")):
        meaning = CALLS.get((library, known)) or CALLS.get((None, known))
        if meaning is not None:
            return meaning
    return None


def bind(function: Call, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Call it, keywords translated.

    Raises:
        TypeError: for an argument that it does not take; the text says which.
    """
    parameters = inspect.signature(function).parameters
    keywords = {}
    for name, value in options.items():
        known = name if name in parameters else _SAME.get(name, name)
        if known not in parameters and name in _FIRST and not args:
            args = (value,)
        elif known in parameters or not _is_default(name, value):
            keywords[known] = value
    for name in keywords:
        if name not in parameters:
            raise TypeError(f"the option {name}=")
    return function(*args, **keywords)


def _is_default(name: str, value: Any) -> bool:
    """Options that say only what happens anyway."""
    if value is None:
        return True
    return (name, value) in {
        ("order", "C"),
        ("inplace", False),
        ("casting", "same_kind"),
        ("where", True),
        ("subok", True),
    }
