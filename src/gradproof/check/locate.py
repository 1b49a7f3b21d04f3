"""Where in an input a gradient is wrong: by its values, or by rows, columns, elements.

A region is a set of elements outside which the gradient agrees with the witness. It
is found without a Jacobian: from the exact witness where that is believed, else by
halving one dimension after the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gradproof.check.session import Array, Session
from gradproof.check.trial import Trial, probe
from gradproof.check.witnesses import autograd

PROBES = 40


@dataclass(frozen=True)
class Region:
    """Elements of an input, in words and as a mask."""

    words: str
    mask: Array


def locate(session: Session, trial: Trial, index: int) -> Region | None:
    """The region that is wrong, None where that is everywhere or cannot be told."""
    claimed = trial.claimed[index]
    primal = trial.primals[index]
    if claimed is None or claimed.shape != primal.shape or primal.size < 2:
        return None
    wrong = _from_exact(session, trial, index)
    if wrong is not None:
        words = by_value(primal, wrong) or in_words(wrong)
        return Region(words, wrong) if words else None
    search = _Search(session, trial, index)
    regions = [
        Region(words, mask)
        for words, mask in value_regions(primal)
        if search.is_right(~mask)
    ]
    halved = search.by_halving()
    words = in_words(halved) if halved is not None else None
    if halved is not None and words is not None and search.is_right(~halved):
        regions.append(Region(words, halved))
    return min(regions, key=lambda region: int(region.mask.sum()), default=None)


def named_twice(session: Session, region: Region) -> str | None:
    """The whole numbers that name just the wrong slices, each more than once.

    A slice that they name once must be right, or repetition is not what matters.
    """
    target = session.target
    for position in range(target.count):
        array = None if position in target.active else target.array(position)
        if array is None or not np.issubdtype(array.dtype, np.integer):
            continue
        values, counts = np.unique(array, return_counts=True)
        repeated = set(values[counts > 1].tolist())
        for axis in range(region.mask.ndim if len(repeated) < len(values) else 0):
            others = tuple(one for one in range(region.mask.ndim) if one != axis)
            if set(np.nonzero(region.mask.any(axis=others))[0].tolist()) == repeated:
                return target.described[position].split(": ")[0]
    return None


class _Search:
    """Probes of parts of one input, with the gradient that is known already."""

    def __init__(self, session: Session, trial: Trial, index: int):
        self._session = session
        self._trial = trial
        self._index = index
        self._probes = 0

    def is_right(self, mask: Array) -> bool:
        """Whether the gradient agrees where the mask is true."""
        self._probes += 1
        trial = probe(
            self._session,
            f"locate {self._probes}",
            self._trial.primals,
            [self._index],
            claimed=(self._trial.cotangents, self._trial.claimed),
            mask=mask,
        )
        return trial.agrees

    def by_halving(self) -> Array | None:
        """The product of the wrong slices of each dimension."""
        shape = self._trial.primals[self._index].shape
        region = np.ones(shape, dtype=bool)
        for axis, size in enumerate(shape):
            wrong = self._slices(axis, 0, size)
            if wrong is None:
                return None
            selected = np.zeros(size, dtype=bool)
            selected[wrong] = True
            broadcast = [1] * len(shape)
            broadcast[axis] = size
            region &= selected.reshape(broadcast)
        return region

    def _slices(self, axis: int, start: int, stop: int) -> list[int] | None:
        """Wrong positions between two of a dimension; None if that takes too long."""
        if self._probes > PROBES:
            return None
        mask = np.zeros(self._trial.primals[self._index].shape, dtype=bool)
        mask[(slice(None),) * axis + (slice(start, stop),)] = True
        if self.is_right(mask):
            return []
        if stop - start == 1:
            return [start]
        middle = (start + stop) // 2
        halves = (
            self._slices(axis, start, middle),
            self._slices(axis, middle, stop),
        )
        if halves[0] is None or halves[1] is None:
            return None
        return halves[0] + halves[1]


def _from_exact(session: Session, trial: Trial, index: int) -> Array | None:
    testimony = autograd.cross_examined(session.target, trial)
    claimed = trial.claimed[index]
    true = testimony[index] if testimony is not None else None
    if true is None or claimed is None or true.shape != claimed.shape:
        return None
    agrees = np.abs(claimed - true) <= session.rounding(index, claimed, true)
    return np.asarray(~agrees)


def value_regions(primal: Array) -> Iterator[tuple[str, Array]]:
    """Regions that a formula may treat apart, those that are neither none nor all."""
    if np.iscomplexobj(primal):
        return
    values, counts = np.unique(primal, return_counts=True)
    ties = np.isin(primal, values[counts > 1])
    regions = {
        "the positions with ties": ties,
        "the zeros": primal == 0,
        "the negative elements": primal < 0,
        "the positive elements": primal > 0,
        "the elements above 1": primal > 1,
        "the elements of magnitude above 1": np.abs(primal) > 1,
        "the elements of magnitude below 1": np.abs(primal) < 1,
    }
    for words, mask in regions.items():
        if mask.any() and not mask.all():
            yield words, mask


def by_value(primal: Array, wrong: Array) -> str | None:
    """The words for a region of values, if the wrong elements are just that."""
    if wrong.sum() < 2:
        return None
    matching = (w for w, mask in value_regions(primal) if np.array_equal(mask, wrong))
    return next(matching, None)


def in_words(wrong: Array) -> str | None:
    """A region of an array: an element, a slice along one dimension, or a count."""
    if wrong.all() or not wrong.any():
        return None
    if wrong.sum() == 1:
        return f"element {[int(i[0]) for i in np.nonzero(wrong)]}"
    for whole in (True, False):
        for axis in range(wrong.ndim):
            others = tuple(other for other in range(wrong.ndim) if other != axis)
            touched = wrong.any(axis=others)
            if touched.all():
                continue
            words = _slice_in_words(np.nonzero(touched)[0], wrong.ndim, axis)
            if not whole:
                return f"part of {words}"
            if np.array_equal(wrong.all(axis=others), touched):
                return words
    return f"{int(wrong.sum())} of {wrong.size} elements"


def _slice_in_words(positions: Array, ndim: int, axis: int) -> str:
    what = {(2, 0): "row", (2, 1): "column", (1, 0): "element"}.get((ndim, axis))
    listed = ", ".join(str(p) for p in positions[:6])
    if len(positions) > 2 and np.all(np.diff(positions) == 1):
        listed = f"{positions[0]} to {positions[-1]}"
    elif len(positions) > 6:
        listed += ", ..."
    if what is None:
        return f"index {listed} of dimension {axis}"
    return f"{what}{'s' if len(positions) > 1 else ''} {listed}"
