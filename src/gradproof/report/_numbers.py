"""Arrays in a few characters."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

FEW = 3  # so many equal numbers are still listed


def short(value: Any, room: int) -> str:
    """A number with four digits, an array whole where there is room, else its range."""
    if not isinstance(value, list):
        return number(value)
    numbers = list(flat(value))
    whole = _nested(value)
    are_few = 0 < len(numbers) <= FEW or len(set(map(repr, numbers))) > 1
    return whole if are_few and len(whole) <= room else _summary(numbers)


def number(value: Any) -> str:
    """Four significant digits; whole numbers and truth values as they are."""
    if isinstance(value, bool | int):
        return str(value)
    if isinstance(value, complex):
        return f"{value:.4g}"
    return f"{value + 0.0:.4g}"  # without the sign of -0.0


def flat(value: Any) -> Iterator[Any]:
    """The numbers in nested lists."""
    if isinstance(value, list):
        for one in value:
            yield from flat(one)
    else:
        yield value


def _nested(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_nested, value))}]"
    return number(value)


def _summary(numbers: list[Any]) -> str:
    if not numbers:
        return "no elements"
    if all(isinstance(one, bool) for one in numbers):
        return f"{sum(numbers)} of {len(numbers)} True"
    if len({repr(one) for one in numbers}) == 1:
        return f"{number(numbers[0])} everywhere"
    if any(isinstance(one, complex) for one in numbers):
        return f"|·| {_range([abs(one) for one in numbers])}"
    return _range(numbers)


def _range(numbers: list[Any]) -> str:
    known = [one for one in numbers if not math.isnan(one)]
    missing = len(numbers) - len(known)
    if not known:
        return "nan everywhere"
    shown = f"{number(min(known))} … {number(max(known))}"
    return f"{shown}, {missing} nan" if missing else shown
