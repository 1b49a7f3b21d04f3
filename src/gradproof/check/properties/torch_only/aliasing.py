"""aliasing: the same tensor may be passed twice."""

from __future__ import annotations

import itertools

import numpy as np
import torch

from gradproof.check.properties import Outcome, define
from gradproof.check.session import Session, differs, relative_error
from gradproof.check.targets import TargetCrash
from gradproof.check.targets.torch_ import TorchTarget
from gradproof.check.verdict import Finding


@define(
    "aliasing",
    "the same tensor may be passed twice",
    after=("shape", "gradient", "repeat", "mutation"),
)
def check(session: Session) -> Outcome:
    """f(x, x) has the sum of the two gradients of f(x, y) at y = x."""
    target = session.target
    assert isinstance(target, TorchTarget)
    pairs = [
        (i, j)
        for i, j in itertools.combinations(range(len(target.names)), 2)
        if target.primals[i].shape == target.primals[j].shape
        and target.primals[i].dtype == target.primals[j].dtype
    ]
    if not pairs:
        return Outcome(status="skipped", detail="no two inputs have one shape")
    steady = [session.is_steady(name) for name in target.names]
    pairs = [(i, j) for i, j in pairs if steady[i] and steady[j]]
    if not pairs:
        return Outcome(status="skipped", detail="another gradient each time")
    findings = []
    for one, two in pairs[:3]:
        finding = _try(session, target, one, two)
        if finding is not None:
            findings.append(finding)
    return Outcome(findings=tuple(findings), detail=f"{len(pairs[:3])} pairs of inputs")


def _try(session: Session, target: TorchTarget, one: int, two: int) -> Finding | None:
    names = f"{target.names[one]!r} and {target.names[two]!r}"
    primals = list(target.primals)
    primals[two] = primals[one]
    try:
        cotangents = session.cotangents(f"aliasing {one} {two}", primals)
        apart = session.claimed(primals, cotangents)
    except TargetCrash:
        return None  # not a function of equal inputs
    leaves = target.leaves(primals)
    leaves[two] = leaves[one]
    try:
        with torch.enable_grad():
            # As they are: copies would be two tensors again.
            outputs = target.outputs(leaves, as_given=not target.writes_inputs)
        incoming = target.incoming(outputs, cotangents)
        together = target.gradients(outputs, leaves, incoming)[one]
    except TargetCrash as crash:
        return Finding(
            property="aliasing",
            input=target.names[one],
            diagnosis="crash",
            message=f"{crash} when one tensor is passed for {names}",
            hint="do not tell inputs apart by identity or by address",
        )
    parts = [g for g in (apart[one], apart[two]) if g is not None]
    expected = np.sum(parts, axis=0) if parts else None
    got = None if together is None else target.to_numpy(together)
    tolerance = session.rounding(one, *parts, got) + session.rounding(two)
    if not differs(got, expected, tolerance):
        return None
    error = relative_error(got, expected)
    return Finding(
        property="aliasing",
        input=target.names[one],
        message=f"with one tensor passed for {names} the gradient is not the sum of "
        f"the two (relative error {error:.2g})",
        hint="do not tell inputs apart by identity or by address, and write none of "
        "them in place",
        error=error,
    )
