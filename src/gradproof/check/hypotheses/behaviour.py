"""Mistakes in how a backward behaves: not linear, not repeatable."""

from __future__ import annotations

import numpy as np

from gradproof.check.diagnose import (
    NOTICEABLE,
    Evidence,
    Explanation,
    hypothesis,
)
from gradproof.check.session import Array, differs
from gradproof.check.trial import Trial
from gradproof.check.wording import Wording


@hypothesis("nonlinear", least_error=NOTICEABLE)
def nonlinear(evidence: Evidence) -> Explanation | None:
    """Not a linear function of the incoming gradient, as every right one is."""
    first, second = evidence.trials[0], evidence.trials[1]
    if any(
        a.shape != b.shape for a, b in zip(first.primals, second.primals, strict=True)
    ):
        return None
    session, index = evidence.session, evidence.index
    one = first.cotangents
    two = session.cotangents("nonlinear", first.primals)
    mixed = [a - 2 * b for a, b in zip(one, two, strict=True)]
    gradients = [session.claimed(first.primals, v)[index] for v in (one, two, mixed)]
    if any(g is None for g in gradients):
        return None
    a, b, c = (np.asarray(g) for g in gradients)
    if not differs(c, a - 2 * b, session.rounding(index, a, b, c)):
        return None
    return explain_nonlinear(evidence.name)


def explain_nonlinear(name: str | None) -> Explanation:
    """The words for a backward that is not linear in grad_output."""
    of = f"the gradient of {name!r}" if name else "the gradient"
    return Explanation(
        "nonlinear",
        f"{of} is not linear in the incoming gradient: "
        "backward(g1 - 2·g2) is not backward(g1) - 2·backward(g2)",
        "grad_output enters a backward once, as a factor: never squared, clamped, "
        "in absolute value, or left out",
    )


@hypothesis("stateful", least_error=NOTICEABLE)
def stateful(evidence: Evidence) -> Explanation | None:
    """The gradient belongs to another call: of the first forward, or of the last."""
    session, index = evidence.session, evidence.index
    wording = session.target.wording

    def after_a_second_forward(trial: Trial) -> Array | None:
        session.target.record(trial.primals)
        return session.claimed(trial.primals, trial.cotangents)[index]

    def as_given_first(trial: Trial) -> Array | None:
        return session.claimed(session.target.primals, trial.cotangents)[index]

    stale = not all(trial.agrees for trial in evidence.trials)
    if stale and evidence.holds(after_a_second_forward):
        return explain_stateful(evidence.name, "the forward before", wording)
    shapes_fit = all(
        a.shape == b.shape
        for trial in evidence.trials
        for a, b in zip(trial.primals, session.target.primals, strict=True)
    )
    moved = [t for t in evidence.trials if t.primals is not session.target.primals]
    at_home = [t for t in evidence.trials if t.primals is session.target.primals]
    if shapes_fit and moved and at_home and all(t.agrees for t in at_home):
        same = [
            not differs(
                as_given_first(trial),
                evidence.gradient(trial),
                session.rounding(index, evidence.gradient(trial)),
            )
            for trial in moved
        ]
        if all(same):
            return explain_stateful(evidence.name, "the first forward", wording)
    return None


def explain_stateful(name: str | None, call: str, wording: Wording) -> Explanation:
    """The words for a backward that uses what another call left behind."""
    of = f"the gradient of {name!r}" if name else "the gradient"
    return Explanation(
        "stateful",
        f"{of} belongs to {call}, not to the one it is asked for",
        f"{wording.keep}, never in a global, a class attribute or a shared buffer",
    )
