"""What ``gradproof list`` writes, in each format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TextIO

from gradproof.report.json import VERSION, error, write

FORMATS = ("concise", "full", "json")  # the others have no word for a list


@dataclass(frozen=True, kw_only=True)
class Listed:
    """One target that can be checked, or the reason why nothing can.

    Attributes:
        target: the target as it can be given on the command line.
        kind: what it is; where it could not be looked at, what went wrong.
        error: why it could not be looked at, or None.
    """

    target: str
    kind: str
    error: str | None = None


def render(listed: Sequence[Listed], output_format: str, stream: TextIO) -> None:
    """Write the targets; all but ``json`` leave errors to the caller."""
    if output_format == "json":
        targets = [_entry(each) for each in listed]
        write({"version": VERSION, "targets": targets}, stream)
        return
    found = [each for each in listed if each.error is None]
    width = max((len(each.target) for each in found), default=0)
    for each in found:
        kind = "" if output_format == "concise" else f"  {each.kind}"
        stream.write(f"{each.target:{width if kind else 0}}{kind}\n")


def _entry(each: Listed) -> dict[str, object]:
    kind = None if each.error is not None else each.kind
    return {
        "target": each.target,
        "kind": kind,
        "error": error(each.kind, each.error),
    }
