"""A trial: the claimed gradient against the numerical witness, along one direction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from gradproof.check.session import Array, Session
from gradproof.check.targets import Arrays, Gradients
from gradproof.check.witnesses.numerical import Estimate, directional, inner

SAFETY = 8.0
SEEN = 4.0  # tolerances: a random error of that size shows in most directions
SHARP, BLUNT = 0.1, 0.5  # how much of a gradient the tolerance may be
NEGLIGIBLE = 1e-6


@dataclass(frozen=True)
class Trial:
    """Where, along what, and what both sides say.

    Attributes:
        primals: the point.
        cotangents: the incoming gradients.
        direction: how the inputs move; zero for those not asked about.
        claimed: the target's gradients, None where it gives none.
        estimate: the numerical derivative of <cotangents, f> along the direction.
        tolerance: how far the claim may be from it.
        sharpness: how large a part of the gradient the tolerance may be, to judge.
    """

    primals: Arrays
    cotangents: Arrays
    direction: Arrays
    claimed: Gradients
    estimate: Estimate
    tolerance: float
    sharpness: float = SHARP

    @property
    def slope(self) -> float:
        """The claimed derivative along the direction."""
        return along(self.claimed, self.direction)

    @property
    def settled(self) -> bool:
        """Whether the numerical witness knows the derivative well enough to judge."""
        slope = abs(self.slope) if np.isfinite(self.slope) else 0.0
        size = max(abs(self.estimate.value), slope, self.spread)
        negligible = NEGLIGIBLE * self.estimate.scale
        enough = max(self.sharpness * size, negligible)
        return not self.estimate.kinked and self.tolerance <= enough

    @property
    def agrees(self) -> bool:
        """Whether claim and witness agree within the tolerance."""
        return self.fits(self.slope)

    @property
    def spread(self) -> float:
        """Size of the terms whose sum the slope is: what a random error would move."""
        squares = sum(
            np.linalg.norm(np.ravel(g * d)) ** 2
            for g, d in zip(self.claimed, self.direction, strict=True)
            if g is not None and g.shape == d.shape
        )
        size = float(np.sqrt(squares))
        return size if np.isfinite(size) else 0.0  # an infinite claim excuses nothing

    @property
    def power(self) -> float | None:
        """The smallest relative error that it could see, None for a zero gradient."""
        if self.spread <= self.tolerance:
            return None
        return SEEN * self.tolerance / self.spread

    @property
    def error(self) -> float:
        """How far claim and witness are apart, relative to the larger."""
        size = max(abs(self.slope), abs(self.estimate.value))
        return self.gap / size if np.isfinite(self.gap) and size > 0 else 1.0

    @property
    def gap(self) -> float:
        """How far claim and witness are apart."""
        return abs(self.slope - self.estimate.value)

    def matters(self, session: Session, input: int) -> bool:
        """Whether the witness is sure of a gap, and the gap is not negligible."""
        if self.agrees or not self.settled:
            return False
        size = max(abs(self.slope), abs(self.estimate.value))
        return session.matters(self.gap, size, input, norm([self.direction[input]]))

    def fits(self, slope: float) -> bool:
        """Whether a slope agrees with the witness."""
        return abs(slope - self.estimate.value) <= self.tolerance


def along(gradients: Gradients, direction: Arrays) -> float:
    """Re <gradients, direction>; a gradient that is not given is zero."""
    pairs = [
        (g, d)
        for g, d in zip(gradients, direction, strict=True)
        if g is not None and d.any()
    ]
    if any(g.shape != d.shape for g, d in pairs):
        return float("nan")
    return inner([g for g, _ in pairs], [d for _, d in pairs])


def probe(
    session: Session,
    purpose: str,
    primals: Arrays,
    inputs: Sequence[int],
    *,
    claimed: tuple[Arrays, Gradients] | None = None,
    mask: Array | None = None,
    direction: Arrays | None = None,
) -> Trial:
    """Try the claimed gradients of some inputs together, at a point.

    Args:
        session: the check.
        purpose: names the random stream.
        primals: the point.
        inputs: positions of the inputs that move.
        claimed: cotangents and gradients, where they are known already.
        mask: which elements of them move, all where None.
        direction: how they move, at random where None.
    """
    if claimed is None:
        cotangents: Arrays = session.cotangents(f"{purpose} cotangents", primals)
        gradients = session.claimed(primals, cotangents)
    else:
        cotangents, gradients = claimed
    if direction is None:
        direction = session.direction(f"{purpose} direction", primals, inputs)
    if mask is not None:
        direction = [d * mask if i in inputs else d for i, d in enumerate(direction)]
    blank = Trial(primals, cotangents, direction, gradients, Estimate(0.0, 0.0), 0.0)
    estimate = directional(
        session.target.witness_forward,
        primals,
        direction,
        cotangents,
        centre=session.meant(primals),
        epsilon=session.target.epsilon,
        size=blank.spread,
    )
    trial = replace(blank, estimate=estimate)
    tolerance = SAFETY * (estimate.error + session.target.epsilon * trial.spread)
    if session.rtol is not None or session.atol is not None:
        size = max(abs(trial.slope), abs(estimate.value))
        asked = session.tolerated(size, norm(direction))
        tolerance = max(estimate.error, asked)
    sharpness = BLUNT if session.target.epsilon > 1e-4 else SHARP
    trial = replace(trial, tolerance=tolerance, sharpness=sharpness)
    if trial.agrees:
        return trial
    # What cancels in the gradient itself leaves rounding that no step can see.
    noise = [n * norm([d]) for n, d in zip(session.noise, direction, strict=True)]
    return replace(trial, tolerance=tolerance + SAFETY * sum(noise))


def norm(arrays: Arrays) -> float:
    """Euclidean norm over all of them, also where their squares leave the range."""
    plain = math.hypot(*(np.linalg.norm(np.ravel(a)) for a in arrays))
    if 0 < plain < math.inf:
        return plain
    largest = max((float(np.max(np.abs(a), initial=0)) for a in arrays), default=0.0)
    if not 0 < largest < math.inf:
        return largest
    scaled = (np.ravel(a) / largest for a in arrays)
    return largest * math.hypot(*map(np.linalg.norm, scaled))
