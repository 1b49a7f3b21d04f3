"""How far a check has come, for whoever listens."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar

Listener = Callable[[str, float], None]

_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextlib.contextmanager
def telling(listener: Listener) -> Iterator[None]:
    """Have it told of each property, and of the share of the check that is done."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def tell(property: str, share: float) -> None:
    """Say which property is at hand, and what share of the check is done."""
    listener = _listener.get()
    if listener is not None:
        listener(property, share)


@contextlib.contextmanager
def part(number: int, of: int) -> Iterator[None]:
    """What is told inside is one part of several."""
    outer = _listener.get()
    if outer is None:
        yield
        return
    with telling(lambda name, share: outer(name, (number + share) / of)):
        yield
