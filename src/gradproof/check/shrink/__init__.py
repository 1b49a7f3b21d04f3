"""After a finding: the smallest call that still shows it, as lines that run.

``search``   smaller sizes, one dimension after the other
``case``     one call, and whether it shows what was found
``script``   the lines: ``_torch``, ``_numpy`` and ``_jax`` say what each library says
"""

from __future__ import annotations

from dataclasses import replace

from gradproof.check.properties import Outcome
from gradproof.check.session import Session
from gradproof.check.shrink.script import lines
from gradproof.check.shrink.search import smallest
from gradproof.check.targets import TargetCrash
from gradproof.check.verdict import Finding

SHOWN_BY_A_CALL = ("shape", "linearity", "gradient", "sizes", "layout", "extremes")
NEEDS_A_HISTORY = ("stateful", "mutated")


def illustrated(session: Session, outcome: Outcome) -> Outcome:
    """The outcome with an example on each finding that a single call can show."""
    if not outcome.findings:
        return outcome
    findings = tuple(_illustrated(session, one) for one in outcome.findings)
    return replace(outcome, findings=findings)


def _illustrated(session: Session, finding: Finding) -> Finding:
    if finding.property not in SHOWN_BY_A_CALL or finding.diagnosis in NEEDS_A_HISTORY:
        return finding
    try:
        case = smallest(session, finding)
        example = None if case is None else lines(case)
    except TargetCrash:  # it runs at some values only: the finding stands without
        return finding
    return replace(finding, example=example)
