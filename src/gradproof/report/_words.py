"""The words that every report shares."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradproof.check.verdict import Finding, Verdict
    from gradproof.report import Outcome


def count(number: int, noun: str) -> str:
    """``1 finding``, ``2 findings``, ``6 properties``."""
    if number == 1:
        return f"{number} {noun}"
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number} {plural}"


def outcome(verdict: Verdict) -> str:
    """The verdict in a word or two."""
    if verdict.findings:
        return count(len(verdict.findings), "finding")
    if not statuses(verdict)["passed"]:
        return "nothing checked"
    return "ok"


def statuses(verdict: Verdict) -> Counter[str]:
    """How many properties have each status."""
    return Counter(check.status for check in verdict.checks)


def power(verdict: Verdict | None) -> str:
    """The smallest relative error that ``gradient`` could have seen: ``4e-11``."""
    checks = () if verdict is None else verdict.checks
    known = [c.power for c in checks if c.property == "gradient" and c.power]
    return f"{known[0]:.0e}" if known else ""


def title(finding: Finding) -> str:
    """``property · input · diagnosis``, without what is not known."""
    parts = (finding.property, finding.input, finding.diagnosis)
    return " · ".join(part for part in parts if part)


def one_line(text: str) -> str:
    """The same text without line breaks."""
    return " ".join(text.split())


def tally(outcomes: Sequence[Outcome]) -> dict[str, int]:
    """How many targets ended in which way."""
    verdicts = [each.verdict for each in outcomes if each.verdict is not None]
    ok = sum(verdict.ok for verdict in verdicts)
    return {
        "targets": len(outcomes),
        "ok": ok,
        "with_findings": len(verdicts) - ok,
        "could_not_run": len(outcomes) - len(verdicts),
    }


def summary(outcomes: Sequence[Outcome]) -> str:
    """``4 targets: 3 ok, 1 with findings, 0 could not run``."""
    numbers = tally(outcomes)
    return (
        f"{count(numbers['targets'], 'target')}: {numbers['ok']} ok, "
        f"{numbers['with_findings']} with findings, "
        f"{numbers['could_not_run']} could not run"
    )
