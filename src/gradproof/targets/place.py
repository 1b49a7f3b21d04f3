"""Where a target is written: its file and line, read from its text, never imported."""

from __future__ import annotations

import ast
import functools
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from gradproof._errors import TargetError
from gradproof.targets.target import Target, parse

LOCALS = "<locals>"
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class Place(NamedTuple):
    """A file, relative to the current folder where it is below, and a line of it."""

    file: str | None = None
    line: int | None = None


def place(text: str) -> Place:
    """Where a target is, as far as its text and the files below here say."""
    try:
        target = parse(text)
        file = _file(target)
    except (TargetError, OSError, ValueError):
        return Place()
    if file is None:
        return Place()
    return Place(_relative(file), _line_in(file, target.name))


def _line_in(file: Path, name: str | None) -> int | None:
    if name is None:
        return None
    names = [part for part in name.split(".") if part != LOCALS]
    try:
        return _line(_tree(file.resolve(), file.stat().st_mtime_ns).body, names)
    except (OSError, RecursionError, SyntaxError, ValueError):
        return None


def _file(target: Target) -> Path | None:
    if target.is_path:
        path = Path(target.source)
        return path if path.is_file() else None
    loaded = getattr(sys.modules.get(target.source), "__file__", None)
    if loaded is not None:
        return Path(loaded)
    stem = Path(*target.source.split("."))
    for path in (stem.with_suffix(".py"), stem / "__init__.py"):
        if path.is_file():
            return path
    return None


def _relative(file: Path) -> str:
    absolute, here = file.resolve(), Path.cwd().resolve()
    if absolute.is_relative_to(here):
        return absolute.relative_to(here).as_posix()
    return absolute.as_posix()


@functools.lru_cache(maxsize=8)
def _tree(file: Path, _changed: int) -> ast.Module:
    return ast.parse(file.read_bytes())


def _line(body: Sequence[ast.stmt], names: Sequence[str]) -> int | None:
    """The line that the last statement to bind the name begins at, in its scope."""
    first, *rest = names
    lines: list[int | None] = [None]
    for statement in _statements(body):
        if isinstance(statement, DEFINITIONS):
            if statement.name == first:
                line = _line(statement.body, rest) if rest else statement.lineno
                lines.append(line)
        elif first in _bound(statement) and not rest:
            lines.append(statement.lineno)
    return lines[-1]


def _statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a scope, those below ``if`` and ``try`` too."""
    for statement in body:
        yield statement
        if isinstance(statement, DEFINITIONS):
            continue
        for block in ("body", "orelse", "finalbody"):
            yield from _statements(getattr(statement, block, ()))
        for handler in getattr(statement, "handlers", ()):
            yield from _statements(handler.body)


def _bound(statement: ast.stmt) -> set[str]:
    """The names that an assignment binds."""
    targets: list[ast.expr] = []
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, ast.AnnAssign):
        targets = [statement.target]
    found = (node for target in targets for node in ast.walk(target))
    return {node.id for node in found if isinstance(node, ast.Name)}
