"""precision: in low precision the error stays near what plain operations make."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from gradproof.check.properties import Outcome, define
from gradproof.check.session import Array, Session, magnitude
from gradproof.check.targets import Arrays, Recording, TargetCrash
from gradproof.check.targets._quietly import quietly
from gradproof.check.targets._torch_tensors import DOUBLE, dtype_name
from gradproof.check.targets.torch_ import TorchTarget
from gradproof.check.verdict import Finding

DTYPES = (torch.float32, torch.bfloat16, torch.float16)
BESIDE_PLAIN, WITHOUT = 4.0, 8.0  # times what the yardsticks show
GARBAGE = 0.25
FLOOR = np.array([1.0, 0.5])  # of a rounding, in the largest error and the mean one


@define(
    "precision",
    "in float32, bfloat16 and float16 the error is a small factor of what plain "
    "operations make",
    after=("repeat", "mutation"),
    needs_right_gradient=True,
)
def check(session: Session) -> Outcome:
    """Hold the gradient in each dtype against the one in float64.

    The yardstick is measured: the error of the forward's own operations in that dtype,
    and what rounding the inputs alone does to the float64 gradient.
    """
    target = session.target
    assert isinstance(target, TorchTarget)
    if not set(target.working) <= set(DOUBLE.values()):
        return Outcome(status="skipped", detail=f"it takes {target.dtype} only")
    if target.is_plain:
        return Outcome(status="skipped", detail="it is made of plain operations")
    findings: list[Finding] = []
    tried, not_taken = [], []
    for dtype in _dtypes(target):
        low = target.in_dtype(dtype)
        low.primals = tuple(rounded(p, dtype) for p in target.primals)
        try:
            with quietly():
                recording = low.record(low.primals, session.asked)
        except TargetCrash:
            not_taken.append(dtype_name(dtype))
            continue
        if not all(np.isfinite(one).all() for one in recording.outputs):
            not_taken.append(f"{dtype_name(dtype)} (overflows)")
            continue
        tried.append(dtype_name(dtype))
        findings += _judge(session, target, low, recording)
    if not tried:
        return Outcome(status="unsupported", detail="it takes float64 only")
    left_out = f"; not taken: {', '.join(not_taken)}" if not_taken else ""
    first = {finding.input: finding for finding in reversed(findings)}
    return Outcome(
        findings=tuple(first.values()), detail=f"{', '.join(tried)}{left_out}"
    )


def _dtypes(target: TorchTarget) -> Sequence[torch.dtype]:
    """The dtypes to try; of complex numbers torch computes with no shorter ones."""
    return DTYPES[:1] if any(map(np.iscomplexobj, target.primals)) else DTYPES


def _judge(
    session: Session, target: TorchTarget, low: TorchTarget, recording: Recording
) -> list[Finding]:
    dtype, primals = low.working[0].to_real(), low.primals
    cotangents = [rounded(v, dtype) for v in session.cotangents("precision")]
    true = session.claimed(primals, cotangents)
    try:
        with quietly():
            got = recording.pullback(cotangents)
    except TargetCrash as crash:
        return [
            Finding(
                property="precision",
                diagnosis="crash",
                message=f"{crash} in {dtype_name(dtype)}",
                hint="create what backward computes with in the dtype of grad_output",
            )
        ]
    plain = low.exact(primals, cotangents)
    forward = 0.0 if plain else _forward_error(target, primals, recording.outputs)
    shaken = session.claimed(
        _shaken(session, primals, low.epsilon),
        _shaken(session, cotangents, low.epsilon),
    )
    findings = []
    for index, name in enumerate(target.names):
        errors = [
            _errors(g[index], true[index]) for g in (got, shaken) if g is not None
        ]
        if plain is not None:
            errors.append(_errors(plain[index], true[index]))
        ours, *yardsticks = errors
        reference = true[index]
        if reference is None or not np.isfinite(reference).all():
            continue
        size = np.array([magnitude(reference), _rms(reference)])
        floor = (
            low.epsilon * FLOOR * size if plain else max(low.epsilon, forward) * size
        )
        yardstick = np.maximum.reduce([floor, *yardsticks])
        if yardstick[1] > GARBAGE * size[1]:
            continue  # plain operations make nothing of it either
        allowed = (BESIDE_PLAIN if plain else WITHOUT) * yardstick
        if np.all(ours <= allowed):
            continue
        relative = float(ours[1] / max(_rms(reference), 1e-300))
        worst = float(np.max(ours / np.maximum(yardstick, 1e-300)))
        findings.append(
            Finding(
                property="precision",
                input=name,
                diagnosis="low-precision",
                message=f"in {dtype_name(dtype)} the gradient of {name!r} is off by "
                f"{relative:.2g}, {worst:.3g} times what plain operations make",
                hint="accumulate in float32, and keep what backward needs in the "
                "precision that it needs",
                error=relative,
            )
        )
    return findings


def _forward_error(target: TorchTarget, primals: Arrays, outputs: Arrays) -> float:
    """How far the outputs are off, relative to their size."""
    pairs = zip(outputs, target.forward(primals), strict=True)
    return max(_rms(a - b) / max(_rms(b), 1e-300) for a, b in pairs)


def _errors(got: Array | None, true: Array | None) -> Array:
    """Largest and root mean square difference."""
    if got is None or true is None:
        present = got if got is not None else true
        if present is None:
            return np.zeros(2)
        return np.array([magnitude(present), _rms(present)])
    if got.shape != true.shape:
        return np.array([np.inf, np.inf])
    return np.array([magnitude(got - true), _rms(got - true)])


def _rms(array: Array) -> float:
    value = float(np.sqrt(np.mean(np.abs(array) ** 2))) if array.size else 0.0
    return value if np.isfinite(value) else np.inf


def rounded(array: Array, dtype: torch.dtype) -> Array:
    """The nearest numbers of a real dtype, to both parts of a complex one."""
    if np.iscomplexobj(array):
        return rounded(array.real, dtype) + 1j * rounded(array.imag, dtype)
    values: Array = torch.tensor(array).to(dtype).to(torch.float64).numpy()
    return values


def _shaken(session: Session, arrays: Arrays, epsilon: float) -> list[Array]:
    """Numbers that a rounding may have moved: what no backward can see."""
    rng = session.rng("precision")
    return [a * (1 + epsilon * rng.uniform(-0.5, 0.5, a.shape)) for a in arrays]
