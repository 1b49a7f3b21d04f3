"""How far rounding moves a gradient, measured on the backward itself.

What cancels inside a backward shows neither in its gradient nor in the outputs. Two
things do show it. Inputs and incoming gradients that change in their last digits move
the gradient by what those digits come to. And an incoming gradient a little longer has
a gradient as much longer, but for what was rounded on the way.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradproof.check.targets import Arrays, Gradients, Target, TargetCrash

Array = np.ndarray[Any, Any]

CANCELLED = 1e6  # times the rounding of the outputs, that cancellation may make of it
ROUGH = 1e2  # times the same, that a backward may round on its way
IDLE = 1e-3  # of an incoming gradient, where every output is zero
DIGITS = 8  # units in the last place
NUDGES = tuple(1 + k / 8 for k in range(9))  # of one sign: on one side of a kink
LONGER = (1.0, 3.0)


@dataclass
class Rounding:
    """The rounding in a target's gradients at its primals, each part measured once.

    Attributes:
        target: the target.
        claimed: its gradients at some primals for some cotangents.
        cotangents: what to measure with.
        units: the size of each primal.
    """

    target: Target
    claimed: Callable[[Arrays, Arrays], Gradients]
    cotangents: Arrays
    units: Sequence[float]

    @functools.cached_property
    def least(self) -> list[float]:
        """What rounding the outputs alone amounts to in each gradient."""
        return self._of_outputs(IDLE)

    @functools.cached_property
    def noise(self) -> list[float]:
        """How far rounding moves each gradient, as far as that is believed.

        What changes by more is no rounding: a jump, or a backward with a state.
        """
        if not self._nudged:
            return self.least
        every = zip(
            self.least, self._moved, self._rounded, self._of_outputs(1.0), strict=True
        )
        return [
            max(
                least,
                min(moved, CANCELLED * unit) if np.isfinite(moved) else 0.0,
                min(rounded, ROUGH * unit) if np.isfinite(rounded) else 0.0,
            )
            for least, moved, rounded, unit in every
        ]

    @functools.cached_property
    def jitter(self) -> list[float]:
        """How far last digits move each gradient, however much that is.

        Where the same call does not give the same gradient twice, only what is
        believed of rounding.
        """
        if not self._nudged:
            return self.noise
        again = self.claimed(*self._nudge(NUDGES[0]))
        return [
            max(noise, moved) if _repeats(first, second, noise) else noise
            for noise, moved, first, second in zip(
                self.noise, self._moved, self._nudged[0], again, strict=True
            )
        ]

    @functools.cached_property
    def _nudged(self) -> list[Gradients]:
        """The gradients with all numbers changed a little; none where that fails."""
        try:
            return [self.claimed(*self._nudge(times)) for times in NUDGES]
        except TargetCrash:
            return []

    @property
    def _moved(self) -> list[float]:
        """How far those are apart: a jump that all have passed is not seen."""
        return [_apart(gradients) for gradients in zip(*self._nudged, strict=True)]

    @functools.cached_property
    def _rounded(self) -> list[float]:
        """What a longer incoming gradient gives, but for its length."""
        primals, cotangents = self._nudge(NUDGES[0])
        step = max(1e-6, DIGITS * self.target.epsilon)
        found = [self._nudged[0]]
        for times in LONGER:
            length = 1 + times * step
            longer = self.claimed(primals, [length * v for v in cotangents])
            found.append([None if g is None else g / length for g in longer])
        return [_apart(gradients) for gradients in zip(*found, strict=True)]

    def _nudge(self, times: float) -> tuple[list[Array], list[Array]]:
        """Primals and cotangents changed in their last digits; ties stay ties."""
        step = times * DIGITS * self.target.epsilon
        primals = [_changed(p, step) for p in self.target.primals]
        return primals, [_changed(v, step) for v in self.cotangents]

    def _of_outputs(self, idle: float) -> list[float]:
        """A quarter of a rounding of the largest output, as a gradient of each input.

        Args:
            idle: what an incoming gradient counts for by itself.
        """
        pairs = zip(self.cotangents, self.target.outputs_there, strict=True)
        terms = [_largest(v * o) for v, o in pairs]
        terms += [idle * _largest(v) for v in self.cotangents]
        finite = max((term for term in terms if np.isfinite(term)), default=0.0)
        return [0.25 * self.target.epsilon * finite / min(u, 1.0) for u in self.units]


def _changed(array: Array, step: float) -> Array:
    """Each number changed by one or two steps, up or down as its value has it."""
    with np.errstate(invalid="ignore"):
        sign = np.cos(997 * np.abs(array))
        change = step * (np.copysign(1.0, sign) + sign)
    return np.where(np.isfinite(array), array * (1 + np.nan_to_num(change)), array)


def _apart(gradients: Sequence[Array | None]) -> float:
    """The largest difference between any two; None differs from nothing."""
    pairs = itertools.combinations((g for g in gradients if g is not None), 2)
    same = (pair for pair in pairs if pair[0].shape == pair[1].shape)
    with np.errstate(invalid="ignore"):
        return max((_largest(one - other) for one, other in same), default=0.0)


def _repeats(one: Array | None, other: Array | None, tolerance: float) -> bool:
    """Whether two calls gave one gradient; what is not finite twice is the same."""
    if one is None or other is None:
        return one is other
    broken = ~np.isfinite(one) & ~np.isfinite(other)
    return _largest(np.where(broken, 0, one) - np.where(broken, 0, other)) <= tolerance


def _largest(array: Array) -> float:
    largest = float(np.max(np.abs(array), initial=0.0))
    return largest if np.isfinite(largest) else np.inf
