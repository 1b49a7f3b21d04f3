"""memory: nothing outlives the backward, and what is kept for it is not too much."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from gradproof.check.properties import Outcome, define
from gradproof.check.session import Session
from gradproof.check.targets import Arrays
from gradproof.check.targets._leaves import walk
from gradproof.check.targets._torch_nodes import hand_written
from gradproof.check.targets.torch_ import TorchTarget
from gradproof.check.verdict import Finding

SLACK = 64  # bytes: a few numbers, such as a scale or a count
TIMES = 2


@define(
    "memory",
    "nothing outlives the backward, no reference cycle, no more is kept than needed",
    after=("shape", "gradient", "repeat"),
    needs_right_gradient=True,
)
def check(session: Session) -> Outcome:
    """Count what is kept for backward, and look for what stays after it."""
    target = session.target
    assert isinstance(target, TorchTarget)
    cotangents = session.cotangents("memory")
    leaves = target.leaves(target.primals)

    def run() -> list[torch.Tensor]:
        return target.outputs(leaves, as_given=not target.writes_inputs)

    kept, outputs = _kept(run)
    findings = [
        *_too_much(target, kept, outputs),
        *_stays(target, leaves, outputs, cotangents),
        *_outlives(target, cotangents),
    ]
    return Outcome(findings=tuple(findings), detail="bytes kept, ctx, reference cycles")


def _too_much(
    target: TorchTarget, kept: int, outputs: list[torch.Tensor]
) -> list[Finding]:
    if not any(True for _ in hand_written(outputs)):
        return []  # what autograd keeps is what it keeps
    whole = sum(p.nbytes for p in target.primals) + sum(
        one.numel() * one.element_size() for one in outputs
    )
    of_graph = _kept_by_graph(target)
    if kept <= TIMES * max(whole, of_graph) + SLACK:
        return []
    return [
        Finding(
            property="memory",
            diagnosis="leak",
            message=f"{kept} bytes are kept for backward, {kept / whole:.3g} times the "
            "inputs and outputs together",
            hint="save inputs and outputs, and recompute what is cheap; save a view's "
            "base only where it is needed",
            error=kept / whole,
        )
    ]


def _kept_by_graph(target: TorchTarget) -> int:
    """Bytes that autograd keeps of the forward's own operations, 0 where unknown."""
    plain, leaves = target.plain_outputs, target.leaves(target.primals)
    if plain is None:
        return 0
    try:
        return _kept(lambda: plain(leaves))[0]
    except Exception:  # a forward that is no witness tells nothing
        return 0


def _kept(run: Callable[[], list[torch.Tensor]]) -> tuple[int, list[torch.Tensor]]:
    """Bytes of the distinct storages that a graph keeps, and its outputs."""
    storages: dict[int, int] = {}

    def see(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.layout == torch.strided and tensor.dtype != torch.uint8:
            storage = tensor.untyped_storage()
            storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    with (
        torch.enable_grad(),
        torch.autograd.graph.saved_tensors_hooks(see, lambda tensor: tensor),
    ):
        outputs = run()
    for node in hand_written(outputs):
        for _, tensor in _attributes(node):
            see(tensor)
    return sum(storages.values()), outputs


def _stays(
    target: TorchTarget,
    leaves: list[torch.Tensor],
    outputs: list[torch.Tensor],
    cotangents: Arrays,
) -> list[Finding]:
    """Tensors on a ctx, which live as long as the output, backward or not."""
    target.gradients(outputs, leaves, target.incoming(outputs, cotangents))
    known = {t.untyped_storage().data_ptr() for t in (*leaves, *outputs)}
    findings = {}
    for node in hand_written(outputs):
        for name, tensor in _attributes(node):
            storage = tensor.untyped_storage()
            if storage.nbytes() > SLACK and storage.data_ptr() not in known:
                findings[name] = Finding(
                    property="memory",
                    diagnosis="leak",
                    message=f"ctx.{name} ({storage.nbytes()} bytes) is still there "
                    "after backward, for as long as the output is",
                    hint="ctx.save_for_backward frees what it holds after backward, an "
                    "attribute of ctx does not",
                )
    return list(findings.values())


def _attributes(node: Any) -> Iterator[tuple[str, torch.Tensor]]:
    for name, value in vars(node).items():
        for path, leaf in walk(value):
            if not isinstance(leaf, torch.Tensor) or leaf.layout != torch.strided:
                continue
            if leaf.dtype != torch.uint8:  # the state of a random generator
                yield f"{name}{path}", leaf


def _outlives(target: TorchTarget, cotangents: Arrays) -> list[Finding]:
    """What is alive after the last reference to it is gone."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        watched = _run_and_forget(target, cotangents)
        alive = [what for what, reference in watched if reference() is not None]
    finally:
        if enabled:
            gc.enable()
    if not alive:
        return []
    gc.collect()
    held = [what for what, reference in watched if reference() is not None]
    what = (held or alive)[0]
    if held:
        message = f"{what} is still alive after backward, with nothing of it in use"
        hint = "something outside ctx keeps it, such as a list, a cache or a class"
    else:
        message = (
            f"{what} and its graph form a reference cycle: their memory is freed only "
            "when the garbage collector runs"
        )
        hint = "never put an output on ctx: pass it to ctx.save_for_backward"
    return [Finding(property="memory", diagnosis="leak", message=message, hint=hint)]


def _run_and_forget(target: TorchTarget, cotangents: Arrays) -> list[tuple[str, Any]]:
    """Run and keep only weak references, to inputs by the memory that they are in."""
    arrays = [np.array(primal) for primal in target.primals]
    if all(dtype in (torch.float64, torch.complex128) for dtype in target.working):
        leaves = [torch.from_numpy(array).requires_grad_() for array in arrays]
    else:
        leaves = target.leaves(target.primals)
    with torch.enable_grad():
        # A view shares the memory; what writes its inputs needs a copy.
        outputs = target.outputs(
            [leaf.view_as(leaf) for leaf in leaves],
            as_given=not target.writes_inputs,
        )
    incoming = target.incoming(outputs, cotangents)
    target.gradients(outputs, leaves, incoming)
    watched: list[tuple[str, Any]] = []
    watched += [("an output", weakref.ref(one)) for one in outputs]
    watched += [("an input", weakref.ref(array)) for array in arrays]
    given = (v for v in incoming if v is not None)
    return watched + [("an incoming gradient", weakref.ref(v)) for v in given]
