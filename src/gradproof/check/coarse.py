"""Judging by autograd alone, where differences of the outputs see too little.

In bfloat16 a difference of two outputs has hardly a digit. What is left is autograd
through the forward's own code, exact but for rounding: it is believed as far as the
numerical witness does not contradict it, and held against mistakes of a size that no
rounding makes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from gradproof.check.session import (
    Array,
    Session,
    differs,
    magnitude,
    relative_error,
)
from gradproof.check.targets import Arrays, Gradients
from gradproof.check.trial import Trial, along, probe
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
    return [
        _finding(session, index, claimed[index], exact[index])
        for index in inputs
        if relative_error(claimed[index], exact[index]) > floor(session)
    ]


def beside(
    session: Session, trial: Trial, exact: Gradients, inputs: Sequence[int]
) -> tuple[list[Finding], float]:
    """Findings beside exact gradients, at a trial that differences see too little of.

    What rounding makes of the gradient is not held against it; so beside the findings
    comes the smallest relative error that was seen.
    """
    findings, power = [], floor(session)
    for index in inputs:
        claimed, true = trial.claimed[index], exact[index]
        rounding = session.rounding(index, claimed, true)
        if true is not None and true.any():
            power = max(power, rounding / magnitude(true))
        if relative_error(claimed, true) > floor(session) and differs(
            claimed, true, rounding
        ):
            findings.append(_finding(session, index, claimed, true))
    return findings, power


def _finding(
    session: Session, index: int, claimed: Array | None, exact: Array | None
) -> Finding:
    name = session.target.names[index]
    session.blamed[name] = "gradient"
    error = relative_error(claimed, exact)
    diagnosis, message = _diagnosis(session, claimed, exact)
    return Finding(
        property="gradient",
        input=name,
        diagnosis=diagnosis,
        message=f"the gradient of {name!r} {message} (relative error {error:.2g}, in "
        f"{session.target.dtype})",
        hint=f"held against {session.target.source_in_words}: differences see too "
        "little here",
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
    digits = 2 + max(0, -math.floor(math.log10(abs(factor - 1) or 1.0)))
    return "scale", f"is about {factor:.{digits}g} times the true one, everywhere"
