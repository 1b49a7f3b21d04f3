"""What to say of a target for which no inputs were found: the lines that give them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from gradproof.audit.candidates import Array
from gradproof.audit.search import Attempt, Signature

WIDEST = 72


def no_inputs(text: str, signature: Signature, nearest: Attempt | None) -> str:
    """How near the search came, and a table for an inputs file that starts from there.

    The table is on lines of its own, as it can be pasted.
    """
    names = ", ".join(clue.name for clue in signature.parameters) or "its inputs"
    near = ""
    if nearest is not None:
        near = f" The nearest miss was ({nearest}): {nearest.error}."
    table = "\n".join(_table(text, signature, nearest))
    return (
        f"found no inputs that its forward takes ({names}).{near} Say in a file for "
        "--inputs what it takes, or put @gp.examples(...) on it, where the source is "
        f"yours:\n{table}"
    )


def _table(text: str, signature: Signature, nearest: Attempt | None) -> Iterator[str]:
    header = f'[targets."{text}"]'
    if len(header) > WIDEST:  # a terminal would break it
        header = f'[targets."*:{text.rpartition(":")[2]}"]'
    yield header
    written = [_toml(value) for value in _told(signature, nearest)]
    plain = [value for value in written if value is not None]
    if not plain or len(plain) < len(written):
        yield 'inputs = "module:function"  # which returns them'
        return
    yield "inputs = ["
    for value, clue in zip(plain, signature.parameters, strict=False):
        yield f"  {value},  # {clue.name}"
    yield ']  # or "module:function", which returns them'


def _told(signature: Signature, nearest: Attempt | None) -> list[Any]:
    """The arguments, without defaults at the end."""
    arguments = list(nearest.arguments) if nearest is not None else []
    defaults = [clue.default for clue in signature.parameters]
    while arguments and arguments[-1] is defaults[len(arguments) - 1]:
        arguments.pop()
    return arguments


def _toml(value: Any) -> str | None:
    """A value as it is written in an inputs file, or None if it cannot be."""
    if isinstance(value, Array):
        shape = list(value.shape)
        if value.dtype == "float64":
            return str(shape)
        below = f", below = {value.below}" if value.dtype == "int64" else ""
        return f'{{ shape = {shape}, dtype = "{value.dtype}"{below} }}'
    if value is None:
        return "{}"
    if isinstance(value, float):
        return repr(value)  # TOML too writes inf and nan so
    return json.dumps(value) if isinstance(value, bool | int | str) else None
