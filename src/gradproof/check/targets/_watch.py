"""Watching arrays for being written in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradproof.check.targets import Write


class Watch:
    """Arrays under watch, each with what to call it and the input that it is."""

    def __init__(
        self, copy: Callable[[Any], Any], same: Callable[[Any, Any], bool]
    ) -> None:
        self._copy = copy
        self._same = same
        self._watched: dict[str, tuple[str | None, Any, Any]] = {}

    def add(self, what: str, array: Any, input: str | None = None) -> None:
        """Watch an array from now on."""
        self._watched[what] = (input, array, self._copy(array))

    def changes(self, stage: str) -> list[Write]:
        """What was written since it was added, or since this was last asked."""
        found = []
        for what, (input, array, before) in self._watched.items():
            if not self._same(array, before):
                found.append(Write(what, input, stage))
                self._watched[what] = (input, array, self._copy(array))
        return found
