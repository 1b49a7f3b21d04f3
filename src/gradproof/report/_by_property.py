"""A verdict property by property: what became of each, with what was found."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from gradproof.check.verdict import Finding, Verdict


class Entry(NamedTuple):
    """One property of one target."""

    property: str
    status: str
    detail: str
    findings: tuple[Finding, ...]


def by_property(verdict: Verdict) -> Iterator[Entry]:
    """Every property, in the order they ran; a finding is never without one."""
    found: dict[str, list[Finding]] = {}
    for finding in verdict.findings:
        found.setdefault(finding.property, []).append(finding)
    for check in verdict.checks:
        findings = tuple(found.pop(check.property, ()))
        status = "failed" if findings else check.status
        yield Entry(check.property, status, check.detail, findings)
    for property, rest in found.items():
        yield Entry(property, "failed", "", tuple(rest))


def said(finding: Finding) -> str:
    """The message, and where and what to try, a line each."""
    lines = [finding.message]
    if finding.where:
        lines.append(f"where: {finding.where}")
    if finding.hint:
        lines.append(f"hint: {finding.hint}")
    return "\n".join(lines)
