"""extremes: finite and right where the true gradient is finite."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gradproof.check.hypotheses import explain_not_finite
from gradproof.check.properties import Outcome, define
from gradproof.check.session import Array, Session
from gradproof.check.targets import Arrays, Gradients, Target, TargetCrash
from gradproof.check.trial import probe
from gradproof.check.verdict import Finding

EACH_UP_TO = 3
LARGE, TINY = 1e3, 1e-12


@define(
    "extremes",
    "finite where the true gradient is finite: zeros, ties, large and tiny values",
    after=("shape", "linearity", "gradient", "repeat"),
)
def check(session: Session) -> Outcome:
    """Try special values; what the forward does not take is left out."""
    if session.blamed:
        return Outcome(status="skipped", detail="needs a right gradient")
    findings: dict[str, Finding] = {}
    tried = []
    for what, target in _special(session):
        if not all(np.isfinite(one).all() for one in target.outputs_there):
            continue
        tried.append(what)
        special = session.elsewhere(target)
        special.units = session.units  # steps as large as for the given values
        for finding in _judge(special, what):
            findings.setdefault(str(finding.input), finding)
    if not tried:
        return Outcome(status="skipped", detail="the forward takes no special values")
    return Outcome(findings=tuple(findings.values()), detail=", ".join(tried))


def _special(session: Session) -> Iterator[tuple[str, Target]]:
    """The target on special values: each few inputs alone, then all together."""
    target = session.target
    every = [position for position in target.active if position < len(target.values)]
    inputs = dict(zip(every, target.primals, strict=False))
    inputs = {p: a for p, a in inputs.items() if a.size and np.isrealobj(a)}
    for position, array in list(inputs.items())[:EACH_UP_TO]:
        name = target.names[target.active.index(position)]
        yield from _made(target, f"{name} all zero", {position: 0 * array})
    some = {p: _some_zero(a) for p, a in inputs.items()}
    yield from _made(target, "some zeros", some)
    ties = {p: np.full_like(a, a.flat[0]) for p, a in inputs.items()}
    yield from _made(target, "ties", ties)
    yield from _made(target, "large values", {p: LARGE * a for p, a in inputs.items()})
    yield from _made(target, "tiny values", {p: TINY * a for p, a in inputs.items()})
    masks = {}
    for position in range(len(target.values)):
        mask = None if position in target.active else target.array(position)
        if mask is not None and mask.dtype == bool and mask.ndim:
            masks[position] = _masked(mask)
    if masks:
        yield from _made(target, "a fully masked row", masks)


def _made(
    target: Target, what: str, values: dict[int, Array]
) -> Iterator[tuple[str, Target]]:
    try:
        yield what, target.with_values(values)
    except Exception:  # it does not take them: nothing to check
        return


def _some_zero(array: Array) -> Array:
    zeros = array.copy()
    zeros.flat[:: max(2, array.size // 3)] = 0
    return zeros


def _masked(mask: Array) -> Array:
    masked = mask.copy()
    masked[0] = False
    return masked


def _judge(session: Session, what: str) -> list[Finding]:
    target = session.target
    cotangents = session.cotangents("extremes")
    try:
        claimed = session.claimed(target.primals, cotangents)
    except TargetCrash as crash:
        hint = "division by a count of nothing, or an index that is not there?"
        message = f"{crash} with {what}"
        return [
            Finding(property="extremes", diagnosis="crash", message=message, hint=hint)
        ]
    findings = []
    broken = [i for i, g in enumerate(claimed) if g is not None and _is_broken(g)]
    for index in broken:
        if _has_finite_slopes(session, index):
            findings.append(_not_finite(target.names[index], what, claimed[index]))
    if broken:
        return findings
    testimony = target.exact(target.primals, cotangents)
    if testimony is not None and not session.compare(testimony, claimed):
        return []
    return _values(session, what, cotangents, claimed)


def _values(
    session: Session, what: str, cotangents: Arrays, claimed: Gradients
) -> list[Finding]:
    """Finite values must also be right, where the witness can tell."""
    findings = []
    every = range(len(session.target.names))
    known = (cotangents, claimed)
    trial = probe(session, "extremes", session.target.primals, every, claimed=known)
    if trial.agrees or not trial.settled:
        return []
    for index, name in enumerate(session.target.names):
        trials = [
            probe(
                session,
                f"extremes {name} {number}",
                session.target.primals,
                [index],
                claimed=known,
            )
            for number in range(2)
        ]
        if not all(trial.matters(session, index) for trial in trials):
            continue
        error = trials[0].error
        findings.append(
            Finding(
                property="extremes",
                input=name,
                diagnosis="partial",
                message=f"the gradient of {name!r} is wrong with {what} "
                f"(relative error {error:.2g})",
                hint="a formula that is right elsewhere needs a case of its own there",
                where=what,
                error=error,
            )
        )
    return findings


def _is_broken(gradient: Array) -> bool:
    return not bool(np.isfinite(gradient).all())


def _has_finite_slopes(session: Session, index: int) -> bool:
    """Whether the forward's slopes stay bounded as the step shrinks, on both sides."""
    target = session.target
    purpose = f"extremes slopes {index}"
    direction = session.direction(purpose, target.primals, [index])
    slopes: list[list[float]] = []
    try:
        centre = target.witness_forward(target.primals)
        for step in (1e-3, 1e-5, 1e-7):
            sides = []
            for sign in (1, -1):
                moved = [
                    p + sign * step * d
                    for p, d in zip(target.primals, direction, strict=True)
                ]
                outputs = target.witness_forward(moved)
                sides += [
                    float(np.sqrt(np.sum(np.abs(o - c) ** 2))) / step
                    for o, c in zip(outputs, centre, strict=True)
                ]
            slopes.append(sides)
    except TargetCrash:
        return False
    if not np.isfinite(slopes).all():
        return False
    # A slope that grows without bound, as of sqrt at 0, grows tenfold by here.
    noise = 1e-6 + max(map(max, slopes[:1])) * 3
    return max(slopes[-1]) <= noise + 3 * max(slopes[1])


def _not_finite(name: str, what: str, gradient: Array | None) -> Finding:
    explanation = explain_not_finite(name, what, gradient)
    return Finding(
        property="extremes",
        input=name,
        diagnosis=explanation.diagnosis,
        message=explanation.message,
        hint=explanation.hint,
        where=what,
    )
