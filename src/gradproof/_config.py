"""Settings from ``[tool.gradproof]`` in the nearest ``pyproject.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradproof._errors import InputError
from gradproof.report import FORMATS
from gradproof.targets import declare


@dataclass(frozen=True, kw_only=True)
class Config:
    """What the file says; None where it says nothing.

    Attributes:
        file: the file that was read, or None.
        select: the properties to check.
        ignore: the properties not to check.
        seed: the seed of every random choice.
        timeout: seconds that one target may take.
        output_format: a name in ``report.FORMATS``.
        jobs: how many workers.
        targets: what is said about targets, by name.
    """

    file: Path | None = None
    select: tuple[str, ...] | None = None
    ignore: tuple[str, ...] | None = None
    seed: int | None = None
    timeout: float | None = None
    output_format: str | None = None
    jobs: int | None = None
    targets: declare.Declarations = ()


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_positive_integer(value: Any) -> bool:
    return _is_integer(value) and value > 0


def _is_positive_number(value: Any) -> bool:
    return (_is_integer(value) or isinstance(value, float)) and value > 0


def _is_table(value: Any) -> bool:
    return isinstance(value, dict)


def _is_format(value: Any) -> bool:
    return isinstance(value, str) and value in FORMATS


KEYS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "select": (_is_names, "a list of property names"),
    "ignore": (_is_names, "a list of property names"),
    "seed": (_is_integer, "an integer"),
    "timeout": (_is_positive_number, "a positive number of seconds"),
    "output-format": (_is_format, f"one of {', '.join(FORMATS)}"),
    "jobs": (_is_positive_integer, "a positive integer"),
    "targets": (_is_table, "a table of what is said about targets, by name"),
}


def load(folder: Path) -> Config:
    """The settings for work in a folder.

    Raises:
        InputError: the file is not TOML, or holds a key or a value that does not fit.
    """
    for candidate in (folder, *folder.parents):
        file = candidate / "pyproject.toml"
        if file.is_file():
            return _read(file)
    return Config()


def _read(file: Path) -> Config:
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{file}: cannot be read as TOML: {error}") from None
    settings = dict(_table(file, _table(file, tables, "tool"), "gradproof"))
    for key, value in settings.items():
        _verify(file, key, value)
    targets = declare.parse(settings.pop("targets", {}), f"{file}: [tool.gradproof]")
    fields = {key.replace("-", "_"): _frozen(item) for key, item in settings.items()}
    return Config(file=file, targets=targets, **fields)


def _table(file: Path, tables: dict[str, Any], name: str) -> dict[str, Any]:
    table = tables.get(name, {})
    if isinstance(table, dict):
        return table
    raise InputError(f"{file}: {name} must be a table, not {table!r}")


def _verify(file: Path, key: str, value: Any) -> None:
    if key not in KEYS:
        raise InputError(
            f"{file}: [tool.gradproof] has an unknown key {key!r}; "
            f"the keys are {', '.join(KEYS)}"
        )
    fits, expected = KEYS[key]
    if not fits(value):
        raise InputError(
            f"{file}: [tool.gradproof] {key} must be {expected}, not {value!r}"
        )


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
