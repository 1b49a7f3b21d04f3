"""vmap: batched calls, forward and backward, agree with a loop."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator

import numpy as np
import torch

from gradproof.check.properties import Outcome, define
from gradproof.check.session import Array, Session, differs, relative_error
from gradproof.check.targets import Arrays, TargetCrash, describe
from gradproof.check.targets.torch_ import TorchTarget
from gradproof.check.verdict import Finding


@define(
    "vmap",
    "batched calls, forward and backward, agree with a loop, where supported",
    after=("repeat", "mutation"),
)
def check(session: Session) -> Outcome:
    """Map over two points, and over two incoming gradients."""
    target = session.target
    assert isinstance(target, TorchTarget)
    if target.draws_random_numbers:
        return Outcome(status="skipped", detail="it draws random numbers")
    findings = []
    unsupported = []
    tried = []
    for what, run in (("forward", _forward), ("backward", _backward)):
        try:
            with _without_a_word():
                finding = run(session, target)
        except _NotSupportedError as error:
            unsupported.append(f"{what}: {error}")
            continue
        tried.append(what)
        if finding is not None:
            findings.append(finding)
    if not tried:
        return Outcome(status="unsupported", detail="; ".join(unsupported))
    rest = f"; not supported: {'; '.join(unsupported)}" if unsupported else ""
    detail = f"{' and '.join(tried)} against a loop{rest}"
    return Outcome(findings=tuple(findings), detail=detail)


@contextlib.contextmanager
def _without_a_word() -> Iterator[None]:
    """No warning, nor torch's own of slow batching, which passes by Python's filters.

    Torch does not tell whether that one is on; it is by default.
    """
    switch = getattr(
        torch._C._functorch, "_set_vmap_fallback_warning_enabled", lambda _: None
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        switch(False)
        try:
            yield
        finally:
            switch(True)


class _NotSupportedError(Exception):
    """Torch says that it cannot batch this."""


def _forward(session: Session, target: TorchTarget) -> Finding | None:
    points: list[Arrays] = [target.primals, session.neighbour("vmap")]
    nothing = [False] * len(target.names)
    try:
        loop = [target.outputs_there, *(target.forward(p) for p in points[1:])]
    except TargetCrash as crash:
        raise _NotSupportedError(str(crash)) from crash
    stacked = [
        torch.stack(pair)
        for pair in zip(*(target.leaves(p, nothing) for p in points), strict=True)
    ]

    def call(*tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(target.outputs(tensors))

    try:
        batched = torch.vmap(call)(*stacked)
        got = [target.to_numpy(one) for one in batched]
    except Exception as error:  # the ways to say no are many
        raise _NotSupportedError(_first_line(error)) from error
    for index, one in enumerate(got):
        expected = np.stack([outputs[index] for outputs in loop])
        tolerance = (
            256
            * target.epsilon
            * max(1e-300, float(np.max(np.abs(expected), initial=0)))
        )
        if differs(one, expected, tolerance):
            return _finding(target, None, one, expected)
    return None


def _backward(session: Session, target: TorchTarget) -> Finding | None:
    pair = [session.cotangents(f"vmap {number}") for number in range(2)]
    leaves = target.leaves(target.primals)
    with torch.enable_grad():
        outputs = target.outputs(leaves)
    loop = [session.claimed(target.primals, cotangents) for cotangents in pair]
    stacked = [
        torch.stack([one for one in both if one is not None])
        for both in zip(*(target.incoming(outputs, v) for v in pair), strict=True)
    ]
    try:
        batched = target.gradients(outputs, leaves, stacked, is_grads_batched=True)
    except TargetCrash as crash:
        raise _NotSupportedError(_first_line(crash.error)) from crash
    for index, name in enumerate(target.names):
        parts = [gradients[index] for gradients in loop]
        present = [part for part in parts if part is not None]
        got = batched[index]
        if len(present) < len(parts) or got is None or not session.is_steady(name):
            continue
        expected, found = np.stack(present), target.to_numpy(got)
        if differs(found, expected, 4 * session.least_rounding(index, expected)) and (
            differs(found, expected, 4 * session.rounding(index, expected))
        ):
            return _finding(target, name, found, expected)
    return None


def _first_line(error: BaseException) -> str:
    return describe(error).split(". ")[0][:160]


def _finding(
    target: TorchTarget, name: str | None, got: Array, expected: Array
) -> Finding:
    error = relative_error(got, expected)
    result = f"gradient of {name!r}" if name else "output"
    return Finding(
        property="vmap",
        input=name,
        message=f"batched by vmap, the {result} is not the one of a loop "
        f"(relative error {error:.2g})",
        hint=target.wording.batch,
        error=error,
    )
