"""The report for programs: strict JSON, versioned."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TextIO

from gradproof.report import _words

if TYPE_CHECKING:
    from gradproof.report import Outcome

VERSION = 1


def render(outcomes: Sequence[Outcome], stream: TextIO) -> None:
    """Write one JSON document; numbers that JSON does not have become null."""
    write(
        {
            "version": VERSION,
            "targets": [_target(outcome) for outcome in outcomes],
            "summary": _words.tally(outcomes),
        },
        stream,
    )


def write(document: dict[str, Any], stream: TextIO) -> None:
    """Write a document as strict JSON."""
    json.dump(_strict(document), stream, indent=2, allow_nan=False)
    stream.write("\n")


def _target(outcome: Outcome) -> dict[str, Any]:
    verdict = {} if outcome.verdict is None else outcome.verdict.to_dict()
    return {
        "target": outcome.target,
        "ok": verdict.get("ok", False),
        "checks": verdict.get("checks", []),
        "findings": verdict.get("findings", []),
        "inputs": verdict.get("inputs", []),
        "seed": verdict.get("seed"),
        "seconds": round(outcome.seconds, 3),
        "error": error(outcome.kind, outcome.error),
    }


def error(kind: str | None, message: str | None) -> dict[str, str | None] | None:
    """Why a target could not run, or None where it could."""
    return None if message is None else {"kind": kind, "message": message}


def _strict(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
