"""What a target's text says, before anything is imported."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from gradproof._errors import TargetError


@dataclass(frozen=True)
class Target:
    """A parsed target.

    Attributes:
        source: the file or module as it was given, ``layers.py`` or ``package.layers``.
        name: the name after the colon, or None for everything in it.
    """

    source: str
    name: str | None = None

    def __str__(self) -> str:
        return self.source if self.name is None else f"{self.source}:{self.name}"

    @property
    def is_path(self) -> bool:
        """Whether the source is a file, rather than the name of a module."""
        return _is_path(self.source)

    @property
    def folder(self) -> Path:
        """The folder that imports start from, as in ``python path.py``."""
        return Path(self.source).resolve().parent if self.is_path else Path.cwd()

    @property
    def command(self) -> str:
        """A command line that imports the source without gradproof."""
        if self.is_path:
            return f"python {self.source}"
        return f'python -c "import {self.source}"'


def parse(text: str) -> Target:
    """Parse ``path.py``, ``path.py:name``, ``package.module``, ``package.module:name``.

    Raises:
        TargetError: the text is none of these.
    """
    source, colon, name = text.rpartition(":")
    if not colon or text.endswith(".py"):
        source, name = text, ""
    elif not name:
        raise TargetError(f"{text} names nothing after the colon; give {source}:NAME")
    parts = source.split(".")
    if not _is_path(source) and not all(part.isidentifier() for part in parts):
        raise TargetError(
            f"{text!r} is neither a file nor a module; "
            "give path.py, path.py:name, package.module or package.module:name"
        )
    return Target(source, name or None)


def _is_path(source: str) -> bool:
    if source.endswith(".py") or os.sep in source or source in (".", ".."):
        return True
    path = Path(source)
    return source != "" and path.is_dir() and not (path / "__init__.py").exists()
