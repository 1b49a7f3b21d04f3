"""Where a target is called: at which sizes, on which numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gradproof._errors import GradproofError
from gradproof.check.session import Array, Session
from gradproof.check.shrink._numbers import WRITTEN, ramp, short
from gradproof.check.sizes import Axis, points_outside, resized
from gradproof.check.targets import Arrays, Target, TargetCrash

MOST_ELEMENTS = 20_000  # of one call, while sizes are still being searched


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where to call a target: other sizes of some axes, other values of some leaves."""

    axes: dict[Axis, int]
    values: dict[int, Array]

    def put(self, session: Session, purpose: str) -> tuple[Target, Arrays] | None:
        """The target there and its short inputs; None where it is not to be had."""
        target = session.target
        values = resized(session, self.axes, purpose) if self.axes else {}
        if self.axes and points_outside(target, values, self.axes):
            return None
        values |= self.values
        leaves = {p: target.array(p) for p in range(target.count)} | values
        total = sum(a.size for a in leaves.values() if a is not None)
        if total > MOST_ELEMENTS:
            return None
        for position, array in leaves.items():
            if array is not None and np.issubdtype(array.dtype, np.inexact):
                few = total <= WRITTEN or position not in target.active
                values[position] = short(array) if few else ramp(array, position)
        try:
            there = target.with_values(values)
        except (TargetCrash, GradproofError):
            return None
        primals = [
            values[position].astype(primal.dtype) if position in values else primal
            for position, primal in zip(there.active, there.primals, strict=True)
        ]
        return there, primals
