"""sizes: holds at other sizes of the same shapes, and with repeated indices."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np

from gradproof._errors import GradproofError
from gradproof._rule import broadcasts
from gradproof.backends.numpy_ import sum_to
from gradproof.check import ranks, sizes
from gradproof.check.diagnose import diagnose, evidence_for
from gradproof.check.locate import locate
from gradproof.check.properties import Outcome, define
from gradproof.check.session import Array, Session
from gradproof.check.targets import Arrays, Gradients, Target, TargetCrash
from gradproof.check.targets._quietly import quietly
from gradproof.check.trial import SAFETY, Trial, norm, probe
from gradproof.check.verdict import Finding
from gradproof.check.wording import ADDS_UP

REPEATED = "repeated indices"
MAY_REFUSE = (sizes.BROADCAST, ranks.ONE_MORE)  # what it was not given


@define(
    "sizes",
    "holds at other sizes of the same shapes: 0, 1, odd, non-square, larger than a "
    "block; with duplicate indices, and one more leading dimension",
    after=("shape", "linearity", "gradient", "repeat"),
    needs_right_gradient=True,
)
def check(session: Session) -> Outcome:
    """Work out which dimensions go together, and try the gradient at other sizes."""
    findings: dict[str, Finding] = {}
    tried: dict[str, bool] = {}
    for what, shapes, target in _targets(session):
        with quietly() if what in MAY_REFUSE else contextlib.nullcontext():
            found = _judge(session.elsewhere(target), what, shapes)
        tried[what] = tried.get(what, True) and not found
        for finding in found:
            if what == REPEATED and not _is_explained(findings.get(str(finding.input))):
                findings[str(finding.input)] = finding  # it is seen at the given sizes
            findings.setdefault(str(finding.input), finding)
    if not tried:
        return Outcome(
            status="skipped", detail="the forward takes the given sizes only"
        )
    return Outcome(findings=tuple(findings.values()), detail=_in_words(tried))


def _in_words(tried: dict[str, bool]) -> str:
    """What was tried; which of it went wrong, where something did."""
    right = ", ".join(what for what, is_right in tried.items() if is_right)
    wrong = ", ".join(what for what, is_right in tried.items() if not is_right)
    if not wrong:
        return right
    return f"wrong with {wrong}" + (f"; right with {right}" if right else "")


def _targets(session: Session) -> Iterator[tuple[str, str, Target]]:
    found = sizes.dimensions(session)
    for number, (what, axes) in enumerate(sizes.variants(found) if found else ()):
        values = sizes.resized(session, axes, f"{what} {number}")
        if sizes.points_outside(session.target, values, axes):
            continue
        shapes = sizes.in_words(session, values)
        try:
            target = session.target.with_values(values)
        except (TargetCrash, GradproofError):
            continue  # the forward does not run at these sizes
        if what == sizes.BROADCAST and not _same_outputs(session.target, target):
            continue  # where outputs do not show it, no backward can know
        if not target.is_meant:
            continue  # nor is it said what is meant there
        finite = all(np.isfinite(one).all() for one in target.outputs_there)
        if finite and target.epsilon <= session.target.epsilon:
            yield what, shapes, target
    yield from _deeper(session)
    repeated = sizes.duplicates(session)
    if repeated:
        try:
            target = session.target.with_values(repeated)
        except (TargetCrash, GradproofError):
            return
        yield REPEATED, f"with {REPEATED}", target


def _is_explained(finding: Finding | None) -> bool:
    """Whether a mistake was named, not only a place."""
    return finding is not None and finding.diagnosis not in (None, "partial")


def _deeper(session: Session) -> Iterator[tuple[str, str, Target]]:
    """With a dimension more in front, where the forward takes it for a batch."""
    for values in ranks.deeper(session):
        try:
            with quietly():
                target = session.target.with_values(values)
        except (TargetCrash, GradproofError):
            continue  # as it may
        if not target.is_meant or not ranks.keeps_the_extra(session.target, target):
            continue
        finite = all(np.isfinite(one).all() for one in target.outputs_there)
        if finite and target.epsilon <= session.target.epsilon:
            shapes = sizes.in_words(session, values)
            yield ranks.ONE_MORE, f"with {ranks.ONE_MORE}, {shapes}", target


def _judge(session: Session, what: str, shapes: str) -> list[Finding]:
    target = session.target
    at = shapes if shapes.startswith("with") else f"at sizes {shapes}"
    cotangents = session.cotangents("sizes")
    try:
        claimed = session.claimed(target.primals, cotangents)
    except TargetCrash as crash:
        if what in MAY_REFUSE:
            return []
        return [
            Finding(
                property="sizes",
                diagnosis="crash",
                message=f"{crash} {at}",
                hint="the forward runs at these sizes, so should the backward",
                where=at,
            )
        ]
    if what in MAY_REFUSE:
        claimed = [_summed(g, p) for g, p in zip(claimed, target.primals, strict=True)]
        if what == ranks.ONE_MORE and _misfits(claimed, target.primals):
            return []  # whoever uses such a gradient hears of it
    if all(p.size == 0 for p in target.primals) or what == sizes.NOTHING:
        return []
    testimony = target.exact(target.primals, cotangents)
    if testimony is not None and not session.compare(testimony, claimed):
        return []
    every = range(len(target.names))
    known = (cotangents, claimed)
    trial = probe(session, "sizes", target.primals, every, claimed=known)
    if trial.agrees or not trial.settled:
        return []
    findings = []
    for index, name in enumerate(target.names):
        trials = [
            probe(session, f"sizes {name} {n}", target.primals, [index], claimed=known)
            for n in range(2)
        ]
        if all(_is_sure(session, one, index) for one in trials):
            findings.append(_finding(session, trials[0], index, at))
    return findings


def _is_sure(session: Session, trial: Trial, index: int) -> bool:
    """Whether a gap matters, and is more than last digits make at the values drawn.

    That a backward is unstable at values that nobody chose says nothing about sizes.
    """
    if not trial.matters(session, index):
        return False
    jitter = session.measured.jitter[index] * norm([trial.direction[index]])
    return not trial.gap <= SAFETY * jitter


def _misfits(gradients: Gradients, primals: Arrays) -> bool:
    """Whether some gradient has another shape than its input."""
    pairs = zip(gradients, primals, strict=True)
    return any(g is not None and g.shape != p.shape for g, p in pairs)


def _same_outputs(given: Target, broadcast: Target) -> bool:
    """Whether the outputs keep their shapes, and have any."""
    pairs = zip(given.outputs_there, broadcast.outputs_there, strict=True)
    return all(a.shape == b.shape and a.ndim > 0 for a, b in pairs)


def _summed(gradient: Array | None, primal: Array) -> Array | None:
    """What an engine makes of a gradient that lacks the sum over broadcasting."""
    if gradient is None or not broadcasts(primal.shape, gradient.shape):
        return gradient
    return np.asarray(sum_to(gradient, primal.shape))


def _finding(session: Session, trial: Trial, index: int, at: str) -> Finding:
    name = session.target.names[index]
    evidence = evidence_for(session, name)
    explanation = diagnose(evidence) if evidence is not None else None
    region = None if explanation else locate(session, trial, index)
    where = region.words if region else None
    if explanation is not None:
        message, hint = f"{explanation.message}, {at}", explanation.hint
    else:
        place = f" in {where}" if where else ""
        message = f"the gradient of {name!r} is wrong{place} {at}"
        hint = "it is right at the given sizes: look for what takes them for granted"
        if ranks.ONE_MORE in at:
            hint = "the forward takes it: count dimensions from the end, or refuse it"
        elif at.startswith("with"):
            hint = ADDS_UP
    return Finding(
        property="sizes",
        input=name,
        diagnosis=explanation.diagnosis
        if explanation
        else ("partial" if where else None),
        message=f"{message} (relative error {trial.error:.2g})",
        hint=hint,
        where=f"{where}, {at}" if where else at,
        error=trial.error,
    )
