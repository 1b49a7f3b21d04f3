"""Autograd witness: the forward's own code, differentiated by its library.

Exact and elementwise where the forward is made of differentiable operations. A forward
that detaches, writes data in place or searches for a root says something else; so the
numerical witness is asked first, and what it contradicts is not believed.
"""

from __future__ import annotations

from gradproof.check.session import Array
from gradproof.check.targets import Gradients, Target
from gradproof.check.trial import Trial, along


def cross_examined(target: Target, trial: Trial) -> list[Array | None] | None:
    """Its gradients at a trial, if it speaks and the numerical witness agrees."""
    testimony: Gradients | None = target.exact(trial.primals, trial.cotangents)
    if testimony is None:
        return None
    if not trial.fits(along(testimony, trial.direction)):
        return None
    return list(testimony)
