"""What is said about targets from outside, by their name.

    [tool.gradproof.targets."package.module:Round"]
    gradient_of = "identity"
    reason = "straight-through"
    inputs = [[5, 4], { shape = [5], dtype = "int64", below = 4 }, 0.5]

    [tool.gradproof.targets."package.module:Solve"]
    inputs = "mymodule:solve_inputs"

The same tables are what an inputs file holds, without the ``tool.gradproof.``.
"""

from __future__ import annotations

import fnmatch
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradproof._errors import InputError, TargetError

KEYS = (
    *("gradient_of", "reference", "rtol", "atol"),
    *("ignore", "select", "inputs", "reason"),
)
ARRAY_KEYS = ("shape", "dtype", "below")
KINDS: dict[str, tuple[Any, str]] = {
    "ignore": (list, "a list"),
    "select": (list, "a list"),
    "inputs": (list | str, "a list or module:function"),
    "rtol": (float | int, "a number"),
    "atol": (float | int, "a number"),
}


@dataclass(frozen=True, kw_only=True)
class Declared:
    """What is said about the targets that a pattern matches.

    Attributes:
        pattern: a target's name, in which ``*`` stands for anything.
        gradient_of: ``identity``, ``-identity`` or ``module:name``, or None.
        reference: ``module:name``, or None.
        rtol: how far the gradient may be off, as ``gp.check`` has it, or None.
        atol: likewise.
        ignore: properties to leave out.
        select: the only properties to check, if any are given.
        inputs: positional arguments: a list of sizes is an array, a table one that
            is no plain one, an empty table is None, anything else is passed as it is;
            or ``module:name`` of a function that returns them; or None.
        reason: why it is so.
    """

    pattern: str
    gradient_of: str | None = None
    reference: str | None = None
    rtol: float | None = None
    atol: float | None = None
    ignore: tuple[str, ...] = ()
    select: tuple[str, ...] = ()
    inputs: tuple[Any, ...] | str | None = None
    reason: str = ""

    def __str__(self) -> str:
        said = [f"gradient_of {self.gradient_of}"] if self.gradient_of else []
        said += [f"rtol {self.rtol}"] if self.rtol is not None else []
        said += [f"atol {self.atol}"] if self.atol is not None else []
        said += [f"without {', '.join(self.ignore)}"] if self.ignore else []
        said += [f"only {', '.join(self.select)}"] if self.select else []
        reason = f" ({self.reason})" if self.reason else ""
        return f"{self.pattern}: {'; '.join(said)}{reason}" if said else ""


Declarations = Sequence[Declared]


def settings(
    name: str, declarations: Declarations, given: Mapping[str, Any]
) -> dict[str, Any]:
    """What ``gp.check`` is told about a target, by everything that is said of it."""
    merged = dict(given)
    for one in matching(name, declarations):
        for key in ("gradient_of", "reference", "rtol", "atol"):
            if getattr(one, key) is not None:
                merged[key] = getattr(one, key)
        if one.select:
            merged["select"] = list(one.select)
        merged["ignore"] = [*(merged.get("ignore") or ()), *one.ignore]
    return merged


def matching(name: str, declarations: Declarations) -> list[Declared]:
    """What is said about the target of that name."""
    return [one for one in declarations if fits(name, one.pattern)]


def fits(name: str, pattern: str) -> bool:
    """Whether a pattern is of a target: of ``src/a/b.py:F`` is ``a.b:F``, too."""
    source, _, found = name.partition(":")
    spellings = [name]
    if source.endswith(".py"):
        parts = source.removesuffix(".py").replace("\\", "/").split("/")
        spellings += [f"{'.'.join(parts[i:])}:{found}" for i in range(len(parts))]
    return any(fnmatch.fnmatchcase(one, pattern) for one in spellings)


def said_of(names: Iterable[str], declarations: Declarations) -> list[str]:
    """One line for each declaration that changes what is checked of these targets."""
    names = list(names)
    used = (d for d in declarations if any(fits(name, d.pattern) for name in names))
    return [str(one) for one in used if str(one)]


def resolved(given: Mapping[str, Any]) -> dict[str, Any]:
    """The same settings, with functions where a text names one.

    Raises:
        TargetError: where there is no such function.
    """
    chosen = dict(given)
    for key in ("gradient_of", "reference"):
        if isinstance(chosen.get(key), str):
            try:
                chosen[key] = function(chosen[key])
            except TargetError as error:
                said = f'{key} = "{given[key]}" is declared of it'
                raise TargetError(f"{said}, and {error}") from None
    return chosen


def read_inputs_file(file: Path) -> Declarations:
    """The declarations of an inputs file.

    Raises:
        InputError: where it cannot be read, or holds something else.
    """
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{file}: cannot be read as TOML: {error}") from None
    if set(tables) - {"targets"}:
        raise InputError(f'{file}: an inputs file holds tables [targets."module:Name"]')
    return parse(tables.get("targets", {}), str(file))


def parse(tables: Any, where: str) -> Declarations:
    """Declarations from the tables of a TOML file.

    Raises:
        InputError: for a key or a value that does not fit.
    """
    if not isinstance(tables, dict):
        raise InputError(f"{where}: targets must be a table, not {tables!r}")
    return tuple(_parse(pattern, table, where) for pattern, table in tables.items())


def _parse(pattern: str, table: Any, where: str) -> Declared:
    where = f'{where}: targets."{pattern}"'
    if not isinstance(table, dict):
        raise InputError(f"{where} must be a table, not {table!r}")
    for key, value in table.items():
        if key not in KEYS:
            known = ", ".join(KEYS)
            raise InputError(f"{where} has an unknown key {key!r}; they are {known}")
        kind, expected = KINDS.get(key, (str, "a text"))
        names = value if key in ("ignore", "select") else ()
        if not isinstance(value, kind) or not all(isinstance(n, str) for n in names):
            raise InputError(f"{where}: {key} must be {expected}, not {value!r}")
    inputs = table.get("inputs", ())
    if isinstance(inputs, list):
        _verify_inputs(inputs, where)
    frozen: dict[str, Any] = {
        k: tuple(v) if isinstance(v, list) else v for k, v in table.items()
    }
    return Declared(pattern=pattern, **frozen)


def _verify_inputs(inputs: Iterable[Any], where: str) -> None:
    for one in inputs:
        sizes = one.get("shape") if isinstance(one, dict) else one
        if one == {}:
            continue
        if isinstance(one, dict) and (sizes is None or set(one) - set(ARRAY_KEYS)):
            keys = ", ".join(ARRAY_KEYS)
            raise InputError(f"{where}: an input has the keys {keys}, not {one!r}")
        if isinstance(sizes, list) and not all(type(size) is int for size in sizes):
            raise InputError(f"{where}: sizes are whole numbers, not {sizes!r}")


def function(text: str) -> Callable[..., Any]:
    """``identity``, ``-identity`` or what ``module:name`` stands for.

    Raises:
        TargetError: there is no such thing.
    """
    if text == "identity":
        return lambda x, *_rest: x
    if text == "-identity":
        return lambda x, *_rest: -x
    from gradproof.targets.discover import load_object
    from gradproof.targets.target import parse as parse_target

    found: Callable[..., Any] = load_object(parse_target(text))
    return found
