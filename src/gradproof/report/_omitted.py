"""What was not tried, and why: one line a reason, however many share it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from gradproof.check.verdict import Check
    from gradproof.report import Outcome

NOT_TRIED = ("skipped", "unsupported")


class Omitted(NamedTuple):
    """Properties that were not tried for one reason."""

    status: str
    text: str


def omitted(outcomes: Sequence[Outcome]) -> list[Omitted]:
    """Every reason of a run; targets are named where it is not a reason for all."""
    targets: dict[tuple[str, str, str], list[str]] = {}
    checked = [(o.target, o.verdict) for o in outcomes if o.verdict is not None]
    names = _short([target for target, _ in checked])
    for name, (_, verdict) in zip(names, checked, strict=True):
        for check in verdict.checks:
            if check.status in NOT_TRIED:
                key = (check.status, reason(check), check.property)
                targets.setdefault(key, []).append(name)
    together: dict[tuple[str, str, tuple[str, ...]], list[str]] = {}
    for (status, why, property), those in targets.items():
        together.setdefault((status, why, tuple(those)), []).append(property)
    return [
        Omitted(
            status, ", ".join(properties) + (why and f": {why}") + _which(those, names)
        )
        for (status, why, those), properties in sorted(together.items())
    ]


def reason(check: Check) -> str:
    """Why a property was not tried, in one clause: not what torch says to it."""
    return re.split(r": |; |\n", check.detail, maxsplit=1)[0]


def _short(targets: Sequence[str]) -> list[str]:
    """The names of targets without their file, where that leaves them apart."""
    short = [target.rpartition(":")[2] for target in targets]
    return short if len(set(short)) == len(short) else list(targets)


def _which(those: Sequence[str], every: Sequence[str]) -> str:
    """The targets that a reason is for, or those that it is not for if they are few."""
    others = [name for name in every if name not in those]
    if not others:
        return ""
    if len(others) < len(those):
        return f" (all but {', '.join(others)})"
    return f" ({', '.join(those)})"
