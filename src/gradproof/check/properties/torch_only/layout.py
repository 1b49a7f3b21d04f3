"""layout: how inputs and incoming gradients lie in memory does not matter."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from gradproof.check.properties import Outcome, define
from gradproof.check.session import Session
from gradproof.check.targets import Arrays, Gradients, TargetCrash
from gradproof.check.targets.torch_ import TorchTarget
from gradproof.check.verdict import Finding

Arrange = Callable[[torch.Tensor], torch.Tensor]
ALONE_UP_TO = 4


def contiguous(tensor: torch.Tensor) -> torch.Tensor:
    """A plain copy."""
    return tensor.clone()


def transposed(tensor: torch.Tensor) -> torch.Tensor:
    """The same values with the dimensions laid out in reverse."""
    axes = tuple(reversed(range(tensor.ndim)))
    return tensor.permute(axes).contiguous().permute(axes)


def strided(tensor: torch.Tensor) -> torch.Tensor:
    """The same values with other numbers between them."""
    return torch.stack([tensor, torch.full_like(tensor, 7.25)], -1)[..., 0]


def offset(tensor: torch.Tensor) -> torch.Tensor:
    """The same values, not at the beginning of their storage."""
    start = tensor.new_full((3,), 7.25)
    return torch.cat([start, tensor.reshape(-1)])[3:].view(tensor.shape)


WAYS: dict[str, Arrange] = {
    "transposed": transposed,
    "strided": strided,
    "offset": offset,
}


@define(
    "layout",
    "inputs and incoming gradients may be transposed, strided, offset or expanded",
    after=("shape", "gradient", "mutation"),
    needs_right_gradient=True,
)
def check(session: Session) -> Outcome:
    """Compare the gradients over layouts of the same values."""
    target = session.target
    assert isinstance(target, TorchTarget)
    if target.draws_random_numbers:
        return Outcome(status="skipped", detail="its random numbers follow the layout")
    cotangents = session.cotangents("layout")
    ones = [np.ones_like(v) for v in cotangents]
    findings: list[Finding] = []
    count = len(target.names) - len(target.parameters)
    usual = _gradients(target, target.primals, cotangents, contiguous, contiguous)

    def arranged(
        inputs: Arrange, incoming: Arrange, only: int | None = None
    ) -> Callable[[], Gradients]:
        return lambda: _gradients(
            target, target.primals, cotangents, inputs, incoming, only
        )

    for name, arrange in WAYS.items():
        lie = f"are {name} in memory"
        run = arranged(contiguous, arrange)
        findings += _compare(session, usual, f"incoming gradients {lie}", run)
        if not target.writes_inputs:  # what is written must be dense
            run = arranged(arrange, contiguous)
            findings += _compare(session, usual, f"inputs {lie}", run)
    alone = range(count) if count > 1 and not target.writes_inputs else ()
    for index in alone[:ALONE_UP_TO]:
        when = f"{target.names[index]!r} alone is strided in memory"
        run = arranged(strided, contiguous, index)
        findings += _compare(session, usual, when, run)
    usual = _gradients(target, target.primals, ones, contiguous, contiguous)
    findings += _compare(
        session,
        usual,
        "the incoming gradient is expanded (stride 0), as .sum() makes it",
        lambda: _gradients(target, target.primals, ones, contiguous, _expanded),
    )
    if not target.writes_inputs:
        findings += _expanded_inputs(session, target, cotangents)
    first = {(f.input, f.diagnosis): f for f in reversed(findings)}
    return Outcome(findings=tuple(first.values()), detail="layouts of the same values")


def _expanded(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.new_ones(()).expand(tensor.shape)


def _expanded_inputs(
    session: Session, target: TorchTarget, cotangents: Arrays
) -> list[Finding]:
    """Inputs whose rows are one row repeated: in memory, and by stride 0."""
    rows = [p[:1] if p.ndim > 1 and len(p) > 1 else p for p in target.primals]
    repeated = [
        np.broadcast_to(r, p.shape) for r, p in zip(rows, target.primals, strict=True)
    ]
    if all(r.shape == p.shape for r, p in zip(rows, target.primals, strict=True)):
        return []
    try:
        usual = _gradients(target, repeated, cotangents, contiguous, contiguous)
    except TargetCrash:
        return []  # not a function of equal rows

    def stride_0(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.ndim < 2 or len(tensor) < 2:
            return tensor
        # Each row of the leaf still gets the gradient of its own row.
        return _RepeatFirst.apply(tensor)  # type: ignore[no-any-return, no-untyped-call]

    return _compare(
        session,
        usual,
        "inputs are expanded (stride 0) in memory",
        lambda: _gradients(target, repeated, cotangents, stride_0, contiguous),
    )


class _RepeatFirst(torch.autograd.Function):
    """The first row, expanded; the gradient goes to the rows one by one."""

    @staticmethod
    def forward(ctx, rows):  # type: ignore[no-untyped-def]
        """Equal rows as one row with stride 0."""
        return rows[:1].expand(rows.shape)

    @staticmethod
    def backward(ctx, grad_output):  # type: ignore[no-untyped-def]
        """As it comes."""
        return grad_output


def _gradients(
    target: TorchTarget,
    primals: Arrays,
    cotangents: Arrays,
    arrange_inputs: Arrange,
    arrange_incoming: Arrange,
    only: int | None = None,
) -> Gradients:
    """Gradients of all inputs, or only one of them, arranged in memory."""
    leaves = target.leaves(primals)
    with torch.enable_grad():
        count = len(leaves) - len(target.parameters)
        inputs = [
            arrange_inputs(leaf) if only in (None, index) else contiguous(leaf)
            for index, leaf in enumerate(leaves[:count])
        ]
        outputs = target.outputs([*inputs, *leaves[count:]], as_given=True)
    incoming = [
        None if v is None else arrange_incoming(v)
        for v in target.incoming(outputs, cotangents)
    ]
    found = target.gradients(outputs, leaves, incoming)
    return [None if g is None else target.to_numpy(g) for g in found]


def _compare(
    session: Session, usual: Gradients, when: str, run: Callable[[], Gradients]
) -> list[Finding]:
    try:
        got = run()
    except TargetCrash as crash:
        if crash.stage == "forward":
            return []  # a layout may be refused, aloud and before anything is wrong
        return [
            Finding(
                property="layout",
                diagnosis="crash",
                message=f"{crash} when {when}",
                hint="use .reshape instead of .view, or call .contiguous() first",
            )
        ]
    which = "grad_output" if "incoming" in when else "the inputs"
    return [
        Finding(
            property="layout",
            input=name,
            message=f"the gradient of {name!r} is wrong when {when} "
            f"(relative error {error:.2g})",
            hint=f"it takes {which} for contiguous: call .contiguous() before reading "
            "memory, or use the strides",
            error=error,
        )
        for name, error, _ in session.compare(usual, got)
    ]
