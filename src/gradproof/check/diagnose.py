"""From a mismatch to its name: every diagnosis is a hypothesis that was tested.

A hypothesis says how to undo a mistake. It is believed only if the undone gradient
agrees with the numerical witness at every trial: fresh incoming gradients, fresh
directions, and another point.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from gradproof.check.session import Array, Session
from gradproof.check.targets import Arrays, Gradients, TargetCrash
from gradproof.check.trial import Trial, probe
from gradproof.check.witnesses.numerical import inner

Undo = Callable[[Array], Array | None]
OneGradient = Callable[[Session, int, Arrays, Arrays], Array | None]


@dataclass(frozen=True)
class Explanation:
    """What is wrong, in a word, a line and a hint."""

    diagnosis: str
    message: str
    hint: str


@dataclass(frozen=True)
class Evidence:
    """Trials of one input's gradient, for hypotheses to be held against."""

    session: Session
    index: int
    trials: tuple[Trial, ...]

    @property
    def name(self) -> str:
        """The input's name."""
        return self.session.target.names[self.index]

    @property
    def error(self) -> float:
        """The largest relative error that a trial has shown."""
        return max(trial.error for trial in self.trials)

    def gradient(self, trial: Trial) -> Array | None:
        """What was claimed for the input at a trial."""
        return trial.claimed[self.index]

    def holds(self, candidate: Callable[[Trial], Array | None]) -> bool:
        """Whether a candidate for the gradient agrees with the witness everywhere."""
        return all(self._fits(trial, candidate) for trial in self.trials)

    def _fits(self, trial: Trial, candidate: Callable[[Trial], Array | None]) -> bool:
        try:
            gradient = candidate(trial)
        except TargetCrash:
            return False
        direction = trial.direction[self.index]
        if gradient is None or gradient.shape != direction.shape:
            return False
        return trial.fits(inner([gradient], [direction]))


Hypothesis = Callable[[Evidence], Explanation | None]
_hypotheses: list[tuple[str, Hypothesis]] = []
NOTICEABLE = 1e-5  # what stands in a wrong place changes more than last digits


def hypothesis(
    diagnosis: str, *, least_error: float = 0.0
) -> Callable[[Hypothesis], Hypothesis]:
    """Decorator: register a test of one diagnosis; they are tried in file order.

    Args:
        diagnosis: what it comes to.
        least_error: the relative error that such a mistake makes at the least. Noise,
            of a solver say, is below it, and fits what is computed once more by chance.
    """

    def register(test: Hypothesis) -> Hypothesis:
        def tested(evidence: Evidence) -> Explanation | None:
            return test(evidence) if not evidence.error < least_error else None

        _hypotheses.append((diagnosis, tested))
        return test

    return register


def names() -> tuple[str, ...]:
    """Every diagnosis that some hypothesis can come to."""
    _load()
    return tuple(dict.fromkeys(name for name, _ in _hypotheses))


def diagnose(evidence: Evidence) -> Explanation | None:
    """The first hypothesis that holds, None where none does."""
    _load()
    for _, test in _hypotheses:
        explanation = test(evidence)
        if explanation is not None:
            return explanation
    return None


def unexplained(error: float) -> str:
    """The hint where no hypothesis holds."""
    if error >= NOTICEABLE:
        return "no simple mistake explains it: hold the formula against the forward"
    return (
        "an error this small is hardly the formula's: look for values of a lower "
        "precision; if it is the tolerance of a solver, give it as rtol="
    )


def evidence_for(
    session: Session,
    input: str | None,
    *,
    points: Sequence[Arrays] | None = None,
    gradients: OneGradient | None = None,
) -> Evidence | None:
    """Three fresh trials of one input; None where the witness settles too few.

    Args:
        session: the check.
        input: name of the input.
        points: where to try, the given values and a neighbour unless said.
        gradients: how to get the claimed gradient, through the engine unless said.
    """
    if input is None or input not in session.target.names:
        return None
    index = session.target.names.index(input)
    given = session.target.primals
    trials = []
    for number, primals in enumerate(points or (given, given, session.neighbour("at"))):
        purpose = f"evidence {input} {number}"
        cotangents = session.cotangents(f"{purpose} cotangents", primals)
        try:
            claimed: Gradients
            if gradients is None:
                claimed = session.claimed(primals, cotangents)
            else:
                only = gradients(session, index, primals, cotangents)
                claimed = [only if i == index else None for i in range(len(primals))]
            trial = probe(
                session, purpose, primals, [index], claimed=(cotangents, claimed)
            )
        except TargetCrash:
            continue
        if np.isfinite(trial.estimate.error) and not trial.estimate.kinked:
            trials.append(trial)
    return Evidence(session, index, tuple(trials)) if len(trials) >= 2 else None


def agrees_at_every_trial(evidence: Evidence, undo: Undo) -> bool:
    """Whether undoing a mistake makes the mismatch vanish at every trial."""

    def candidate(trial: Trial) -> Array | None:
        gradient = evidence.gradient(trial)
        return None if gradient is None else undo(gradient)

    return evidence.holds(candidate)


def _load() -> None:
    import gradproof.check.hypotheses  # noqa: F401 - registers them
