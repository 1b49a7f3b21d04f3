"""Whether what was asked for is there at all: a name spelt wrongly must not pass."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches

from gradproof.report._words import count
from gradproof.watch.recorder import Recorder


class Applied:
    """What was applied, of the packages asked for and of others.

    Args:
        only: the packages asked for; everything if there is none.
        option: how they were asked for.
    """

    def __init__(self, only: Sequence[str], option: str):
        self._only = tuple(only)
        self._option = option
        self.names: set[str] = set()
        self.existing: set[str] = set()

    def add(self, names: Iterable[str], existing: Iterable[str]) -> None:
        """Take in what one process applied, and which of the packages it has."""
        self.names.update(names)
        self.existing.update(existing)

    def look(self, recorder: Recorder) -> None:
        """Take in what this process applied."""
        self.add(recorder.applied, filter(_exists, self._only))

    def problems(self) -> list[str]:
        """A line for each package that is not there, or that nothing applied is of."""
        missing = [one for one in self._only if not self._of(one)]
        nothing_left = len(missing) == len(self._only) and bool(self.names)
        return [
            self._problem(package)
            for package in missing
            if nothing_left or package not in self.existing
        ]

    def _of(self, package: str) -> list[str]:
        return [name for name in self.names if _is_of(name, [package])]

    def _problem(self, package: str) -> str:
        if not self.names:
            return f"{self._option} {package}: there is no package of that name"
        applied = count(len(self.names), "target")
        were = "was" if len(self.names) == 1 else "were"
        return (
            f"{self._option} {package}: {applied} {were} applied, and none is of "
            f"package {package!r}; {self._guess(package)}"
        )

    def _guess(self, package: str) -> str:
        known = sorted({part for name in self.names for part in _packages(name)})
        close = get_close_matches(package, known, n=1)
        if close:
            return f"did you mean {close[0]}?"
        return f"they are of {', '.join(sorted(_packages_first(self.names)))}"


def _packages(name: str) -> Iterator[str]:
    """``a``, ``a.b`` and ``a.b.c`` for ``a.b.c:Name``."""
    parts = name.partition(":")[0].split(".")
    return (".".join(parts[: end + 1]) for end in range(len(parts)))


def _packages_first(names: Iterable[str]) -> set[str]:
    return {next(_packages(name)) for name in names}


def _is_of(name: str, packages: Sequence[str]) -> bool:
    return any(package in packages for package in _packages(name))


def _exists(package: str) -> bool:
    try:
        return package in sys.modules or importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):
        return False
