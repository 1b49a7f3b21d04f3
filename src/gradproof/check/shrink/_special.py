"""Special values, as ``extremes`` names them: zeros, ties, large and tiny ones."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from gradproof.check.session import Array, Session
from gradproof.check.targets import Arrays, TargetCrash
from gradproof.check.verdict import Finding

WAYS = ("all zero", "some zeros", "ties", "large values", "tiny values")
LARGE, TINY = 1e3, 1e-12
STEPS = (1e-3, 1e-5, 1e-7)
BOUNDED = 3.0  # times, that the slope at one step may exceed that at the step before


def special_of(finding: Finding, name: str) -> str | None:
    """How the values of an input were special when a finding was made, in words."""
    if finding.property != "extremes":
        return None
    _, _, where = finding.message.rpartition(" with ")
    way = next((way for way in WAYS if way in where), None)
    if way == "all zero" and not where.startswith(f"{name} all zero"):
        return None
    return way


def specially(way: str, array: Array) -> Array:
    """The array with such values."""
    if way == "all zero":
        return np.zeros_like(array)
    if way == "some zeros":
        zeros = array.copy()
        zeros.flat[:: max(2, array.size // 3)] = 0
        return zeros
    if way == "ties":
        return np.full_like(array, array.flat[0] if array.size else 0)
    return array * (LARGE if way == "large values" else TINY)


def has_bounded_slopes(session: Session, primals: Arrays, input: int) -> bool:
    """Whether outputs change no faster as a step in an input shrinks."""
    forward = session.target.witness_forward
    direction = session.direction("shrink slopes", primals, [input])
    slopes = []
    try:
        centre = forward(primals)
        for step in STEPS:
            moved = [p + step * d for p, d in zip(primals, direction, strict=True)]
            pairs = zip(forward(moved), centre, strict=True)
            apart = [float(np.linalg.norm(np.ravel(a - b))) for a, b in pairs]
            slopes.append(sum(apart) / step)
    except TargetCrash:
        return False
    steady = all(
        fine <= BOUNDED * coarse or fine < 1e-6 for coarse, fine in pairwise(slopes)
    )
    return bool(np.isfinite(slopes).all()) and steady
