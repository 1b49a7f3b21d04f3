"""linearity: backward is a linear function of the incoming gradient."""

from __future__ import annotations

import numpy as np

from gradproof.check.diagnose import NOTICEABLE, unexplained
from gradproof.check.hypotheses.behaviour import explain_nonlinear
from gradproof.check.properties import Outcome, define
from gradproof.check.session import Session, differs, magnitude, relative_error
from gradproof.check.targets import Arrays, Gradients
from gradproof.check.verdict import Finding

ROUNDING = 1e-2


@define("linearity", "backward is linear in the incoming gradient", after=("shape",))
def check(session: Session) -> Outcome:
    """Hold backward(g1 - 2·g2) against backward(g1) - 2·backward(g2).

    Both signs, magnitudes well above 1, all outputs together: what a squared, clamped
    or absolute incoming gradient, or none at all, cannot satisfy.
    """
    target = session.target
    one = [3 * v for v in session.cotangents("linearity one")]
    two = [3 * v for v in session.cotangents("linearity two")]
    together = [a - 2 * b for a, b in zip(one, two, strict=True)]
    # Each through a forward of its own: what a backward overwrites is not its fault.
    first, second, mixed = (
        session.claimed(target.primals, v) for v in (one, two, together)
    )
    findings = []
    power = 0.0
    again: Gradients | None = None
    gradients = zip(target.names, first, second, mixed, strict=True)
    for index, (name, a, b, c) in enumerate(gradients):
        if a is None or b is None or c is None or name in session.blamed:
            continue
        if not a.shape == b.shape == c.shape:
            continue
        expected = a - 2 * b
        tolerance = session.least_rounding(index, a, b, c)
        apart = differs(c, expected, tolerance)
        if apart and differs(c, expected, session.rounding(index, a, b, c)):
            again = again or session.claimed(target.primals, together)
            if differs(again[index], c, session.least_rounding(index, c)):
                session.unsteady[name] = relative_error(again[index], c)
                session.blamed.setdefault(name, "repeat")
                continue
            error = relative_error(c, expected)
            session.blamed.setdefault(name, "linearity")
            if error < ROUNDING and _is_rounding(session, index, one):
                findings.append(_low_precision(name, error))
            else:
                findings.append(_finding(name, error))
        elif magnitude(expected) > tolerance:
            power = max(power, tolerance / magnitude(expected))
    if session.unsteady and not findings:
        detail = f"another gradient each time: {', '.join(session.unsteady)}"
        return Outcome(status="skipped", detail=f"{detail}, see repeat")
    return Outcome(
        findings=tuple(findings),
        detail="backward(g1 - 2·g2) against backward(g1) - 2·backward(g2)",
        power=power if np.isfinite(power) and power > 0 else None,
    )


def _is_rounding(session: Session, index: int, cotangents: Arrays) -> bool:
    """Whether backward(-2·g) is exactly -2·backward(g), as under mere rounding."""
    primals = session.target.primals
    once = session.claimed(primals, cotangents)[index]
    twice = session.claimed(primals, [-2 * v for v in cotangents])[index]
    return once is not None and twice is not None and np.array_equal(twice, -2 * once)


def _low_precision(name: str, error: float) -> Finding:
    return Finding(
        property="linearity",
        input=name,
        diagnosis="low-precision",
        message=f"the gradient of {name!r} is rounded to a lower precision on the way "
        f"(relative error {error:.2g})",
        hint="a float32 or half constant, or an integer division, takes part: create "
        "what backward computes with in the dtype of grad_output",
        error=error,
    )


def _finding(name: str, error: float) -> Finding:
    explanation = explain_nonlinear(name)
    return Finding(
        property="linearity",
        input=name,
        diagnosis=explanation.diagnosis,
        message=f"{explanation.message} (relative error {error:.2g})",
        hint=explanation.hint if error >= NOTICEABLE else unexplained(error),
        error=error,
    )
