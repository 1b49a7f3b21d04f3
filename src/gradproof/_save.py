"""``gp.save``: how a forward names an intermediate that a rule may ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from gradproof._errors import DefinitionError

_collecting: ContextVar[dict[str, Any] | None] = ContextVar("collecting", default=None)

# The dictionary that ``save`` puts its values into, None: nowhere.
saved_into = _collecting.get


def save(**values: Any) -> Any:
    """Name intermediates of a forward, so that gradient rules can ask for them.

    Inside a ``gp.function`` the values are kept for backward if a rule names
    them; anywhere else nothing happens.

    Args:
        **values: one or more arrays by name, ``e = gp.save(e=xp.exp(x))``.

    Returns:
        The one value, or a tuple of them in the order given.

    Raises:
        DefinitionError: without a value, or where a name was saved before.
    """
    if not values:
        raise DefinitionError("gp.save needs a name: write e = gp.save(e=...)")
    collected = saved_into()
    if collected is not None:
        for name, value in values.items():
            if name in collected:
                raise DefinitionError(
                    f"gp.save was given {name!r} twice in one forward: "
                    "give each intermediate a name of its own"
                )
            collected[name] = value
    first, *more = values.values()
    return (first, *more) if more else first


class Marked(dict[str, Any]):
    """What a forward saves, and how each looked then."""

    def __init__(self, fingerprint: Callable[[Mapping[str, Any]], dict[str, Any]]):
        super().__init__()
        self._fingerprint = fingerprint
        self.before: dict[str, Any] = {}

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, value)
        self.before.update(self._fingerprint({name: value}))

    def written(self) -> list[str]:
        """Names of what has been written to since."""
        now = self._fingerprint(self)
        return [name for name in self if now[name] != self.before[name]]


@contextmanager
def collect(into: dict[str, Any] | None) -> Iterator[None]:
    """While inside, ``save`` puts its values into this dictionary (None: nowhere)."""
    token = _collecting.set(into)
    try:
        yield
    finally:
        _collecting.reset(token)
