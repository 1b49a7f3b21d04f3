"""Complex-step witness: an imaginary step through the forward (Squire, Trapp 1998).

    d/dt <v, f(x + t·u)> = Im <v, f(x + i·h·u)> / h    for any tiny h

Nothing is subtracted, so it is exact to rounding, where the forward takes complex
numbers and is analytic. One that compares, conjugates or takes a magnitude says
something else; so the numerical witness is asked first, as of every other.
"""

from __future__ import annotations

import numpy as np

from gradproof.check.targets import Target
from gradproof.check.trial import Trial

STEP = 2.0**-66  # its square vanishes beside 1 in any precision, it does not vanish


def cross_examined(target: Target, trial: Trial) -> float | None:
    """Its derivative at a trial, if it speaks and the numerical witness agrees."""
    if any(map(np.iscomplexobj, (*trial.primals, *trial.cotangents))):
        return None
    stepped = [
        p + 1j * STEP * d for p, d in zip(trial.primals, trial.direction, strict=True)
    ]
    outputs = target.complex_forward(stepped)
    if outputs is None:
        return None
    slope = sum(
        float(np.vdot(v, o.imag)) / STEP
        for v, o in zip(trial.cotangents, outputs, strict=True)
    )
    return slope if trial.fits(slope) else None
