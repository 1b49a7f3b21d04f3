"""Mistakes in what the elements of a gradient are."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from gradproof.check.diagnose import (
    NOTICEABLE,
    Evidence,
    Explanation,
    agrees_at_every_trial,
    hypothesis,
)
from gradproof.check.session import Array, magnitude
from gradproof.check.trial import Trial

TIMES = {0.5: "half", 2.0: "twice", 0.25: "a quarter of", 3.0: "three times"}


@hypothesis("missing")
def missing(evidence: Evidence) -> Explanation | None:
    """No gradient comes back, and the true one is not zero."""
    if any(evidence.gradient(trial) is not None for trial in evidence.trials):
        return None
    if not all(_is_nonzero(trial) for trial in evidence.trials):
        return None
    return Explanation(
        "missing",
        f"no gradient comes back for {evidence.name!r}: "
        "backward returns None, or the output is detached from it",
        f"return a gradient in the place of {evidence.name!r}",
    )


@hypothesis("zero")
def zero(evidence: Evidence) -> Explanation | None:
    """The gradient is zero, and the true one is not."""
    gradients = [evidence.gradient(trial) for trial in evidence.trials]
    if any(g is None or magnitude(g) > 0 for g in gradients):
        return None
    if not all(_is_nonzero(trial) for trial in evidence.trials):
        return None
    return Explanation(
        "zero",
        f"the gradient of {evidence.name!r} is zero everywhere, the true one is not",
        "was a placeholder left in backward, or the value detached on the way?",
    )


@hypothesis("not-finite")
def not_finite(evidence: Evidence) -> Explanation | None:
    """The gradient is NaN or infinite somewhere, at ordinary values."""
    gradients = [evidence.gradient(trial) for trial in evidence.trials]
    if any(g is None or np.isfinite(g).all() for g in gradients):
        return None
    return explain_not_finite(evidence.name, "ordinary values", gradients[0])


@hypothesis("sign")
def sign(evidence: Evidence) -> Explanation | None:
    """The gradient is right but for its sign."""
    if not agrees_at_every_trial(evidence, np.negative):
        return None
    return Explanation(
        "sign",
        f"the gradient of {evidence.name!r} has the wrong sign, everywhere",
        "negate it",
    )


@hypothesis("scale")
def scale(evidence: Evidence) -> Explanation | None:
    """The gradient is right but for one factor, fitted at one trial, tried at all."""
    best = max(evidence.trials, key=lambda t: abs(t.slope) / (t.spread or 1.0))
    if best.slope == 0 or not np.isfinite(best.slope) or not _is_nonzero(best):
        return None
    correction = best.estimate.value / best.slope
    if correction == 0 or not agrees_at_every_trial(evidence, lambda g: g * correction):
        return None
    factor = 1 / correction
    return Explanation(
        "scale",
        f"the gradient of {evidence.name!r} is {_times(evidence, factor)}",
        f"multiply it by {_digits(correction)}",
    )


@hypothesis("conjugated", least_error=NOTICEABLE)
def conjugated(evidence: Evidence) -> Explanation | None:
    """The gradient is the complex conjugate of the right one."""
    gradients = [evidence.gradient(trial) for trial in evidence.trials]
    if not any(g is not None and np.iscomplexobj(g) for g in gradients):
        return None
    if not agrees_at_every_trial(evidence, np.conj):
        return None
    return Explanation(
        "conjugated",
        f"the gradient of {evidence.name!r} is the complex conjugate of the right one",
        "for an analytic f it is grad_output * conj(f'(z)): dL/dRe + i·dL/dIm, as "
        "torch defines it (JAX returns the conjugate)",
    )


@hypothesis("conjugated", least_error=NOTICEABLE)
def conjugated_factor(evidence: Evidence) -> Explanation | None:
    """A factor lacks its conjugate: the gradient is right once an input is turned."""
    names = evidence.session.target.names
    for other, name in enumerate(names):
        if not np.iscomplexobj(evidence.trials[0].primals[other]):
            continue

        def undone(trial: Trial, other: int = other) -> Array | None:
            primals = list(trial.primals)
            primals[other] = np.conj(primals[other])
            return evidence.session.claimed(primals, trial.cotangents)[evidence.index]

        if evidence.holds(undone):
            return Explanation(
                "conjugated",
                f"the gradient of {evidence.name!r} is right once {name!r} is "
                "conjugated in it",
                f"use conj({name}): a gradient is grad_output * conj(f'(z))",
            )
    return None


def explain_not_finite(name: str, what: str, gradient: Array | None) -> Explanation:
    """The words for a gradient that is NaN or infinite where the true one is not."""
    broken = gradient[~np.isfinite(gradient)] if gradient is not None else np.array([])
    which = "NaN" if np.isnan(broken).any() else "infinite"
    return Explanation(
        "not-finite",
        f"the gradient of {name!r} is {which} with {what}, the true one is finite",
        "0/0, 0·inf or an overflow: guard the denominator before the division, not "
        "the result after it",
    )


def _is_nonzero(trial: Trial) -> bool:
    return abs(trial.estimate.value) > max(trial.tolerance, 2 * trial.estimate.error)


def _times(evidence: Evidence, factor: float) -> str:
    """The factor in words, named where it is a size of this call."""
    for name, size in _sizes(evidence):
        if size > 2 and np.isclose(factor, size, rtol=1e-6):
            return f"{size} times the true one, everywhere: {size} is {name}"
        if size > 2 and np.isclose(factor, 1 / size, rtol=1e-6):
            return f"1/{size} of the true one, everywhere: {size} is {name}"
    near = (words for f, words in TIMES.items() if np.isclose(factor, f, rtol=1e-6))
    return f"{next(near, f'{_digits(factor)} times')} the true one, everywhere"


def _digits(factor: float) -> str:
    """The factor with as many digits as tell it from one."""
    from_one = -math.floor(math.log10(abs(factor - 1) or 1.0))
    return f"{factor:.{max(6, 3 + from_one)}g}"


def _sizes(evidence: Evidence) -> Iterator[tuple[str, int]]:
    """Sizes of this call that a factor may come from, with their names."""
    session = evidence.session
    for shape, _ in session.output_shapes[:1]:
        if shape:
            yield "the batch size", shape[0]
            yield "the number of output elements", math.prod(shape)
    for name, primal in zip(session.target.names, session.target.primals, strict=True):
        yield f"the number of elements of {name!r}", primal.size
        for axis, size in enumerate(primal.shape):
            yield f"the size of dimension {axis} of {name!r}", size
