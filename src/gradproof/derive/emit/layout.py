"""Lines as ruff would leave them: 88 columns, brackets that open and close."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

WIDTH = 88
_UNPACKED = re.compile(r"\w+(, \w+)+")


def fits(line: str) -> bool:
    """Whether a line is not too long."""
    return len(line) <= WIDTH


def bracketed(
    start: str, items: Sequence[str], end: str, indent: str = ""
) -> list[str]:
    """``start(items)end``, broken after the brackets and then at every comma.

    The items of a call may stand on one line between its brackets; those of a tuple or
    list never do.
    """
    one = f"{indent}{start}{', '.join(items)}{end}"
    if fits(one) or not items:
        return [one]
    inner = f"{indent}    {', '.join(items)}"
    is_call = start.endswith("(") and (start[-2:-1].isalnum() or start[-2:-1] in "_])")
    if fits(inner) and is_call:
        return [f"{indent}{start}", inner, f"{indent}{end}"]
    if len(items) == 1 and is_call:
        return [f"{indent}{start}", *broken(inner), f"{indent}{end}"]
    lines = [line for item in items for line in broken(f"{indent}    {item}", ",")]
    return [f"{indent}{start}", *lines, f"{indent}{end}"]


def broken(line: str, end: str = "") -> list[str]:
    """A line that is too long, broken in its last pair of brackets."""
    code = line.lstrip(" ")
    indent = line[: len(line) - len(code)]
    if fits(line + end) or code.startswith("#"):
        return [line + end]
    names, equals, source = code.partition(" = ")
    if equals and _UNPACKED.fullmatch(names):
        return bracketed("(", names.split(", "), f") = {source}{end}", indent)
    if code[-1] not in ")]":
        return [line + end]
    if equals and ".at[" in source and not end:  # JAX's updates are chains of methods
        return [f"{indent}{names} = (", f"{indent}    {source}", f"{indent})"]
    start = _last_bracket(line)
    items = _items(line[start + 1 : -1])
    return bracketed(line[len(indent) : start + 1], items, code[-1] + end, indent)


def _last_bracket(line: str) -> int:
    """Where the bracket opens that the end of the line closes."""
    depth = 0
    for position in reversed(range(len(line))):
        depth += (line[position] in ")]}") - (line[position] in "([{")
        if not depth:
            return position
    return 0


def _items(text: str) -> list[str]:
    """What commas separate, brackets and strings aside."""
    items, depth, inside = [""], 0, False
    for letter in text:
        inside ^= letter == '"'
        depth += 0 if inside else (letter in "([{") - (letter in ")]}")
        if letter == "," and not depth and not inside:
            items.append("")
        else:
            items[-1] += letter
    return [item.strip() for item in items if item.strip()]


def indented(lines: Iterable[str], levels: int = 1) -> list[str]:
    """The lines further to the right; empty ones stay empty."""
    return [f"{'    ' * levels}{line}" if line else "" for line in lines]


def with_comment(line: str, comment: str, indent: str, *, outer: int = 0) -> list[str]:
    """A line with what it is about beside it, or above it where there is no room.

    ``outer`` columns of indentation will come before all of it.
    """
    if not comment:
        return [f"{indent}{line}"]
    beside = f"{indent}{line}  # {comment}"
    if len(beside) + outer <= WIDTH:
        return [beside]
    above = f"{indent}# {comment}"
    if len(above) + outer <= WIDTH:
        return [above, f"{indent}{line}"]
    return [f"{indent}{line}"]


def unpacked(names: Sequence[str]) -> str:
    """The left side of an assignment from a tuple."""
    return f"({names[0]},)" if len(names) == 1 else ", ".join(names)
