"""compile: torch.compile agrees. Slow, so it is asked for by name."""

from __future__ import annotations

import warnings

import torch

from gradproof.check.properties import Outcome, define
from gradproof.check.session import Session
from gradproof.check.targets import TargetCrash
from gradproof.check.targets.torch_ import TorchTarget
from gradproof.check.verdict import Finding


@define(
    "compile",
    "torch.compile agrees",
    after=("shape", "gradient", "repeat"),
)
def check(session: Session) -> Outcome:
    """Compile the call as one graph, and compare its gradients with the eager ones."""
    target = session.target
    assert isinstance(target, TorchTarget)
    cotangents = session.cotangents("compile")
    usual = session.claimed(target.primals, cotangents)
    leaves = target.leaves(target.primals)
    try:
        with warnings.catch_warnings(), torch.enable_grad():
            warnings.simplefilter("ignore")
            outputs = target.compiled_outputs(leaves)
            incoming = target.incoming(outputs, cotangents)
            found = target.gradients(outputs, leaves, incoming)
    except TargetCrash as crash:
        finding = Finding(
            property="compile",
            diagnosis="crash",
            message=f"{crash} when compiled as one graph",
            hint="forward and backward must be traceable: no data-dependent Python, "
            "no state outside ctx",
        )
        return Outcome(findings=(finding,))
    got = [None if g is None else target.to_numpy(g) for g in found]
    findings = [
        Finding(
            property="compile",
            input=name,
            diagnosis="missing" if is_gone else None,
            message=f"compiled, the gradient of {name!r} is another one "
            f"(relative error {error:.2g})",
            hint="what a forward keeps outside ctx, or reads from memory, is fixed at "
            "compile time",
            error=error,
        )
        for name, error, is_gone in session.compare(usual, got)
    ]
    return Outcome(findings=tuple(findings), detail="as one graph, against eager")
