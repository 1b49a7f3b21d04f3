"""Numerical witness: differences of the forward, extrapolated, with an error estimate.

Along a direction u the derivative of s(t) = <v, f(x + t·u)> is taken by central
differences at steps h, h/4, h/16, ..., each pair extrapolated (Richardson 1911):

    R(h) = (16·D(h/4) - D(h)) / 15,    D(h) = (s(h) - s(-h)) / 2h

The error is estimated, never assumed: neighbouring extrapolations must agree, and the
window of steps in which they agree best gives the value. What agrees at no step has
no derivative here that differences could tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradproof.check.targets import Arrays, TargetCrash

Outputs = tuple[np.ndarray[Any, Any], ...]

START, RATIO = 2.0**-9, 4.0
WINDOW = 3
COARSER, FINER = 2, 7
GOOD_ENOUGH = 1e-9
SURE = 1e-2


@dataclass(frozen=True)
class Estimate:
    """A directional derivative.

    Attributes:
        value: the derivative of <v, f> along u.
        error: an estimate of how far it may be off; infinite where nothing agreed.
        kinked: whether the two sides disagree, so that there is no derivative.
        scale: the size of the terms of <v, f>, the unit for what is negligible.
    """

    value: float
    error: float
    kinked: bool = False
    scale: float = 0.0


def inner(one: Arrays, other: Arrays) -> float:
    """Re <one, other>: how a real quantity changes, complex arrays included."""
    return float(sum(np.vdot(a, b).real for a, b in zip(one, other, strict=True)))


def directional(
    forward: Callable[[Arrays], Outputs],
    primals: Arrays,
    direction: Arrays,
    cotangents: Arrays,
    *,
    epsilon: float,
    size: float = 0.0,
    centre: Outputs | None = None,
) -> Estimate:
    """The derivative of <cotangents, forward> along a direction, with its error.

    Args:
        forward: from inputs to outputs.
        primals: where.
        direction: along what.
        cotangents: what the outputs are contracted with.
        epsilon: spacing of the numbers that forward computes in.
        size: what the error will be held against; more steps are tried until it is
            small beside that, or beside the derivative.
        centre: the outputs at the primals, where they are known.
    """
    there = forward(primals) if centre is None else centre
    middle = _projected(there, cotangents)
    levels: dict[int, _Level] = {}

    def evaluate(index: int) -> None:
        step = START * (epsilon / 2.2e-16) ** (1 / 6) * RATIO**-index
        try:
            plus = _projected(forward(_shifted(primals, direction, step)), cotangents)
            minus = _projected(forward(_shifted(primals, direction, -step)), cotangents)
        except TargetCrash:  # the step leaves the domain
            plus = minus = (np.nan, 0.0)
        levels[index] = _Level.of(step, plus, minus, middle, epsilon)

    best = Estimate(0.0, np.inf)
    for indices in _schedule():
        for index in indices:
            evaluate(index)
        best = _best(levels)
        if best.error <= GOOD_ENOUGH * max(abs(best.value), size):
            break
    return replace(best, scale=middle[1])


@dataclass(frozen=True)
class _Level:
    """One step size: the difference quotient, its round-off, and the even part.

    The even part, s(h) - 2·s(0) + s(-h), goes with h² where s is smooth and with h at
    a kink; what does neither is noise.
    """

    step: float
    quotient: float
    roundoff: float
    even: float

    @property
    def gap(self) -> float:
        """How far the slopes of the two sides are apart."""
        return abs(self.even) / self.step

    @classmethod
    def of(
        cls,
        step: float,
        plus: tuple[float, float],
        minus: tuple[float, float],
        centre: tuple[float, float],
        epsilon: float,
    ) -> _Level:
        size = max(plus[1], minus[1], centre[1])
        return cls(
            step=step,
            quotient=(plus[0] - minus[0]) / (2 * step),
            roundoff=2 * epsilon * size / step,
            even=plus[0] - 2 * centre[0] + minus[0],
        )


def _schedule() -> Iterator[Sequence[int]]:
    """Steps to try: the usual ones, then coarser ones, then finer ones."""
    yield range(WINDOW)
    yield range(-COARSER, 0)
    yield range(WINDOW, WINDOW + 2)
    yield range(WINDOW + 2, WINDOW + FINER)


def _best(levels: dict[int, _Level]) -> Estimate:
    finest_first = sorted(levels, reverse=True)
    candidates = [
        _window([levels[index + offset] for offset in range(WINDOW)])
        for index in finest_first
        if index + WINDOW - 1 in levels
    ]
    best = min(candidates, key=lambda estimate: estimate.error)
    # Output that a solver rounds has one slope at these steps, another below its noise.
    rivals = [w for w in candidates[candidates.index(best) + 1 :] if _rivals(w, best)]
    agreed = [w for w in rivals if sum(_agree(w, other) for other in rivals) > 1]
    best, *others = sorted(agreed or candidates, key=lambda estimate: estimate.error)
    if not agreed and _is_staircase(levels, best):
        return replace(best, error=np.inf)
    if not others:
        return best
    # The best of several may owe that to luck: the next best tells.
    luck = min(abs(best.value - others[0].value), others[0].error)
    return replace(best, error=max(best.error, luck))


def _is_staircase(levels: dict[int, _Level], best: Estimate) -> bool:
    """Whether the largest steps agree on a slope that the small ones do not see.

    Rounded or quantised output is flat on its steps and climbs over many of them.
    """
    coarsest = [levels[index].quotient for index in sorted(levels)[:WINDOW]]
    small, large = min(map(abs, coarsest)), max(map(abs, coarsest))
    one_sign = all(q > 0 for q in coarsest) or all(q < 0 for q in coarsest)
    return one_sign and large <= 2 * small and abs(best.value) < small / 2


def _rivals(coarse: Estimate, fine: Estimate) -> bool:
    """Whether a coarser window is sure of a slope that a finer one contradicts."""
    return coarse.error <= SURE * abs(coarse.value) and not _agree(coarse, fine)


def _agree(one: Estimate, other: Estimate) -> bool:
    return abs(one.value - other.value) <= 8 * (one.error + other.error)


def _window(levels: Sequence[_Level]) -> Estimate:
    """Two extrapolations and one of them again; the error is how far they differ."""
    coarse, middle, fine = levels
    if not all(np.isfinite(level.quotient) for level in levels):
        return Estimate(0.0, np.inf)
    square = RATIO**2
    first = (square * middle.quotient - coarse.quotient) / (square - 1)
    second = (square * fine.quotient - middle.quotient) / (square - 1)
    value = (square**2 * second - first) / (square**2 - 1)
    error = max(abs(second - first), abs(value - second)) + fine.roundoff
    # A smooth function's two sides draw together as the step shrinks; a kink's do not.
    kinked = fine.gap > 0.5 * coarse.gap and fine.gap > 100 * (error + fine.roundoff)
    return Estimate(value, max(error, _noise(levels)), kinked)


def _noise(levels: Sequence[_Level]) -> float:
    """What the even parts leave unexplained, as an error of the quotient.

    From even = a·h² + b·h⁴ at two steps follows the third; from a·h² alone the second.
    Rounded output can agree with itself in the odd part by accident, hardly in both.
    """
    coarse, middle, fine = (level.even for level in levels)
    square = RATIO**2
    quartic = (coarse - square * middle) / (1 - 1 / square)  # b·h⁴ at the coarse step
    expected = (coarse - quartic) / square**2 + quartic / square**4
    return max(
        abs(fine - expected) / (2 * levels[2].step),
        abs(middle - coarse / square) / (2 * levels[1].step),
    )


def _shifted(primals: Arrays, direction: Arrays, step: float) -> Arrays:
    return [p + step * d for p, d in zip(primals, direction, strict=True)]


def _projected(outputs: Outputs, cotangents: Arrays) -> tuple[float, float]:
    """<v, f>, and the size of its terms, which bounds the round-off in it."""
    value = inner(cotangents, outputs)
    size = sum(
        float(np.linalg.norm(np.ravel(v * f)))
        for v, f in zip(cotangents, outputs, strict=True)
    )
    return value, size
