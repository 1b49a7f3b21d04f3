"""Run a derivation once before it is handed out: the value, and a slope.

The value must be that of the function itself, and the gradients must give the slope
along a random direction that differences of the function give. Neither uses the rules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gradproof._errors import DeriveError
from gradproof.derive.forms import by_numpy

if TYPE_CHECKING:
    from gradproof.derive.derivation import Derivation

Arrays = dict[str, np.ndarray[Any, Any]]


class _Precision(NamedTuple):
    """What to expect of numbers of so many bytes."""

    loose: float
    step: float
    rounding: float


PRECISIONS = {
    2: _Precision(5e-2, 1e-1, 5e-4),
    4: _Precision(2e-3, 1e-2, 1.2e-7),
    8: _Precision(1e-6, 1e-3, 2.2e-16),
}
# At the examples there may be a kink, so then near them; and what reads one triangle of
# a symmetric matrix has a slope only along symmetric directions.
# None is anywhere between 1/2 and 1, where the examples are outside of the domain.
ATTEMPTS = (
    (0.0, False),
    (1e-2, False),
    (0.3, False),
    (0.0, True),
    (1e-2, True),
    (None, False),
)


def prove(
    derivation: Derivation,
    forward: Callable[..., Any],
    given: Mapping[str, Any],
    options: Mapping[str, Any],
) -> None:
    """Compare value and slope.

    Raises:
        DeriveError: where the value is another, or the slope at the examples and at
            points near them; mistakes of gradproof's own, or of what it cannot see.
    """
    program = derivation.program
    at = {v.name or "": _numpy(given[v.name or ""]) for v in program.inputs}

    def f(arrays: Mapping[str, Any]) -> list[Any]:
        passed = [
            _in(program.library, arrays[name], value) if name in arrays else value
            for name, value in given.items()
        ]
        returned = forward(*passed, **options)
        several = returned if isinstance(returned, tuple | list) else [returned]
        return [_numpy(one) for one in several]

    with np.errstate(all="ignore"):
        outputs = f(at)
        floats = [a for a in (*at.values(), *outputs) if a.dtype.kind in "fc"]
        precision = PRECISIONS[min(8, *(a.dtype.type(0).real.itemsize for a in floats))]
        mine, _ = _run(derivation, at, [np.ones(o.shape) for o in outputs])
        pairs = zip(outputs, mine, strict=True)
        for number, (one, other) in enumerate(pairs, start=1):
            if not _same(one, np.asarray(other), precision.loose):
                raise DeriveError(
                    f"{program.name}: output {number} of what was derived is not what "
                    f"{program.name} returns for the same inputs: does it write in "
                    "place, draw random numbers, or depend on something outside?"
                )
        rng = np.random.default_rng(0)
        slope = _Slope(derivation, f, at, rng, precision)
        found = {slope.agrees(*attempt) for attempt in ATTEMPTS}
        if True not in found and False in found:
            raise DeriveError(
                f"{program.name}: the derived gradient does not give the slope that "
                "differences of the function give: there is no slope here, or a rule "
                "is wrong; gp.check(...) on gp.function(f) says more"
            )


def _run(d: Derivation, at: Arrays, seeds: list[Any]) -> tuple[list[Any], Any]:
    incoming = None
    if not d.is_scalar:
        pairs = zip(seeds, d.program.outputs, strict=True)
        incoming = [seed for seed, value in pairs if value.is_differentiable]
    output, gradients = by_numpy(d, list(at.values()), incoming)
    return list(output) if d.program.is_tuple else [output], gradients


class _Slope(NamedTuple):
    """The slope of a function, by its gradients and by differences."""

    derivation: Derivation
    f: Callable[[Arrays], list[Any]]
    at: Arrays
    rng: np.random.Generator
    precision: _Precision

    def agrees(self, reach: float | None, symmetric: bool) -> bool | None:
        """Whether both are one, this far from the examples; None where nobody knows."""
        wrt = self.derivation.wrt
        point = {
            n: self._point(a, reach, symmetric) if n in wrt else a
            for n, a in self.at.items()
        }
        direction = {n: self._direction(self.at[n], symmetric) for n in wrt}
        try:
            outputs = self.f(point)
            seeds = [self._seed(output) for output in outputs]
            _, gradients = _run(self.derivation, point, seeds)
            pairs = zip(wrt, gradients, strict=True)
            parts = [_inner(gradient, direction[name]) for name, gradient in pairs]
            claimed, size = sum(parts), self._size(seeds, outputs)
            step = self._step(claimed, size)
            if step is None:
                return None
            coarse, fine = (
                self._quotient(point, direction, seeds, step / k) for k in (1, 2)
            )
        except Exception:  # the point left the domain, whatever the function raises
            return None
        slope = (4 * fine - coarse) / 3
        if not np.isfinite([claimed, slope]).all():
            return None
        terms = sum(map(abs, parts)) + 1e-30
        rounded = self.precision.rounding * (size + terms) / step
        unsure = 10 * (abs(fine - coarse) + rounded)
        return bool(abs(slope - claimed) <= unsure + self.precision.loose * terms)

    def _size(self, seeds: list[Any], outputs: list[Any]) -> float:
        """How large the numbers are whose differences are taken."""
        pairs = zip(seeds, outputs, strict=True)
        return sum(_inner(abs(s), abs(o)) for s, o in pairs if o.dtype.kind in "fc")

    def _step(self, claimed: float, size: float) -> float | None:
        """How far to go; None where what is steep turns before any difference shows."""
        step = self.precision.step
        if size and abs(claimed) * step > size:
            step *= size / (abs(claimed) * step) * 1e-2
        return step if step > 100 * self.precision.rounding else None

    def _point(self, array: Any, reach: float | None, symmetric: bool) -> Any:
        if reach is None:
            return self.rng.uniform(0.5, 1, array.shape).astype(array.dtype)
        return self._moved(array, self._direction(array, symmetric), reach)

    def _seed(self, output: Any) -> Any:
        if self.derivation.is_scalar:
            return np.ones(())
        seed = self.rng.standard_normal(output.shape)
        if output.dtype.kind == "c":
            seed = seed + 1j * self.rng.standard_normal(output.shape)
        return seed.astype(output.dtype) if output.dtype.kind in "fc" else seed

    def _direction(self, array: Any, symmetric: bool) -> Any:
        direction = self.rng.standard_normal(array.shape)
        if array.dtype.kind == "c":
            direction = direction + 1j * self.rng.standard_normal(array.shape)
        if symmetric and array.ndim > 1 and array.shape[-1] == array.shape[-2]:
            direction = direction + direction.swapaxes(-1, -2).conj()
        return direction * (np.abs(array).max(initial=0) or 1)

    def _moved(self, array: Any, direction: Any, distance: float) -> Any:
        return (array + distance * direction).astype(array.dtype)

    def _quotient(
        self, point: Arrays, direction: Arrays, seeds: list[Any], step: float
    ) -> float:
        ends = []
        for side in (step, -step):
            moved = {
                n: self._moved(a, direction[n], side) if n in direction else a
                for n, a in point.items()
            }
            pairs = zip(seeds, self.f(moved), strict=True)
            ends.append(sum(_inner(s, o) for s, o in pairs if o.dtype.kind in "fc"))
        return (ends[0] - ends[1]) / (2 * step)


def _inner(one: Any, other: Any) -> float:
    return float(np.vdot(np.asarray(one), np.asarray(other)).real)


def _same(one: Any, other: Any, loose: float) -> bool:
    if one.shape != other.shape:
        return False
    if one.dtype.kind not in "fc":
        return bool(np.array_equal(one, other))
    scale = np.abs(one[np.isfinite(one)]).max(initial=0)
    return bool(np.allclose(one, other, rtol=loose, atol=loose * scale, equal_nan=True))


def _numpy(value: Any) -> np.ndarray[Any, Any]:
    if hasattr(value, "detach"):
        value = value.detach().cpu().resolve_conj()
        if str(value.dtype) == "torch.bfloat16":
            value = value.float()
    return np.asarray(value)


def _in(library: str, array: np.ndarray[Any, Any], value: Any) -> Any:
    """The array in the library whose names the function is in."""
    if library == "torch":
        import torch

        tensor = torch.from_numpy(np.ascontiguousarray(array)).reshape(array.shape)
        if isinstance(value, torch.Tensor):
            return tensor.to(value.device, value.dtype)
        return tensor
    if library == "jax":
        import jax

        return jax.numpy.asarray(array)
    return array
