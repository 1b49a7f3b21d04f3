"""repeat: calling again, and calling twice before backward, changes nothing."""

from __future__ import annotations

from gradproof.check.hypotheses.behaviour import explain_stateful
from gradproof.check.properties import Outcome, define
from gradproof.check.session import Session
from gradproof.check.targets import Gradients, TargetCrash
from gradproof.check.verdict import Finding


@define(
    "repeat",
    "a second backward, a second forward, two forwards before one backward: the same",
    after=("shape", "gradient"),
)
def check(session: Session) -> Outcome:
    """Compare a gradient with itself: again, after another call, and interleaved."""
    target = session.target
    cotangents = session.cotangents("repeat")
    elsewhere = session.neighbour("repeat")
    recording = target.record(target.primals, session.asked)
    once = recording.pullback(cotangents)
    findings: list[Finding] = []
    try:
        twice = recording.pullback(cotangents)
        findings += _compare(session, once, twice, "a second backward")
    except TargetCrash as crash:
        findings.append(_crash(crash, "a second backward"))
    if not findings:
        first = target.record(target.primals, session.asked)
        try:
            target.record(elsewhere)
        except TargetCrash:
            target.record(target.primals)  # other values are outside its domain
        late = first.pullback(cotangents)
        findings += _compare(session, once, late, "another forward in between")
        if findings:
            again = session.claimed(target.primals, cotangents)
            plain = _compare(session, once, again, "a second forward and backward")
            findings = plain or findings
    known = {finding.input for finding in findings}
    for name, error in session.unsteady.items():
        if name not in known:
            findings.append(_finding(session, name, "the same call again", error))
    for finding in findings:
        session.blamed.setdefault(finding.input or "the graph", "repeat")
    return Outcome(findings=tuple(findings), detail="three ways to call again")


def _compare(
    session: Session, expected: Gradients, got: Gradients, after: str
) -> list[Finding]:
    return [
        _finding(session, name, after, error)
        for name, error, _ in session.compare(expected, got)
    ]


def _finding(session: Session, name: str, after: str, error: float) -> Finding:
    return Finding(
        property="repeat",
        input=name,
        diagnosis="stateful",
        message=f"the gradient of {name!r} is another one after {after} "
        f"(relative error {error:.2g})",
        hint=explain_stateful(name, "another call", session.target.wording).hint,
        error=error,
    )


def _crash(crash: TargetCrash, when: str) -> Finding:
    return Finding(
        property="repeat",
        diagnosis="crash",
        message=f"{when} on the same graph: {crash}",
        hint="with retain_graph=True a backward may be called again: it must not "
        "free or overwrite what it was given",
    )
