"""mutation: nothing that belongs to others is written in place."""

from __future__ import annotations

from gradproof.check.properties import Outcome, define
from gradproof.check.session import Session
from gradproof.check.targets import Write
from gradproof.check.verdict import Finding


@define(
    "mutation",
    "inputs, incoming gradients, buffers and outputs are not written in place",
    after=("shape", "gradient"),
)
def check(session: Session) -> Outcome:
    """Compare everything that was passed in or handed out with a copy of it."""
    target = session.target
    writes = target.writes(target.primals, session.cotangents("mutation"))
    if writes is None:
        return Outcome(status="unsupported", detail="its arrays cannot be written")
    for write in writes:
        session.blamed.setdefault(write.input or write.what, "mutation")
    return Outcome(
        findings=tuple(_finding(write) for write in writes),
        detail="inputs, outputs and incoming gradients against copies of them",
    )


def _finding(write: Write) -> Finding:
    declare = "with ctx.mark_dirty" if write.what.startswith("input") else "as such"
    return Finding(
        property="mutation",
        input=write.input,
        diagnosis="mutated",
        message=f"{write.stage} writes {write.what} in place",
        hint=f"work on a copy ({write.what} may be used elsewhere), or declare it "
        f"{declare}"
        if write.stage == "forward"
        else "work on a copy: others may still use it",
    )
