"""Which exact witnesses speak at a trial, none that the numerical one contradicts."""

from __future__ import annotations

from dataclasses import dataclass

from gradproof.check.session import Array
from gradproof.check.targets import Target
from gradproof.check.trial import Trial, along
from gradproof.check.witnesses import autograd, complex_step, forward_mode

ROUNDINGS = 64


@dataclass(frozen=True)
class Hearing:
    """What was heard.

    Attributes:
        spoke: the witnesses, in words.
        gradients: what autograd says of each input, where it is believed.
        corroborated: whether a witness of another kind, or the user, says the same:
            then it is believed beyond what the numerical witness can see.
    """

    spoke: tuple[str, ...]
    gradients: list[Array | None] | None
    corroborated: bool


def hear(target: Target, trial: Trial) -> Hearing:
    """Ask autograd, forward mode where autograd is silent, and the complex step."""
    spoke = []
    gradients = autograd.cross_examined(target, trial)
    if gradients is not None:
        spoke.append(target.source_in_words)
    elif forward_mode.cross_examined(target, trial) is not None:
        spoke.append("forward mode")
    slope = complex_step.cross_examined(target, trial)
    if slope is not None:
        spoke.append("complex step")
    corroborated = gradients is not None and (
        target.source_given
        or (slope is not None and _same(target, trial, gradients, slope))
    )
    return Hearing(tuple(spoke), gradients, corroborated)


def _same(
    target: Target, trial: Trial, gradients: list[Array | None], slope: float
) -> bool:
    """Whether a slope and gradients differ by rounding only."""
    size = max(trial.spread, abs(slope))
    apart = abs(along(gradients, trial.direction) - slope)
    return apart <= ROUNDINGS * target.epsilon * size
