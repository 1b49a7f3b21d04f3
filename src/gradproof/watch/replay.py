"""The worker's side of ``gradproof check FILE``: a target on its recorded calls."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gradproof._errors import TargetError
from gradproof.targets import discover
from gradproof.targets.target import parse
from gradproof.watch import file, verdicts

Answer = dict[str, Any]


def answer(text: str, settings: dict[str, Any]) -> Answer:
    """The verdict on a target over the calls that a file holds of it.

    Raises:
        GradproofError: where there is none.
    """
    chosen = dict(settings)
    record = Path(chosen.pop("record"))
    calls = file.load(record, text, named(text))
    return {"verdict": verdicts.verdict(text, calls, chosen).to_dict()}


def named(text: str) -> Any:
    """What ``module:Outer.Inner`` names.

    Raises:
        TargetError: there is no such thing to import.
    """
    target = parse(text)
    if "<locals>" in text:
        raise TargetError(
            f"{text} is made inside a function and cannot be imported: "
            "check it where it is made, with gradproof watch or pytest --gradproof"
        )
    found: Any = discover.load_module(target)
    for part in str(target.name).split("."):
        if not hasattr(found, part):
            raise TargetError(f"{target.source} has no {target.name!r} any more")
        found = getattr(found, part)
    return found
