"""grad-mode: the forward gives the same value whether gradients are recorded or not."""

from __future__ import annotations

import numpy as np
import torch

from gradproof.check.properties import Outcome, define
from gradproof.check.session import Session, differs, magnitude, relative_error
from gradproof.check.targets.torch_ import TorchTarget
from gradproof.check.verdict import Finding


@define(
    "grad-mode",
    "the forward gives the same value under no_grad",
    after=("shape",),
)
def check(session: Session) -> Outcome:
    """Compare the outputs with gradients recorded, without, and with none required."""
    target = session.target
    assert isinstance(target, TorchTarget)
    nothing = [False] * len(target.names)
    recorded = target.outputs_there
    with torch.enable_grad():
        frozen = target.outputs(target.leaves(target.primals, nothing))
    with torch.no_grad():
        unrecorded = target.outputs(target.leaves(target.primals, nothing))
    for other, when in ((unrecorded, "under no_grad"), (frozen, "where none requires")):
        for index, (before, one) in enumerate(zip(recorded, other, strict=True)):
            now = target.to_numpy(one)
            tolerance = 64 * target.epsilon * magnitude(before)
            if differs(now, before, tolerance if np.isfinite(tolerance) else 0.0):
                error = relative_error(now, before)
                number = f" {index}" if len(recorded) > 1 else ""
                return Outcome(findings=(_finding(number, when, error),))
    return Outcome(detail="outputs with gradients recorded against without")


def _finding(number: str, when: str, error: float) -> Finding:
    return Finding(
        property="grad-mode",
        message=f"the output{number} is another one {when} gradients "
        f"(relative error {error:.2g})"
        if "requires" in when
        else f"the output{number} is another one {when} (relative error {error:.2g})",
        hint="the forward must not look at the grad mode, or at what requires grad, "
        "for what it computes, only for what it keeps",
        error=error,
    )
