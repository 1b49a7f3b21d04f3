"""Mistakes in what a backward computes with: values of a lower precision."""

from __future__ import annotations

import numpy as np

from gradproof.check.diagnose import (
    Evidence,
    Explanation,
    evidence_for,
    hypothesis,
)
from gradproof.check.session import Array
from gradproof.check.trial import Trial

ROUNDING = 2e-2
PRECISIONS = {"float16": 11, "bfloat16": 8, "float32": 24}  # bits of the significand


@hypothesis("low-precision")
def default_precision(evidence: Evidence) -> Explanation | None:
    """Right where torch makes what is given no dtype in double precision."""
    session = evidence.session
    wide = session.target.in_double() if evidence.error < ROUNDING else None
    if wide is None:
        return None

    def made_wide(trial: Trial) -> Array | None:
        return session.claimed(trial.primals, trial.cotangents)[evidence.index]

    with wide:
        if not evidence.holds(made_wide):
            return None
    return Explanation(
        "low-precision",
        f"the gradient of {evidence.name!r} is made from values in torch's default "
        "dtype, float32",
        "a mask times 1.0, torch.tensor(0.9) or torch.eye(n) has the default dtype: "
        "create what backward computes with in the dtype of grad_output",
    )


@hypothesis("low-precision")
def low_precision(evidence: Evidence) -> Explanation | None:
    """Right at values that a lower precision holds exactly, off elsewhere."""
    trials = evidence.trials
    if not all(trial.error < ROUNDING for trial in trials):
        return None
    for name, bits in PRECISIONS.items():
        points = [[_rounded(p, bits) for p in trial.primals] for trial in trials]
        again = evidence_for(evidence.session, evidence.name, points=points)
        if again is not None and all(trial.agrees for trial in again.trials):
            return Explanation(
                "low-precision",
                f"the gradient of {evidence.name!r} is made from values rounded to "
                f"{name}",
                "save what backward needs in the dtype of the input",
            )
    return None


def _rounded(array: Array, bits: int) -> Array:
    """The nearest numbers with so many bits in their significand."""
    if np.iscomplexobj(array):
        return _rounded(array.real, bits) + 1j * _rounded(array.imag, bits)
    significand, exponent = np.frexp(array)
    return np.asarray(np.ldexp(np.round(significand * 2.0**bits) / 2.0**bits, exponent))
