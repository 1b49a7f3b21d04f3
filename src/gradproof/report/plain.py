"""A verdict as plain text: what ``str(verdict)`` and ``GradientError`` say."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from gradproof.report import _words
from gradproof.report._omitted import NOT_TRIED, reason

if TYPE_CHECKING:
    from gradproof.check.verdict import Check, Finding, Verdict

WIDTH = 80


def render(verdict: Verdict) -> str:
    """The verdict as text of at most 80 columns, without colour."""
    lines = [_headline(verdict)]
    for finding in verdict.findings:
        lines += ["", *_finding(finding)]
    rest = [check for check in verdict.checks if check.status != "passed"]
    if rest:
        lines += ["", *_not_passed(rest)]
    if verdict.findings and verdict.inputs:
        lines += ["", *_checked_on(verdict)]
    return "\n".join(lines)


def _headline(verdict: Verdict) -> str:
    text = f"{verdict.target}: {_words.outcome(verdict)}"
    if verdict.findings:
        return text
    passed = _words.statuses(verdict)["passed"]
    return f"{text}, {_words.count(passed, 'property')} passed"


def _finding(finding: Finding) -> Iterator[str]:
    yield f"  {_words.title(finding)}"
    yield from _wrapped(finding.message, indent="    ")
    if finding.where:
        yield from _wrapped(f"where: {finding.where}", indent="    ", hang=7)
    if finding.hint:
        yield from _wrapped(f"hint: {finding.hint}", indent="    ", hang=6)
    if finding.example:
        yield ""
        yield from textwrap.indent(finding.example, "        ").splitlines()


def _not_passed(checks: Sequence[Check]) -> Iterator[str]:
    """One entry for all that share a status and a reason."""
    together: dict[tuple[str, str], list[str]] = {}
    for check in checks:
        why = reason(check) if check.status in NOT_TRIED else check.detail
        together.setdefault((check.status, why), []).append(check.property)
    for (status, why), names in together.items():
        text = f"{', '.join(names)} {status}{why and f': {why}'}"
        yield from _wrapped(text, indent="  ", hang=2)


def _checked_on(verdict: Verdict) -> Iterator[str]:
    yield f"  checked with seed {verdict.seed} on"
    for line in verdict.inputs:
        yield from _wrapped(line, indent="    ")


def _wrapped(text: str, *, indent: str, hang: int = 0) -> list[str]:
    """The text in lines of at most 80 columns; what breaks it already stays."""
    return [
        wrapped
        for line in text.splitlines()
        for wrapped in textwrap.wrap(
            line,
            WIDTH,
            initial_indent=indent,
            subsequent_indent=indent + " " * hang,
            break_long_words=False,
            break_on_hyphens=False,
        )
        or [""]
    ]
