"""Other sizes of the same shapes, worked out from one set of inputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from gradproof._errors import GradproofError
from gradproof.check.session import Array, Session
from gradproof.check.targets import Target, TargetCrash

Axis = tuple[int, int]  # (position of the leaf, its dimension)
TRIES = 12
AT_MOST = 8
LARGE = (1031, 259, 67, 33, 17)  # past a block of a power of two, and prime or odd
MOST_ELEMENTS = 5000
BROADCAST = "a broadcast input"
NOTHING = "size 0"


@dataclass(frozen=True)
class Dimension:
    """Axes of the inputs that can only be resized together."""

    axes: tuple[Axis, ...]
    size: int


def dimensions(session: Session) -> list[Dimension]:
    """The dimensions that the forward lets be resized.

    Axes of one size are taken for one dimension. Where one of them can be resized
    alone, it is a dimension of its own: a square matrix need not stay square.
    """
    found: list[Dimension] = []
    by_size: dict[int, list[Axis]] = {}
    fixed = {boundary[-1] for _, boundary in _boundaries(session.target)}
    for axis, size in _axes(session.target):
        if size not in fixed:
            by_size.setdefault(size, []).append(axis)
    tries = 0
    for size, axes in by_size.items():
        alone = []
        if len(axes) > 1:
            for axis in axes:
                tries += 1
                if tries <= TRIES and _runs(session, {axis: size + 1}):
                    alone.append(axis)
        together = [axis for axis in axes if axis not in alone]
        found += [Dimension((axis,), size) for axis in alone]
        if together and _runs(session, dict.fromkeys(together, size + 1)):
            found.append(Dimension(tuple(together), size))
    return found


def resized(session: Session, sizes: dict[Axis, int], purpose: str) -> dict[int, Array]:
    """Leaves with other sizes; values drawn from the given ones, whole numbers too."""
    rng = session.rng(f"sizes {purpose}")
    target = session.target
    values = {}
    for position in {position for position, _ in sizes}:
        array = target.array(position)
        assert array is not None
        shape = tuple(
            sizes.get((position, axis), size) for axis, size in enumerate(array.shape)
        )
        values[position] = drawn(array, shape, rng)
    return values


def drawn(array: Array, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Values drawn from those of an array, and moved a little where they may be."""
    pool = array.ravel() if array.size else np.zeros(1, array.dtype)
    values = rng.choice(pool, size=shape)
    if np.issubdtype(values.dtype, np.inexact):
        values = values * (1 + 0.1 * np.tanh(rng.standard_normal(shape)))
    return np.asarray(values)


def variants(found: Sequence[Dimension]) -> Iterator[tuple[str, dict[Axis, int]]]:
    """Sizes to try: odd and all different, one, none, past a power of two."""
    odd = [3, 5, 7, 2, 9, 11]
    yield "odd sizes", _set(found, [odd[i % len(odd)] for i in range(len(found))])
    yield "size 1", _set(found, [1] * len(found))
    small = [min(one.size, 3) for one in found]
    for index, one in enumerate(found[:3]):
        size = 1 if one.size != 1 else 4
        yield f"size {size}", _set(found, [*small[:index], size, *small[index + 1 :]])
    for axis in _singles(found)[:2]:
        yield BROADCAST, {axis: 1}
    for index in range(min(len(found), 2)):
        yield NOTHING, dict.fromkeys(found[index].axes, 0)
    for index in range(min(len(found), 3)):
        for large in LARGE:
            sizes = _set(found, [*small[:index], large, *small[index + 1 :]])
            if _elements(sizes) <= MOST_ELEMENTS:
                yield f"size {large}", sizes
                break


def _elements(sizes: dict[Axis, int]) -> int:
    """How many elements the largest of the resized leaves has, in those axes."""
    by_leaf: dict[int, int] = {}
    for (position, _), size in sizes.items():
        by_leaf[position] = by_leaf.get(position, 1) * size
    return max(by_leaf.values())


