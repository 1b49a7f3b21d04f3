"""One call with short numbers, and whether it shows what was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import numpy as np

from gradproof.check.locate import locate
from gradproof.check.session import Array, Session, differs, magnitude
from gradproof.check.shrink._numbers import (
    BY_ELEMENT,
    largest,
    ramp,
    short,
)
from gradproof.check.shrink._place import Place
from gradproof.check.shrink._special import (
    has_bounded_slopes,
    special_of,
    specially,
)
from gradproof.check.targets import (
    Arrays,
    Gradients,
    RawGradient,
    Target,
    TargetCrash,
)
from gradproof.check.trial import Trial, probe
from gradproof.check.verdict import Finding
from gradproof.check.witnesses import autograd
from gradproof.check.witnesses.numerical import directional

if TYPE_CHECKING:
    from gradproof.check.shrink._layout import Layout
    from gradproof.check.targets.torch_ import TorchTarget


@dataclass(frozen=True, kw_only=True)
class Case:
    """One call of a target, and what is wrong with the gradient of one input.

    Attributes:
        target: at the sizes of the case.
        index: position of the input, None where no single one is wrong.
        primals: the inputs, short decimal numbers.
        cotangents: the incoming gradients, short decimal numbers.
        wanted: which inputs require grad.
        gave: the gradient that came back.
        expected: what it should be, None until that was worked out, and where it
            should be finite.
        error: how far ``expected`` may be off.
        raw: what backward itself returned, where its shape or dtype is what is wrong.
        raised: what backward raised, in words, where it does not return.
        layout: how inputs or incoming gradients lie in memory, if not as usual.
    """

    target: Target
    index: int | None
    primals: Arrays
    cotangents: Arrays
    wanted: Sequence[bool]
    gave: Array | None = None
    expected: Array | None = None
    error: float = 0.0
    raw: RawGradient | None = None
    raised: str | None = None
    layout: Layout | None = None


def judge(
    session: Session,
    finding: Finding,
    place: Place,
    purpose: str,
    least_error: float = 0.0,
) -> Case | None:
    """The case at a place, None where it does not show what was found.

    Args:
        session: the check.
        finding: what was found.
        place: where to look.
        purpose: names the random stream.
        least_error: the relative error that it takes to be what was found.
    """
    put = place.put(session, purpose)
    if put is None:
        return None
    target, primals = put
    names = target.names
    if finding.property == "extremes":
        ways = [special_of(finding, name) for name in names]
        if not any(ways):
            return None
        primals = [
            p if way is None else specially(way, p)
            for p, way in zip(primals, ways, strict=True)
        ]
    there = session.elsewhere(target)
    index = names.index(finding.input) if finding.input in names else None
    wanted = [asked or i == index for i, asked in enumerate(session.asked)]
    layout = layout_of(finding, names)
    if finding.property == "layout" and layout is None:
        return None
    for sign in (1, -1):
        drawn = there.cotangents(purpose, primals)
        few = sum(v.size for v in drawn) <= BY_ELEMENT
        cotangents = [
            sign * (short(2 * v, 1) if few else ramp(v, i)) for i, v in enumerate(drawn)
        ]
        if layout is not None and layout.way == "expanded":
            cotangents = [np.ones_like(v) for v in drawn]
        case = Case(
            target=target,
            index=index,
            primals=primals,
            cotangents=cotangents,
            wanted=wanted,
            layout=layout,
        )
        shown = _shows(there, finding, case, least_error)
        if shown is not None:
            return shown
    return None


def _shows(
    session: Session, finding: Finding, case: Case, least_error: float
) -> Case | None:
    if finding.property == "shape":
        raw = _raw_problem(case)
        if raw is not None:
            return replace(case, raw=raw)
    try:
        claimed = _claimed(case)
    except TargetCrash as crash:
        if crash.stage == "forward":
            return None
        return replace(case, raised=type(crash.error).__name__)
    index = case.index
    if index is None or finding.diagnosis == "crash":
        return None
    gave = claimed[index]
    case = replace(case, gave=gave)
    if finding.diagnosis == "not-finite":
        broken = gave is not None and not np.isfinite(gave).all()
        bounded = broken and has_bounded_slopes(session, case.primals, index)
        return case if bounded else None
    trial = _trial(session, case, claimed)
    is_shown = not trial.agrees and trial.settled and not trial.error < least_error
    return case if is_shown else None


def completed(session: Session, case: Case) -> Case | None:
    """The case with the true gradient, None where that does not come out clearly."""
    if case.raised is not None or case.raw is not None:
        return case
    assert case.index is not None
    there = session.elsewhere(case.target)
    claimed = _claimed(case)
    if differs(claimed[case.index], case.gave, 0.0):
        return None  # it does not give the same twice
    if case.gave is not None and not np.isfinite(case.gave).all():
        return case  # that it is finite is all that is to be said
    trial = _trial(there, case, claimed)
    testimony = autograd.cross_examined(case.target, trial)
    expected = None if testimony is None else testimony[case.index]
    if expected is None:
        return _by_element(there, case, trial)
    error = 8 * case.target.epsilon * magnitude(expected)
    return replace(case, expected=expected, error=error)


def _by_element(session: Session, case: Case, trial: Trial) -> Case | None:
    """The true gradient by differences: of each element, of many a wrong one."""
    assert case.index is not None
    primal = case.primals[case.index]
    if case.gave is None or case.gave.shape != primal.shape:
        return None
    positions = list(np.ndindex(primal.shape))
    if primal.size > BY_ELEMENT:
        region = locate(session, trial, case.index)
        positions = [largest(np.abs(case.gave) if region is None else region.mask)]
    expected = case.gave.copy()
    error = 0.0
    units = (1, 1j) if np.iscomplexobj(primal) else (1,)
    for position in positions:
        expected[position] = 0
        for unit in units:
            direction = [np.zeros_like(p) for p in case.primals]
            direction[case.index][position] = unit
            estimate = directional(
                case.target.witness_forward,
                case.primals,
                direction,
                case.cotangents,
                epsilon=case.target.epsilon,
            )
            if estimate.kinked or not np.isfinite(estimate.error):
                return None
            expected[position] += unit * estimate.value
            error = max(error, estimate.error)
    return replace(case, expected=expected, error=error)


def layout_of(finding: Finding, names: Sequence[str]) -> Layout | None:
    """How a call must be laid out in memory for a finding, None for as usual."""
    if finding.property != "layout":
        return None
    from gradproof.check.shrink._layout import Layout

    return Layout.of(finding, names)


def _claimed(case: Case) -> Gradients:
    if case.layout is not None:
        return case.layout.claimed(
            cast("TorchTarget", case.target), case.primals, case.cotangents, case.wanted
        )
    return case.target.record(case.primals, case.wanted).pullback(case.cotangents)


def _trial(session: Session, case: Case, claimed: Gradients) -> Trial:
    assert case.index is not None
    known = (case.cotangents, claimed)
    return probe(session, "shrink", case.primals, [case.index], claimed=known)


def _raw_problem(case: Case) -> RawGradient | None:
    if case.index is None:
        return None
    name = case.target.names[case.index]
    try:
        raw = case.target.raw(case.primals, case.cotangents) or []
    except TargetCrash:
        return None
    return next((one for one in raw if one.input == name and one.problem), None)
