"""A target that raises while a property runs: a finding, named where it can be."""

from __future__ import annotations

import numpy as np

from gradproof._errors import RuleError
from gradproof.check.diagnose import agrees_at_every_trial, diagnose, evidence_for
from gradproof.check.properties import Outcome
from gradproof.check.session import Array, Session
from gradproof.check.targets import Arrays, TargetCrash
from gradproof.check.verdict import Finding

SIDE = 3


def outcome(name: str, session: Session, crash: TargetCrash) -> Outcome:
    """The finding for a property during which the target raised."""
    if name in ("shape", "linearity", "gradient"):
        session.stopped = name
    if isinstance(crash.error, RuleError):
        return Outcome(findings=(_from_rule(name, session, crash.error),))
    square = [_squared(session, p) for p in session.target.primals]
    findings = []
    if crash.stage == "backward":
        findings = _at_square_sizes(name, session, crash, square)
    if not findings:
        findings = [
            Finding(
                property=name,
                diagnosis="crash",
                message=str(crash),
                hint="run backward with a random incoming gradient, not .sum(), "
                "on these inputs to see it",
            )
        ]
    return Outcome(findings=tuple(findings))


def _from_rule(name: str, session: Session, error: RuleError) -> Finding:
    """The finding for a rule whose result the driver refused."""
    diagnosis = {"missing": "missing", "dtype": "wrong-dtype"}.get(
        error.problem, "wrong-shape"
    )
    if error.problem == "shape":
        evidence = evidence_for(session, error.input, gradients=_refused)
        if evidence is not None and agrees_at_every_trial(evidence, _turned):
            diagnosis = "transposed"
    message, _, hint = str(error).rpartition(": ")
    return Finding(
        property=name,
        input=error.input,
        diagnosis=diagnosis,
        message=message,
        hint="transpose it" if diagnosis == "transposed" else hint,
    )


def _refused(
    session: Session, index: int, primals: Arrays, cotangents: Arrays
) -> Array | None:
    """What a rule returned before the driver refused it."""
    try:
        return session.claimed(primals, cotangents)[index]
    except TargetCrash as crash:
        if not isinstance(crash.error, RuleError) or crash.error.gradient is None:
            return None
        if crash.error.input != session.target.names[index]:
            return None
        return session.target.to_numpy(crash.error.gradient)


def _turned(gradient: Array) -> Array | None:
    return gradient.swapaxes(-1, -2) if gradient.ndim >= 2 else None


def _at_square_sizes(
    name: str, session: Session, crash: TargetCrash, square: list[Array]
) -> list[Finding]:
    """Where all sizes are equal a wrong transpose runs, and can be recognised."""
    found = []
    points = [square, [1.5 - p for p in square], [p**2 - 1 for p in square]]
    for input in session.target.names:
        try:
            evidence = evidence_for(session, input, points=points)
            if evidence is None or all(trial.agrees for trial in evidence.trials):
                continue
            explanation = diagnose(evidence)
        except (TargetCrash, ValueError):  # not a function of square inputs
            return []
        if explanation is not None:
            found.append(
                Finding(
                    property=name,
                    input=input,
                    diagnosis=explanation.diagnosis,
                    message=f"{explanation.message} (seen at square sizes; at these "
                    f"{crash})",
                    hint=explanation.hint,
                )
            )
    return found


def _squared(session: Session, primal: Array) -> Array:
    values: Array = session.rng("square").standard_normal((SIDE,) * primal.ndim)
    return np.asarray(values.astype(primal.dtype))
