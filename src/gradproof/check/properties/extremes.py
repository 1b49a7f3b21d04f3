"""extremes: finite and right where the true gradient is finite."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from gradproof.check.hypotheses.values import explain_not_finite
from gradproof.check.properties import Outcome, define
from gradproof.check.session import Array, Session, magnitude, size_of
from gradproof.check.targets import Arrays, Gradients, Recording, TargetCrash
from gradproof.check.trial import Trial, probe
from gradproof.check.verdict import Finding

EACH_UP_TO = 3
LARGE, TINY = 1e3, 1e-12
SINGULAR = 1e3
TIES = "ties"


@define(
    "extremes",
    "finite where the true gradient is finite: zeros, ties, large and tiny values",
    after=("shape", "linearity", "gradient", "repeat"),
    needs_right_gradient=True,
)
def check(session: Session) -> Outcome:
    """Try special values; what the forward does not take is left out."""
    findings: dict[str, Finding] = {}
    tried = []
    for what, special, recording in _special(session):
        if not special.is_finite:
            continue
        tried.append(what)
        special.units = session.units  # steps as large as for the given values
        for finding in _judge(special, what, recording):
            findings.setdefault(str(finding.input), finding)
    if not tried:
        return Outcome(status="skipped", detail="the forward takes no special values")
    return Outcome(findings=tuple(findings.values()), detail=", ".join(tried))


def _special(session: Session) -> Iterator[tuple[str, Session, Recording]]:
    """The check at special values: each few inputs alone, then all together."""
    target = session.target
    inputs = {
        index: primal
        for index, primal in enumerate(target.primals)
        if target.active[index] < target.count and primal.size and np.isrealobj(primal)
    }
    for index, array in list(inputs.items())[:EACH_UP_TO]:
        zero = {index: 0 * array}
        yield from _made(session, f"{target.names[index]} all zero", zero)
    some = {i: _some_zero(a) for i, a in inputs.items()}
    yield from _made(session, "some zeros", some)
    ties = {i: np.full_like(a, a.flat[0]) for i, a in inputs.items()}
    yield from _made(session, TIES, ties)
    large = {i: LARGE * a for i, a in inputs.items()}
    yield from _made(session, "large values", large)
    yield from _made(session, "tiny values", {i: TINY * a for i, a in inputs.items()})
    yield from _fully_masked(session)


def _made(
    session: Session, what: str, arrays: dict[int, Array]
) -> Iterator[tuple[str, Session, Recording]]:
    primals = [arrays.get(i, p) for i, p in enumerate(session.target.primals)]
    try:
        there, recording = session.at(primals)
    except Exception:  # it does not take them: nothing to check
        return
    yield what, there, recording


def _fully_masked(session: Session) -> Iterator[tuple[str, Session, Recording]]:
    """Masks among the inputs, with a first row that lets nothing through."""
    target = session.target
    masks = {}
    for position in range(len(target.values)):
        mask = None if position in target.active else target.array(position)
        if mask is not None and mask.dtype == bool and mask.ndim:
            masks[position] = _masked(mask)
    if not masks:
        return
    try:
        there = session.elsewhere(target.with_values(masks))
    except Exception:  # as above
        return
    yield from _made(there, "a fully masked row", {})


def _some_zero(array: Array) -> Array:
    zeros = array.copy()
    zeros.flat[:: max(2, array.size // 3)] = 0
    return zeros


def _masked(mask: Array) -> Array:
    masked = mask.copy()
    masked[0] = False
    return masked


def _judge(session: Session, what: str, recording: Recording) -> list[Finding]:
    target = session.target
    cotangents = session.cotangents("extremes")
    try:
        claimed = recording.pullback(cotangents)
    except TargetCrash as crash:
        hint = "division by a count of nothing, or an index that is not there?"
        message = f"{crash} with {what}"
        return [
            Finding(property="extremes", diagnosis="crash", message=message, hint=hint)
        ]
    broken = [i for i, g in enumerate(claimed) if g is not None and _is_broken(g)]
    if broken:
        return [
            _not_finite(target.names[index], what, claimed[index])
            for index in broken
            if _has_finite_slopes(session, [index]) and not _is_singular(session)
        ]
    testimony = target.exact(target.primals, cotangents)
    if testimony is not None and not session.compare(testimony, claimed):
        return []
    return _values(session, what, cotangents, claimed)


def _values(
    session: Session, what: str, cotangents: Arrays, claimed: Gradients
) -> list[Finding]:
    """Finite values must also be right, where the witness can tell."""
    findings = []
    target = session.target
    known = (cotangents, claimed)
    every = range(len(target.names))
    trial = probe(session, "extremes", target.primals, every, claimed=known)
    if trial.settled and trial.agrees:
        return []
    for index, name in enumerate(target.names):
        gradient = claimed[index]
        if gradient is None or magnitude(gradient) > SINGULAR * session.usual(index):
            continue  # beside a singularity a step sees something else
        together = what == TIES
        directions = [
            _direction(session, index, f"extremes {name} {number}", together)
            for number in range(2)
        ]
        directions.append([a + b for a, b in zip(*directions, strict=True)])
        own = size_of(target.primals[index]) / session.units[index]
        directions.append([own * d for d in directions[0]])
        trials = [
            probe(session, "", target.primals, [index], claimed=known, direction=d)
            for d in directions
        ]
        if not all(one.matters(session, index) for one in trials):
            continue
        if not _is_linear(trials[0], trials[1], trials[2]):
            continue  # a kink whose two sides are alike
        findings.append(
            Finding(
                property="extremes",
                input=name,
                diagnosis="partial",
                message=f"the gradient of {name!r} is wrong with {what} "
                f"(relative error {trials[0].error:.2g})",
                hint="a formula that is right elsewhere needs a case of its own there",
                where=what,
                error=trials[0].error,
            )
        )
    return findings


def _is_linear(one: Trial, two: Trial, both: Trial) -> bool:
    """Whether the slope along a sum is the sum of the slopes, as of a derivative."""
    apart = both.estimate.value - one.estimate.value - two.estimate.value
    return abs(apart) <= one.tolerance + two.tolerance + both.tolerance


def _direction(
    session: Session, index: int, purpose: str, together: bool
) -> list[Array]:
    """A random direction; at a kink one that moves equal values equally.

    The maximum of tied values has a kink between them, but none along the tie: there
    every right gradient gives the same slope, whichever of them it chooses.
    """
    primals = session.target.primals
    direction = session.direction(purpose, primals, [index])
    if together:
        _, which = np.unique(primals[index], return_inverse=True)
        steps = session.rng(f"{purpose} together").standard_normal(which.max() + 1)
        moves = steps[which].reshape(primals[index].shape)
        direction[index] = session.units[index] * moves
    return direction


def _is_broken(gradient: Array) -> bool:
    return not bool(np.isfinite(gradient).all())


def _has_finite_slopes(session: Session, inputs: Sequence[int]) -> bool:
    """Whether the forward's slopes stay bounded as the step shrinks, on both sides."""
    slopes = _slopes(session, inputs)
    return bool(np.isfinite(slopes).all()) and not _grow(slopes)


def _is_singular(session: Session) -> bool:
    """Whether slopes grow without bound as all inputs move: there is no derivative.

    The gradient of one input may be undefined for what another does to the outputs.
    """
    slopes = _slopes(session, range(len(session.target.names)))
    return bool(np.isfinite(slopes).all()) and _grow(slopes)


def _slopes(session: Session, inputs: Sequence[int]) -> Array:
    """How fast the outputs change, a row for each step, NaN outside the domain."""
    target = session.target
    purpose = f"extremes slopes {' '.join(map(str, inputs))}"
    direction = session.direction(purpose, target.primals, inputs)
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
        return np.full((3, 1), np.nan)
    return np.array(slopes)


def _grow(slopes: Array) -> bool:
    """Whether slopes grow without bound, as those of sqrt at 0: tenfold by the end."""
    noise = 1e-6 + 3 * slopes[0].max()
    return bool(slopes[-1].max() > noise + 3 * slopes[1].max())


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