def smaller(session: Session) -> Session | None:
    """The check at a few elements a dimension, None where the forward takes no less."""
    found = [one for one in dimensions(session) if one.size > AT_MOST]
    if not found:
        return None
    values = resized(session, _set(found, [AT_MOST] * len(found)), "smaller")
    try:
        return session.elsewhere(session.target.with_values(values))
    except (TargetCrash, GradproofError):
        return None


def duplicates(session: Session) -> dict[int, Array]:
    """Whole-number inputs with repeated values, at both ends of their range."""
    rng = session.rng("duplicates")
    target = session.target
    values = {}
    fixed = {position for position, _ in _boundaries(target)}
    for position, _ in enumerate(target.values):
        known = position in target.active or position in fixed
        array = None if known else target.array(position)
        if array is None or not np.issubdtype(array.dtype, np.integer):
            continue
        if array.size < 2:
            continue
        ends = np.array([array.min(), array.max()], dtype=array.dtype)
        drawn = rng.choice(ends, size=array.shape)
        drawn.flat[0] = drawn.flat[1] = ends[1]
        values[position] = drawn
    return values


def points_outside(
    target: Target, values: dict[int, Array], axes: dict[Axis, int]
) -> bool:
    """Whether a dimension has become smaller than a whole number that may index it."""
    whole = [
        values.get(position, array)
        for position in range(len(target.values))
        if position not in target.active
        and (array := target.array(position)) is not None
        and np.issubdtype(array.dtype, np.integer)
    ]
    largest = max((int(one.max()) for one in whole if one.size), default=-1)
    before = dict(_every_axis(target))
    return any(size < before[axis] and size <= largest for axis, size in axes.items())


def in_words(session: Session, values: dict[int, Array]) -> str:
    """The shapes of all inputs that have one, where some are exchanged for others."""
    target = session.target
    names = [line.split(": ")[0] for line in target.described]
    every = ((p, values.get(p, target.array(p))) for p in range(target.count))
    return ", ".join(f"{names[p]} {list(a.shape)}" for p, a in every if a is not None)


def _boundaries(target: Target) -> Iterator[tuple[int, list[int]]]:
    """Whole numbers that rise to the size of a dimension: where its parts end.

    They mean something only together with that size, so both stay as they are.
    """
    sizes = {size for _, size in _every_axis(target)}
    for position in range(len(target.values)):
        array = None if position in target.active else target.array(position)
        if array is None or not np.issubdtype(array.dtype, np.integer):
            continue
        rises = array.ndim == 1 and array.size > 1 and np.all(np.diff(array) >= 0)
        if rises and int(array[-1]) in sizes:
            yield position, [int(one) for one in array]


def _axes(target: Target) -> Iterator[tuple[Axis, int]]:
    """Axes that may be resized."""
    fixed = {position for position, _ in _boundaries(target)}
    return (pair for pair in _every_axis(target) if pair[0][0] not in fixed)


def _every_axis(target: Target) -> Iterator[tuple[Axis, int]]:
    for position in range(target.count):
        array = target.array(position)
        if array is not None:
            for axis, size in enumerate(array.shape):
                yield (position, axis), size


def _singles(found: Sequence[Dimension]) -> list[Axis]:
    """Axes that share their dimension with others: alone at size 1 they broadcast."""
    shared = [one.axes for one in found if len(one.axes) > 1 and one.size != 1]
    return [axis for axes in shared for axis in reversed(axes)]


def _set(found: Sequence[Dimension], sizes: Sequence[int]) -> dict[Axis, int]:
    return {
        axis: size for one, size in zip(found, sizes, strict=True) for axis in one.axes
    }


def _runs(session: Session, sizes: dict[Axis, int]) -> bool:
    try:
        session.target.with_values(resized(session, sizes, "try"))
    except (TargetCrash, GradproofError):
        return False
    return True
