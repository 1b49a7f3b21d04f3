"""Forward-mode witness: dual numbers through the forward's own code.

It speaks where autograd cannot, of a loop whose length depends on the data in JAX, or
of what was written over before a backward could read it. What a forward detaches it
takes for a constant; so the numerical witness is asked first.
"""

from __future__ import annotations

from gradproof.check.targets import Target
from gradproof.check.trial import Trial
from gradproof.check.witnesses.numerical import inner


def cross_examined(target: Target, trial: Trial) -> float | None:
    """Its derivative at a trial, if it speaks and the numerical witness agrees."""
    tangents = target.jvp(trial.primals, trial.direction)
    if tangents is None:
        return None
    slope = inner(trial.cotangents, tangents)
    return slope if trial.fits(slope) else None
