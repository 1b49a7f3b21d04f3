"""One check of one target: what properties and diagnoses share while it runs."""

from __future__ import annotations

import copy
import functools
import math
import zlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from gradproof.check.rounding import Rounding
from gradproof.check.targets import Arrays, Gradients, Recording, Target

Array = np.ndarray[Any, Any]


SMALL = 1e-6


class Difference(NamedTuple):
    """One input whose gradient is not what it was."""

    input: str
    error: float
    is_gone: bool


class Session:
    """A target with the seed and tolerances of one check.

    Every random choice comes from a stream named by what it is for, so that the
    verdict does not depend on which properties run, or in which order.
    """

    def __init__(
        self,
        target: Target,
        *,
        seed: int = 0,
        rtol: float | None = None,
        atol: float | None = None,
    ):
        self.target = target
        self.seed = seed
        self.rtol = rtol
        self.atol = atol
        self.blamed: dict[str, str] = {}  # inputs found wrong, and by which property
        self.asked = [True] * len(target.names)  # gradients that an engine can deliver
        self.at_kink = False  # no derivative at the given values, but beside them
        self.stopped: str | None = None  # the property at which backward raised
        self.unsteady: dict[str, float] = {}  # another gradient in the same call again
        self.floor = SMALL  # relative errors below it are not held against anyone
        self._usual: Session = self
        self._last: tuple[Arrays, tuple[Array, ...]] | None = None
        self.units = [size_of(primal) for primal in target.primals]
        self.output_shapes = [
            (one.shape, np.iscomplexobj(one)) for one in target.outputs_there
        ]

    def elsewhere(self, target: Target) -> Session:
        """The same check of the target at other values or sizes."""
        other = Session(target, seed=self.seed, rtol=self.rtol, atol=self.atol)
        other.floor = self.floor
        other._usual = self._usual
        other.blamed, other.asked = self.blamed, self.asked
        return other

    def at(self, primals: Arrays) -> tuple[Session, Recording]:
        """The same check at other values of the same shapes, and the forward there.

        Raises:
            TargetCrash: where the forward does not take them.
        """
        recording = self.target.record(primals, self.asked)
        target = copy.copy(self.target)
        target.primals, target.outputs_there = tuple(primals), recording.outputs
        return self.elsewhere(target), recording

    @property
    def is_finite(self) -> bool:
        """Whether all outputs are finite at the given values."""
        return all(bool(np.isfinite(o).all()) for o in self.target.outputs_there)

    def leave_out(self, input: str, property: str) -> None:
        """Ask no more for the gradient of an input that a property found wrong."""
        self.blamed.setdefault(input, property)
        self.asked[self.target.names.index(input)] = False

    def rng(self, purpose: str) -> np.random.Generator:
        """The stream of random numbers for one purpose."""
        return np.random.default_rng([self.seed, zlib.crc32(purpose.encode())])

    def cotangents(self, purpose: str, primals: Arrays | None = None) -> list[Array]:
        """Signed Gaussian incoming gradients, one for each output."""
        shapes = self.output_shapes
        if primals is not None and primals is not self.target.primals:
            shapes = [(one.shape, np.iscomplexobj(one)) for one in self.meant(primals)]
        rng = self.rng(purpose)
        return [gaussian(rng, shape, is_complex) for shape, is_complex in shapes]

    def meant(self, primals: Arrays) -> tuple[Array, ...]:
        """The outputs whose gradient is meant; those of the last point are kept."""
        if self._last is None or self._last[0] is not primals:
            outputs = self.target.witness_forward(primals)
            self._last = primals, tuple(one.copy() for one in outputs)
        return self._last[1]

    def direction(
        self, purpose: str, primals: Arrays, inputs: Sequence[int]
    ) -> list[Array]:
        """A signed Gaussian direction in some inputs, in units of their size."""
        rng = self.rng(purpose)
        return [
            gaussian(rng, p.shape, np.iscomplexobj(p)) * self.units[index]
            if index in inputs
            else np.zeros_like(p)
            for index, p in enumerate(primals)
        ]

    def neighbour(self, purpose: str, reach: float = 0.1) -> list[Array]:
        """Other values near the given ones: same signs, same zeros, about as large."""
        rng = self.rng(purpose)
        return [
            p * (1 + reach * np.tanh(rng.standard_normal(p.shape)))
            for p in self.target.primals
        ]

    def moved(self, purpose: str, reach: float) -> list[Array]:
        """Values a little to the side, away from kinks that the given ones sit on."""
        rng = self.rng(purpose)
        return [
            p + reach * size_of(p) * gaussian(rng, p.shape, np.iscomplexobj(p))
            for p in self.target.primals
        ]

    def claimed(self, primals: Arrays, cotangents: Sequence[Any]) -> Gradients:
        """The gradients that the target claims."""
        return self.target.record(primals, self.asked).pullback(cotangents)

    def rounding(self, input: int, *gradients: Array | None) -> float:
        """How far equal gradients of an input may differ by rounding alone.

        Round-off in the gradient itself, and what cancelled on the way to it.
        """
        measured = self.noise[input] - self.measured.least[input]
        return self.least_rounding(input, *gradients) + 64 * measured

    def least_rounding(self, input: int, *gradients: Array | None) -> float:
        """The same before anything is measured, which takes eleven evaluations.

        Or what the user tolerates, where that is more.
        """
        largest = max((magnitude(g) for g in gradients if g is not None), default=0.0)
        width = max((g.size for g in gradients if g is not None), default=1)
        growth = max(1.0, math.sqrt(width) / 64)
        rounding = self.target.epsilon * largest * growth
        own = 64 * (rounding + self.measured.least[input])
        return max(own, self.tolerated(largest))

    def tolerated(self, size: float, length: float = 1.0) -> float:
        """What the user tolerates in a derivative of that size, along that length."""
        relative = self.rtol * size if self.rtol else 0.0  # the size may be infinite
        return relative + (self.atol or 0.0) * length

    def matters(self, gap: float, size: float, input: int, length: float) -> bool:
        """Whether a gap is more than what is negligible at other values or sizes.

        Args:
            gap: how far claim and witness are apart, along a direction.
            size: the larger of the two.
            input: position of the input that moves.
            length: how far it moves.
        """
        return not gap <= self.floor * max(size, self.usual(input) * length)

    def usual(self, input: int) -> float:
        """Root mean square of an input's gradient at the values given."""
        return self._usual.typical[input]

    @functools.cached_property
    def typical(self) -> list[float]:
        """Root mean square of each gradient at the given values."""
        cotangents = self.cotangents("typical")
        return [
            0.0 if g is None else float(np.sqrt(np.mean(np.abs(g) ** 2)))
            for g in self.claimed(self.target.primals, cotangents)
        ]

    def is_steady(self, input: str) -> bool:
        """Whether no other gradient came of the same call: then two can be compared."""
        return self.blamed.get(input) != "repeat"

    def compare(self, expected: Gradients, got: Gradients) -> list[Difference]:
        """The inputs whose two gradients differ by more than rounding."""
        return [
            Difference(name, relative_error(now, before), now is None)
            for index, (name, before, now) in enumerate(
                zip(self.target.names, expected, got, strict=True)
            )
            if differs(now, before, self.least_rounding(index, before, now))
            and differs(now, before, self.rounding(index, before, now))
        ]

    @functools.cached_property
    def measured(self) -> Rounding:
        """The rounding in the gradients, each part measured when it is asked for."""
        cotangents = self.cotangents("noise")
        return Rounding(self.target, self.claimed, cotangents, self.units)

    @property
    def noise(self) -> list[float]:
        """For each input, how far rounding moves its gradient."""
        return self.measured.noise


