"""Mistakes in where the elements of a gradient stand, or what stands in it."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator

import numpy as np

from gradproof.check.diagnose import (
    NOTICEABLE,
    Evidence,
    Explanation,
    Undo,
    agrees_at_every_trial,
    hypothesis,
)
from gradproof.check.session import Array
from gradproof.check.trial import Trial

ROLLS = 33


@hypothesis("swapped", least_error=NOTICEABLE)
def swapped_slots(evidence: Evidence) -> Explanation | None:
    """The gradient was returned in another input's place."""
    for other, name in enumerate(evidence.session.target.names):
        if other == evidence.index:
            continue

        def in_its_place(trial: Trial, other: int = other) -> Array | None:
            return trial.claimed[other]

        if evidence.holds(in_its_place):
            return Explanation(
                "swapped",
                f"the gradient of {evidence.name!r} is returned in the place of "
                f"{name!r}",
                f"return the gradients in the order of the inputs: exchange "
                f"{evidence.name!r} and {name!r}",
            )
    return None


@hypothesis("swapped", least_error=NOTICEABLE)
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


@hypothesis("transposed", least_error=NOTICEABLE)
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


@hypothesis("permuted", least_error=NOTICEABLE)
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
