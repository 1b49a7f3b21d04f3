"""The mistakes that a gradient is tested for, the simplest first."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator

import numpy as np

from gradproof.check.diagnose import (
    Evidence,
    Explanation,
    Undo,
    agrees_at_every_trial,
    evidence_for,
    hypothesis,
)
from gradproof.check.session import Array, differs, magnitude
from gradproof.check.trial import Trial

ROLLS = 33
ROUNDING = 2e-2
PRECISIONS = {"float16": 11, "bfloat16": 8, "float32": 24}  # bits of the significand
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
        f"multiply it by {correction:.6g}",
    )


@hypothesis("conjugated")
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


@hypothesis("conjugated")
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


@hypothesis("swapped")
def swapped_slots(evidence: Evidence) -> Explanation | None:
    """The gradient was returned in another input's place."""
    for other, name in enumerate(evidence.session.target.names):
        if other == evidence.index:
            continue
        if evidence.holds(lambda trial, other=other: trial.claimed[other]):  # type: ignore[misc]
            return Explanation(
                "swapped",
                f"the gradient of {evidence.name!r} is returned in the place of "
                f"{name!r}",
                f"return the gradients in the order of the inputs: exchange "
                f"{evidence.name!r} and {name!r}",
            )
    return None


@hypothesis("swapped")
def swapped_inputs(evidence: Evidence) -> Explanation | None:
    """The gradient uses one input where it should use another."""
    names = evidence.session.target.names
    for one, two in itertools.combinations(range(len(names)), 2):
        shapes = [evidence.session.target.primals[i].shape for i in (one, two)]
        if shapes[0] != shapes[1]:
            continue

        def exchanged(trial: Trial, one: int = one, two: int = two) -> Array | None:
            primals = list(trial.primals)
            primals[one], primals[two] = primals[two], primals[one]
            return evidence.session.claimed(primals, trial.cotangents)[evidence.index]

        if evidence.holds(exchanged):
            return Explanation(
                "swapped",
                f"the gradient of {evidence.name!r} is right once {names[one]!r} and "
                f"{names[two]!r} are exchanged in it",
                f"use {names[two]!r} where it uses {names[one]!r}, and the reverse",
            )
    return None


@hypothesis("transposed")
def transposed(evidence: Evidence) -> Explanation | None:
    """A transpose is missing or too many: of the gradient, or of what it is made of.

    Turning everything at once, gradient and factors, undoes exchanged operands:
    (Wᵀ·Gᵀ)ᵀ = G·W.
    """
    for turned in _subsets_of_matrices(evidence):

        def undone(trial: Trial, turned: frozenset[str] = turned) -> Array | None:
            return _turned(evidence, trial, turned)

        if evidence.holds(undone):
            return _transposition(evidence, turned)
    return None


@hypothesis("permuted")
def permuted(evidence: Evidence) -> Explanation | None:
    """The elements are right but stand in other places."""
    gradient = evidence.gradient(evidence.trials[0])
    if gradient is None or gradient.ndim == 0:
        return None
    for words, undo in _rearrangements(gradient.shape):
        if agrees_at_every_trial(evidence, undo):
            return Explanation(
                "permuted",
                f"the gradient of {evidence.name!r} has its elements in other places: "
                f"{words}",
                "apply the inverse of what the forward does to the indices",
            )
    return None


@hypothesis("nonlinear")
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


@hypothesis("stateful")
def stateful(evidence: Evidence) -> Explanation | None:
    """The gradient belongs to another call: of the first forward, or of the last."""
    session, index = evidence.session, evidence.index

    def after_a_second_forward(trial: Trial) -> Array | None:
        session.target.record(trial.primals)
        return session.claimed(trial.primals, trial.cotangents)[index]

    def as_given_first(trial: Trial) -> Array | None:
        return session.claimed(session.target.primals, trial.cotangents)[index]

    stale = not all(trial.agrees for trial in evidence.trials)
    if stale and evidence.holds(after_a_second_forward):
        return explain_stateful(evidence.name, "the forward before")
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
            return explain_stateful(evidence.name, "the first forward")
    return None


