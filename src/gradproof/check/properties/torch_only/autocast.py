"""autocast: works under autocast."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

import numpy as np
import torch

from gradproof.check.properties import Outcome, define
from gradproof.check.properties.torch_only.precision import rounded
from gradproof.check.session import Session, relative_error
from gradproof.check.targets import Arrays, Gradients, TargetCrash
from gradproof.check.targets.torch_ import TorchTarget
from gradproof.check.verdict import Finding

FACTOR, FLOOR = 8.0, 0.1


@define(
    "autocast",
    "works under autocast",
    after=("repeat", "mutation", "precision"),
    needs_right_gradient=True,
)
def check(session: Session) -> Outcome:
    """Forward under autocast, backward outside it, as a training step does."""
    target = session.target
    assert isinstance(target, TorchTarget)
    if target.is_plain:
        return Outcome(status="skipped", detail="it is made of plain operations")
    if any(dtype.is_complex for dtype in target.given):
        return Outcome(status="skipped", detail="autocast is for real numbers")
    single = target.in_dtype(torch.float32)
    cotangents = session.cotangents("autocast")
    try:
        usual = single.record(target.primals, session.asked).pullback(cotangents)
    except TargetCrash:
        return Outcome(status="skipped", detail="it does not take float32")
    low = [rounded(p, torch.bfloat16) for p in target.primals]
    yardsticks = [single.record(low, session.asked).pullback(cotangents)]
    plain = single.plain_outputs
    if plain is not None:
        try:
            yardsticks.append(_under_autocast(session, single, cotangents, plain))
        except Exception as failure:  # where it does not run, no backward can
            if not _is_of_backward(failure):
                detail = "its own operations do not run under autocast"
                return Outcome(status="skipped", detail=detail)
    try:
        got = _under_autocast(session, single, cotangents, single.outputs)
    except TargetCrash as crash:
        return Outcome(
            findings=(
                Finding(
                    property="autocast",
                    diagnosis="crash",
                    message=f"{crash} under autocast",
                    hint=target.wording.autocast,
                ),
            )
        )
    findings = []
    for index, name in enumerate(target.names):
        before, now = usual[index], got[index]
        error = relative_error(now, before)
        allowed = max(relative_error(one[index], before) for one in yardsticks)
        if error <= FLOOR + FACTOR * allowed or before is None:
            continue
        if not np.isfinite(before).all():
            continue
        findings.append(
            Finding(
                property="autocast",
                input=name,
                diagnosis="missing" if now is None else None,
                message=f"under autocast the gradient of {name!r} is another one "
                f"(relative error {error:.2g})",
                hint="what is saved may be bfloat16 there: cast it before use",
                error=error,
            )
        )
    return Outcome(findings=tuple(findings), detail="bfloat16 on the CPU")


def _under_autocast(
    session: Session,
    single: TorchTarget,
    cotangents: Arrays,
    run: Callable[[Sequence[torch.Tensor]], list[torch.Tensor]],
) -> Gradients:
    leaves = single.leaves(single.primals, session.asked)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with torch.enable_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
            outputs = run(leaves)
        found = single.gradients(outputs, leaves, single.incoming(outputs, cotangents))
    return [None if g is None else single.to_numpy(g) for g in found]


def _is_of_backward(failure: Exception) -> bool:
    return isinstance(failure, TargetCrash) and failure.stage == "backward"
