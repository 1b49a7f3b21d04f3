"""The names that a forward may call, and what they mean.

    @call("sum")
    def sum_(x, axis=None, keepdims=False): ...

A name means the same in NumPy, torch and the array API unless it is given for one of
them: ``@call("std", library="torch")``. The function takes values and plain Python and
returns values; its signature is what is supported, and anything else is refused.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

if TYPE_CHECKING:
    from gradproof.derive.ir import Value

Call = Callable[..., Any]
Meaning = TypeVar("Meaning", bound=Call)

CALLS: dict[tuple[str | None, str], Call] = {}
NOT_GIVEN = np._NoValue  # what NumPy's own functions have as a default
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
    signature = inspect.signature(function)
    parameters = signature.parameters
    args = _fewer(args, parameters.values())
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
    try:
        signature.bind(*args, **keywords)
    except TypeError as error:
        known = ", ".join(n for n in parameters if not n.startswith("_"))
        raise TypeError(f"{error}; what it may be given is {known}") from None
    return function(*args, **keywords)


def _fewer(
    args: tuple[Any, ...], parameters: Iterable[inspect.Parameter]
) -> tuple[Any, ...]:
    """Without those at the end that say only what happens anyway."""
    kinds = [parameter.kind for parameter in parameters]
    if inspect.Parameter.VAR_POSITIONAL in kinds:
        return args
    most = sum(kind is not inspect.Parameter.KEYWORD_ONLY for kind in kinds)
    while len(args) > most and (args[-1] is None or args[-1] is NOT_GIVEN):
        args = args[:-1]
    return args


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