def gaussian(rng: np.random.Generator, shape: Any, is_complex: bool) -> Array:
    """Standard normal numbers, of both signs."""
    values: Array = np.asarray(rng.standard_normal(shape))
    if is_complex:
        values = values + 1j * rng.standard_normal(shape)
    return values


def magnitude(array: Array) -> float:
    """Its largest absolute value; infinite where something is not finite."""
    if array.size == 0:
        return 0.0
    largest = float(np.max(np.abs(array)))
    return largest if np.isfinite(largest) else np.inf


def size_of(array: Array) -> float:
    """Its root mean square, 1 where that is zero or unknown."""
    if array.size == 0:
        return 1.0
    size = float(np.sqrt(np.mean(np.abs(array) ** 2)))
    return size if np.isfinite(size) and size > 0 else 1.0


def differs(one: Array | None, other: Array | None, tolerance: float) -> bool:
    """Whether two gradients differ by more than a tolerance; None is zero."""
    if one is None and other is None:
        return False
    if one is None or other is None:
        present = one if one is not None else other
        assert present is not None
        return magnitude(present) > tolerance
    if one.shape != other.shape:
        return True
    difference = np.abs(one - other)
    both_broken = ~np.isfinite(one) & ~np.isfinite(other)
    return bool(np.any(~(difference <= tolerance) & ~both_broken))


def relative_error(one: Array | None, other: Array | None) -> float:
    """Norm of the difference over the larger norm; None is zero."""
    if one is None or other is None:
        return 0.0 if one is other else 1.0
    if one.shape != other.shape:
        return 1.0
    scale = max(np.linalg.norm(np.ravel(one)), np.linalg.norm(np.ravel(other)))
    error = np.linalg.norm(np.ravel(one - other))
    return float(error / scale) if scale > 0 else 0.0