@hypothesis("low-precision")
def low_precision(evidence: Evidence) -> Explanation | None:
    """Right at values that a lower precision holds exactly, off elsewhere."""
    trials = evidence.trials
    if not all(trial.error < ROUNDING for trial in trials):
        return None
    for name, bits in PRECISIONS.items():
        points = [[_rounded(p, bits) for p in trial.primals] for trial in trials]
        again = evidence_for(evidence.session, evidence.name, points=points)
        if again is not None and all(trial.agrees for trial in again.trials):
            return Explanation(
                "low-precision",
                f"the gradient of {evidence.name!r} is made from values rounded to "
                f"{name}",
                "save what backward needs in the dtype of the input",
            )
    return None


def explain_stateful(name: str | None, call: str) -> Explanation:
    """The words for a backward that uses what another call left behind."""
    of = f"the gradient of {name!r}" if name else "the gradient"
    return Explanation(
        "stateful",
        f"{of} belongs to {call}, not to the one it is asked for",
        "keep what backward needs on ctx, with ctx.save_for_backward, never in a "
        "global, a class attribute or a shared buffer",
    )


def _rounded(array: Array, bits: int) -> Array:
    """The nearest numbers with so many bits in their significand."""
    if np.iscomplexobj(array):
        return _rounded(array.real, bits) + 1j * _rounded(array.imag, bits)
    significand, exponent = np.frexp(array)
    return np.asarray(np.ldexp(np.round(significand * 2.0**bits) / 2.0**bits, exponent))


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
    return f"{next(near, f'{factor:.6g} times')} the true one, everywhere"


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


def _rearrangements(shape: tuple[int, ...]) -> Iterator[tuple[str, Undo]]:
    """Ways in which elements change places, each with what undoes it."""
    ndim = len(shape)
    for axis, size in enumerate(shape):
        for by in range(1, min(size, ROLLS)):
            yield (
                f"rolled by {size - by} along dimension {axis}",
                functools.partial(np.roll, shift=by, axis=axis),
            )
        yield f"reversed along dimension {axis}", functools.partial(np.flip, axis=axis)
    if ndim <= 4:
        for axes in itertools.permutations(range(ndim)):
            if axes != tuple(range(ndim)):
                yield (
                    f"the dimensions {list(axes)} in the place of {list(range(ndim))}",
                    functools.partial(np.transpose, axes=axes),
                )


def _matrices(evidence: Evidence) -> list[str]:
    trial = evidence.trials[0]
    names = evidence.session.target.names
    parts = {
        "result": evidence.gradient(trial),
        "grad_output": trial.cotangents[0] if len(trial.cotangents) == 1 else None,
        **dict(zip(names, trial.primals, strict=True)),
    }
    return [
        name for name, array in parts.items() if array is not None and array.ndim >= 2
    ]


def _subsets_of_matrices(evidence: Evidence) -> Iterator[frozenset[str]]:
    matrices = _matrices(evidence)[:5]
    for count in range(1, len(matrices) + 1):
        yield from map(frozenset, itertools.combinations(matrices, count))


def _turned(evidence: Evidence, trial: Trial, turned: frozenset[str]) -> Array | None:
    """The gradient once some of its parts are transposed."""
    names = evidence.session.target.names
    primals = [_flip(p, n in turned) for p, n in zip(trial.primals, names, strict=True)]
    cotangents = [_flip(v, "grad_output" in turned) for v in trial.cotangents]
    if turned - {"result"}:
        outputs = evidence.session.target.forward(primals)
        if any(o.shape != v.shape for o, v in zip(outputs, cotangents, strict=True)):
            return None
        gradient = evidence.session.claimed(primals, cotangents)[evidence.index]
    else:
        gradient = evidence.gradient(trial)
    return None if gradient is None else _flip(gradient, "result" in turned)


def _flip(array: Array, really: bool) -> Array:
    return array.swapaxes(-1, -2) if really and array.ndim >= 2 else array


def _transposition(evidence: Evidence, turned: frozenset[str]) -> Explanation:
    if {"result", "grad_output"} <= turned and len(turned) > 2:
        return Explanation(
            "swapped",
            f"the gradient of {evidence.name!r} has the operands of its matrix "
            "product exchanged",
            "exchange them: A @ B is not B @ A",
        )
    if turned == {"result"}:
        what, hint = "it is the transpose of the right one", "transpose it, or swap "
        hint += "the operands of the product"
    else:
        parts = " and ".join(sorted(turned - {"result"}))
        what = f"it is right once {parts} is transposed in it"
        hint = f"transpose {parts} in backward, or leave its transpose out"
    return Explanation(
        "transposed", f"the gradient of {evidence.name!r} is transposed: {what}", hint
    )


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
