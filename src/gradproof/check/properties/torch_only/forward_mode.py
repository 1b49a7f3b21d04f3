"""forward-mode: a jvp, where there is one, agrees; it is never silently zero."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
from torch.autograd import forward_ad as forward_ad_untyped

from gradproof.check.properties import Outcome, define
from gradproof.check.session import Array, Session
from gradproof.check.targets import Arrays, TargetCrash
from gradproof.check.targets.torch_ import TorchTarget
from gradproof.check.trial import along, norm
from gradproof.check.verdict import Finding
from gradproof.check.witnesses.numerical import inner

forward_ad: Any = forward_ad_untyped  # torch leaves its functions without types


@define(
    "forward-mode",
    "a jvp, where there is one, agrees; never silently zero",
    after=("repeat", "mutation"),
    needs_right_gradient=True,
)
def check(session: Session) -> Outcome:
    """Hold <v, jvp(u)> against <backward(v), u>, which are one number."""
    target = session.target
    assert isinstance(target, TorchTarget)
    if target.is_library_op:
        detail = "torch gives a library op no jvp: zeros, without a word"
        return Outcome(status="unsupported", detail=detail)
    if session.at_kink or not session.is_finite:
        return Outcome(status="skipped", detail="no derivative at the given values")
    cotangents = session.cotangents("forward-mode")
    gradients = session.claimed(target.primals, cotangents)
    if not all(g is None or np.isfinite(g).all() for g in gradients):
        return Outcome(status="skipped", detail="the gradient is not finite here")
    every = session.direction("forward-mode", target.primals, range(len(gradients)))
    try:
        together = _jvp(target, every)
    except TargetCrash as crash:
        first = str(crash).split(". ")[0]
        return Outcome(status="unsupported", detail=f"no jvp: {first}")
    if _agrees(session, together, cotangents, along(gradients, every), every):
        return Outcome(detail="<v, jvp(u)> against <backward(v), u>")
    findings = []
    for index, name in enumerate(target.names):
        alone = [d if i == index else 0 * d for i, d in enumerate(every)]
        tangents = _jvp(target, alone)
        slope = along(gradients, alone)
        if _agrees(session, tangents, cotangents, slope, alone):
            continue
        silent = all(t is None or not np.any(t) for t in tangents)
        findings.append(
            _finding(name, silent, _contracted(tangents, cotangents), slope)
        )
    return Outcome(findings=tuple(findings))


def _jvp(target: TorchTarget, direction: Arrays) -> list[Array | None]:
    with forward_ad.dual_level(), warnings.catch_warnings(), torch.enable_grad():
        warnings.simplefilter("ignore")
        nothing = [False] * len(target.names)
        pairs = zip(
            target.leaves(target.primals, nothing),
            target.leaves(direction, nothing),
            strict=True,
        )
        duals = [forward_ad.make_dual(primal, tangent) for primal, tangent in pairs]
        outputs = target.outputs(duals)
        tangents = [forward_ad.unpack_dual(one).tangent for one in outputs]
        return [None if t is None else target.to_numpy(t) for t in tangents]


def _contracted(tangents: list[Array | None], cotangents: Arrays) -> float:
    pairs = zip(cotangents, tangents, strict=True)
    return sum(inner([v], [t]) for v, t in pairs if t is not None)


def _agrees(
    session: Session,
    tangents: list[Array | None],
    cotangents: Arrays,
    slope: float,
    direction: Arrays,
) -> bool:
    """Whether both contractions are one number, up to rounding."""
    pairs = zip(cotangents, tangents, strict=True)
    terms = [norm([v * t]) for v, t in pairs if t is not None]
    noise = [64 * session.noise[i] * norm([d]) for i, d in enumerate(direction)]
    size = max([abs(slope), *terms])
    tolerance = 256 * session.target.epsilon * size + sum(noise)
    tolerance += session.tolerated(size, norm(direction))
    return abs(_contracted(tangents, cotangents) - slope) <= tolerance


def _finding(name: str, silent: bool, got: float, slope: float) -> Finding:
    error = abs(got - slope) / max(abs(got), abs(slope), 1e-300)
    if silent:
        message = f"the jvp is silently zero in the direction of {name!r}"
    else:
        message = (
            f"the jvp in the direction of {name!r} does not agree with backward "
            f"(relative error {error:.2g})"
        )
    return Finding(
        property="forward-mode",
        input=name,
        diagnosis="zero" if silent else None,
        message=message,
        hint="<v, jvp(u)> is <backward(v), u>: write the jvp as backward's transpose",
        error=error,
    )
