"""Judging by autograd alone, where a target computes too coarsely for differences.

In bfloat16 a difference of two outputs has hardly a digit. What is left is autograd
through the forward's own code, exact but for rounding: it is believed as far as the
numerical witness does not contradict it, and held against mistakes of a size that no
rounding makes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gradproof.check.session import Array, Session, relative_error
from gradproof.check.targets import Arrays
from gradproof.check.trial import along, probe
from gradproof.check.verdict import Finding

COARSE = 1e-4
ROUNDINGS = 32


def floor(session: Session) -> float:
    """The smallest relative error that can be told from rounding."""
    return ROUNDINGS * session.target.epsilon


def judge(
    session: Session, primals: Arrays, inputs: Sequence[int]
) -> list[Finding] | None:
    """Findings beside autograd through the forward, None where it does not speak."""
    if session.target.epsilon < COARSE:
        return None
    cotangents = session.cotangents("coarse", primals)
    exact = session.target.exact(primals, cotangents)
    if exact is None:
        return None
    known = (cotangents, exact)
    trial = probe(session, "coarse", primals, inputs, claimed=known)
    if np.isfinite(trial.estimate.error) and not trial.fits(
        along(exact, trial.direction)
    ):
        return None
    claimed = session.claimed(primals, cotangents)
    findings = []
    for index in inputs:
        error = relative_error(claimed[index], exact[index])
        if error > floor(session):
            name = session.target.names[index]
            findings.append(
                _finding(session, name, claimed[index], exact[index], error)
            )
            session.blamed[name] = "gradient"
    return findings


def _finding(
    session: Session,
    name: str,
    claimed: Array | None,
    exact: Array | None,
    error: float,
) -> Finding:
    diagnosis, message = _diagnosis(session, claimed, exact)
    return Finding(
        property="gradient",
        input=name,
        diagnosis=diagnosis,
        message=f"the gradient of {name!r} {message} (relative error {error:.2g}, in "
        f"{session.target.dtype})",
        hint="held against autograd through the forward: differences see too little "
        "in this dtype",
        error=error,
    )


def _diagnosis(
    session: Session, claimed: Array | None, exact: Array | None
) -> tuple[str | None, str]:
    """One factor, tried on every element."""
    if claimed is None or exact is None:
        return "missing", "does not come back, or the output is detached from it"
    if not claimed.any():
        return "zero", "is zero everywhere, the true one is not"
    factor = float(np.vdot(exact, claimed).real / np.vdot(exact, exact).real)
    if relative_error(claimed, factor * exact) > floor(session):
        return None, "is wrong"
    if abs(factor + 1) < floor(session):
        return "sign", "has the wrong sign, everywhere"
    return "scale", f"is about {factor:.2g} times the true one, everywhere"
