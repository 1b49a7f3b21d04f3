"""shape: what backward itself returns has the shape, dtype and device of its input."""

from __future__ import annotations

import numpy as np

from gradproof._rule import broadcasts
from gradproof.backends.numpy_ import sum_to
from gradproof.check.diagnose import agrees_at_every_trial, evidence_for
from gradproof.check.properties import Outcome, define
from gradproof.check.session import Session
from gradproof.check.targets import RawGradient
from gradproof.check.verdict import Finding


@define("shape", "backward itself returns the shape, dtype and device of each input")
def check(session: Session) -> Outcome:
    """Call the backward directly, before an engine can sum or cast what it returns."""
    target = session.target
    cotangents = session.cotangents("shape")
    raw = target.raw(target.primals, cotangents)
    if raw is None:
        return Outcome(
            status="unsupported", detail="its library checks every gradient itself"
        )
    if not raw:
        return Outcome(
            status="unsupported", detail="no hand-written backward in its graph"
        )
    problems = [one for one in _once_each(raw) if one.problem is not None]
    findings = tuple(_finding(session, one) for one in problems)
    for one, finding in zip(problems, findings, strict=True):
        if one.problem == "count":
            session.stopped = "shape"
        if one.problem == "dtype" and finding.input in target.names:
            session.blamed.setdefault(finding.input, "shape")
        elif finding.input in target.names:
            repaired = finding.diagnosis == "missing-reduction" and target.has_engine
            if not repaired:
                session.leave_out(finding.input, "shape")
    plural = "s" if len(raw) > 1 else ""
    return Outcome(findings=findings, detail=f"{len(raw)} gradient{plural} looked at")


def _once_each(raw: list[RawGradient]) -> list[RawGradient]:
    return list({(r.input, r.problem, r.got, r.expected): r for r in raw}.values())


def _finding(session: Session, raw: RawGradient) -> Finding:
    of = f"the gradient of {raw.input!r}" if raw.input else "a gradient"
    if raw.problem == "count":
        return Finding(
            property="shape",
            input=raw.input,
            diagnosis="missing" if raw.value is None else None,
            message=f"backward returned {raw.got}, expected {raw.expected}",
            hint="return one gradient for each argument of forward, None for "
            "those that are not tensors",
        )
    if raw.problem == "dtype":
        return Finding(
            property="shape",
            input=raw.input,
            diagnosis="wrong-dtype",
            message=f"{of} is {raw.got}, its input {raw.expected}: "
            "the engine casts it and what was lost stays lost",
            hint="create what backward computes with in the dtype of grad_output",
        )
    if raw.problem == "device":
        return Finding(
            property="shape",
            input=raw.input,
            message=f"{of} is on another device than its input",
            hint="create what backward computes with on the device of grad_output",
        )
    return _wrong_shape(session, raw, of)


def _wrong_shape(session: Session, raw: RawGradient, of: str) -> Finding:
    """Name the wrong shape by what makes it right: a sum, or a transpose."""
    came = f"{of} has shape {_shape(raw.got)}, its input {_shape(raw.expected)}"
    evidence = evidence_for(session, raw.input, gradients=_raw_gradient)
    if evidence is not None:
        shape = session.target.primals[evidence.index].shape

        def summed(gradient: np.ndarray) -> np.ndarray | None:
            fits = broadcasts(shape, gradient.shape) and gradient.shape != shape
            return np.asarray(sum_to(gradient, shape)) if fits else None

        def turned(gradient: np.ndarray) -> np.ndarray | None:
            return gradient.swapaxes(-1, -2) if gradient.ndim >= 2 else None

        if agrees_at_every_trial(evidence, summed):
            return Finding(
                property="shape",
                input=raw.input,
                diagnosis="missing-reduction",
                message=f"{came}: the sum over the broadcast dimensions is missing",
                hint=f"sum it to the shape of {raw.input!r}, "
                f"as in grad_output.sum(0); torch's engine hides this, others do not",
                error=0.0,
            )
        if agrees_at_every_trial(evidence, turned):
            return Finding(
                property="shape",
                input=raw.input,
                diagnosis="transposed",
                message=f"{came}: it is the transpose of the right gradient",
                hint="transpose it, or swap the operands of the product",
                error=0.0,
            )
    return Finding(
        property="shape",
        input=raw.input,
        diagnosis="wrong-shape",
        message=came,
        hint="the gradient of an input has the shape of that input",
    )


def _raw_gradient(session: Session, index: int, primals, cotangents):  # type: ignore[no-untyped-def]
    name = session.target.names[index]
    raw = session.target.raw(primals, cotangents) or []
    return next((one.value for one in raw if one.input == name), None)


def _shape(spec: str) -> str:
    return spec[spec.index("[") :] if "[" in spec else spec
