"""mutation: nothing that belongs to others is written in place."""

from __future__ import annotations

from gradproof.check.properties import Outcome, define
from gradproof.check.session import Session
from gradproof.check.targets import Write
from gradproof.check.verdict import Finding
from gradproof.check.wording import Wording


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
        if write.stage != "forward":  # every forward here is given its own copies
            session.blamed.setdefault(write.input or write.what, "mutation")
    return Outcome(
        findings=tuple(_finding(write, target.wording) for write in writes),
        detail="inputs, outputs and incoming gradients against copies of them",
    )


def _finding(write: Write, wording: Wording) -> Finding:
    declare = wording.declare if write.what.startswith("input") else ""
    return Finding(
        property="mutation",
        input=write.input,
        diagnosis="mutated",
        message=f"{write.stage} writes {write.what} in place",
        hint=f"write to a copy of it ({write.what} may be used elsewhere){declare}"
        if write.stage == "forward"
        else "write to a copy of it: others may still use it",
    )
