"""second-order: double backward is right, or refuses loudly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from gradproof.check.properties import Outcome, define
from gradproof.check.session import Array, Session
from gradproof.check.targets import Arrays, TargetCrash
from gradproof.check.targets.torch_ import TorchTarget
from gradproof.check.trial import SAFETY, along, norm
from gradproof.check.verdict import Finding
from gradproof.check.witnesses.numerical import Estimate, directional

NOISY = 100.0  # what differences make of the rounding in a gradient
Doubled = list[Array | None]


class RefusedError(Exception):
    """Double backward raises, as it may."""


@define(
    "second-order",
    "double backward is right, or refuses loudly; never silently wrong or detached",
    after=("repeat", "mutation"),
    needs_right_gradient=True,
)
def check(session: Session) -> Outcome:
    """Differentiate <w, backward(x, v)> by autograd, and by differences of backward."""
    target = session.target
    assert isinstance(target, TorchTarget)
    if session.at_kink or not session.is_finite:
        return Outcome(status="skipped", detail="no derivative at the given values")
    cotangents = session.cotangents("second-order")
    weights = _weights(session)
    try:
        doubled = _doubled(target, cotangents, weights)
    except RefusedError as refusal:
        return Outcome(detail=f"refuses: {refusal}")
    inputs = range(len(target.primals))
    broken = _not_finite(session, doubled)
    if broken:
        return Outcome(findings=tuple(broken))
    for attempt in range(2):
        direction = _direction(session, f"second-order {attempt}", inputs)
        estimate = _numerical(session, cotangents, weights, direction)
        slope = along(doubled, direction)
        tolerance = _tolerance(session, estimate, doubled, direction)
        gap = abs(slope - estimate.value)
        if gap > tolerance:
            tolerance += _noise(session, direction)
        size = max(abs(estimate.value), abs(slope))
        if estimate.kinked or tolerance > 0.1 * size + 1e-6 * estimate.scale:
            return Outcome(status="skipped", detail="no second derivative to be had")
        if gap <= tolerance:
            spread = norm([g * d for g, d in _present(doubled, direction)])
            power = tolerance / spread if spread > tolerance else None
            return Outcome(detail="double backward against differences", power=power)
    return Outcome(findings=tuple(_blame(session, doubled, cotangents, weights)))


def _not_finite(session: Session, doubled: Doubled) -> list[Finding]:
    """Inputs whose second derivative is NaN or infinite; the first is finite there."""
    broken = {
        name: g
        for name, g in zip(session.target.names, doubled, strict=True)
        if g is not None and not np.isfinite(g).all()
    }
    return [
        Finding(
            property="second-order",
            input=name,
            diagnosis="not-finite",
            message=f"the derivative of backward with respect to {name!r} is "
            f"{'NaN' if np.isnan(g).any() else 'infinite'} at ordinary values",
            hint="backward differentiates to 0/0 or 0·inf somewhere, as the square "
            f"root of a saved zero does: guard it, or {session.target.wording.refuse}",
        )
        for name, g in broken.items()
    ]


def _weights(session: Session) -> list[Array]:
    """What the gradients are contracted with, one array for each input."""
    rng = session.rng("second-order weights")
    return [
        rng.standard_normal(p.shape)
        + (1j * rng.standard_normal(p.shape) if np.iscomplexobj(p) else 0)
        for p in session.target.primals
    ]


def _doubled(target: TorchTarget, cotangents: Arrays, weights: Arrays) -> Doubled:
    """Gradients of <w, backward(x, v)> for the inputs x.

    Raises:
        RefusedError: where torch or the backward says that it cannot.
    """
    leaves = target.leaves(target.primals)
    with torch.enable_grad():
        outputs = target.outputs(leaves)
        incoming = [
            v.requires_grad_()
            for v in target.incoming(outputs, cotangents)
            if v is not None
        ]
        try:
            gradients = target.gradients(outputs, leaves, incoming, create_graph=True)
        except TargetCrash as crash:
            raise RefusedError(str(crash)) from crash
        live = [
            (g, torch.tensor(w, dtype=g.dtype, device=g.device))
            for g, w in zip(gradients, weights, strict=True)
            if g is not None and g.requires_grad
        ]
        for gradient, _ in live:
            if gradient.grad_fn is not None and "Error" in gradient.grad_fn.name():
                raise RefusedError("once_differentiable")
        if not live:
            return [None] * len(leaves)
        try:
            with target.in_place(leaves):
                doubled = torch.autograd.grad(
                    [g for g, _ in live],
                    leaves,
                    [w for _, w in live],
                    allow_unused=True,
                )
        except Exception as error:  # any error is loud enough
            first = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise RefusedError(first) from error
    return [None if g is None else target.to_numpy(g) for g in doubled]


def _direction(session: Session, purpose: str, inputs: Sequence[int]) -> list[Array]:
    return session.direction(purpose, session.target.primals, inputs)


def _numerical(
    session: Session, cotangents: Arrays, weights: Arrays, direction: Arrays
) -> Estimate:
    """Differences of backward itself, contracted with the weights."""

    def backward(primals: Arrays) -> tuple[Array, ...]:
        gradients = session.claimed(primals, cotangents)
        return tuple(
            np.zeros_like(p) if g is None else g
            for p, g in zip(primals, gradients, strict=True)
        )

    return directional(
        backward,
        session.target.primals,
        direction,
        weights,
        epsilon=session.target.epsilon,
    )


def _tolerance(
    session: Session, estimate: Estimate, doubled: Doubled, direction: Arrays
) -> float:
    spread = norm([g * d for g, d in _present(doubled, direction)])
    own = SAFETY * (estimate.error + session.target.epsilon * spread)
    size = max(abs(estimate.value), abs(along(doubled, direction)))
    return max(own, session.tolerated(size, norm(direction)))


def _noise(session: Session, direction: Arrays) -> float:
    """What the rounding in the gradients comes to, measured only where it matters."""
    pairs = zip(session.noise, direction, strict=True)
    return SAFETY * NOISY * sum(n * norm([d]) for n, d in pairs)


def _present(doubled: Doubled, direction: Arrays) -> list[tuple[Array, Array]]:
    pairs = zip(doubled, direction, strict=True)
    return [(g, d) for g, d in pairs if g is not None]


def _blame(
    session: Session, doubled: Doubled, cotangents: Arrays, weights: Arrays
) -> list[Finding]:
    """Input by input; what is wrong in none alone is wrong in all together."""
    findings = []
    for index, name in enumerate(session.target.names):
        direction = _direction(session, f"second-order {name}", [index])
        estimate = _numerical(session, cotangents, weights, direction)
        got = along(doubled, direction)
        tolerance = _tolerance(session, estimate, doubled, direction)
        if abs(got - estimate.value) <= tolerance + _noise(session, direction):
            continue
        detached = doubled[index] is None or not np.any(doubled[index])
        findings.append(_finding(session, name, detached, got, estimate.value))
    return findings or [_finding(session, None, False, 1.0, 0.0)]


def _finding(
    session: Session, name: str | None, detached: bool, got: float, true: float
) -> Finding:
    of = f" with respect to {name!r}" if name else ""
    error = abs(got - true) / max(abs(got), abs(true), 1e-300)
    if detached:
        return Finding(
            property="second-order",
            input=name,
            diagnosis="detached",
            message=f"the derivative of backward{of} is silently zero: what backward "
            "uses is detached from it",
            hint="recompute intermediates from saved inputs in backward, or "
            f"{session.target.wording.refuse}",
            error=1.0,
        )
    return Finding(
        property="second-order",
        input=name,
        message=f"the derivative of backward{of} is silently wrong "
        f"(relative error {error:.2g})",
        hint="a saved intermediate is a constant to double backward: recompute it "
        f"from saved inputs, or {session.target.wording.refuse}",
        error=error,
    )
