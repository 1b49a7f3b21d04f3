"""Whether a wrong gradient looks like one that is meant to be wrong.

A straight-through estimator gives the gradient of the identity to a step, a surrogate
something smooth; a reversal turns the identity's around. That is for its author to say.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from typing import Any

from gradproof.check.verdict import Finding, Verdict

PROPERTIES = ("gradient", "sizes", "extremes", "precision", "second-order")
STEP = 1e-4
MEANT = "yourmodule:meant"
SMOOTH = (
    "the surrogate gradient of a step",
    MEANT,
    "where meant is a smooth function of the same inputs, whose gradient it is",
)


def with_hints(
    verdict: Verdict, target: Any, inputs: Sequence[Any], name: str
) -> Verdict:
    """The verdict, with a hint in its findings where the gradient may be meant."""
    if not any(finding.property == "gradient" for finding in verdict.findings):
        return verdict
    try:
        looks = _looks_like(target, inputs)
    except Exception:  # the finding stands without a hint
        return verdict
    if looks is None:
        return verdict
    what, meant, where = looks
    hint = (
        f"it looks like {what}: if that is meant, declare it in pyproject.toml:\n"
        f'[tool.gradproof.targets."{name}"]\ngradient_of = "{meant}"'
        + (f"\n{where}" if where else "")
    )
    findings = tuple(_hinted(finding, hint) for finding in verdict.findings)
    return dataclasses.replace(verdict, findings=findings)


def _hinted(finding: Finding, hint: str) -> Finding:
    if finding.property not in PROPERTIES:
        return finding
    return dataclasses.replace(finding, hint=hint)


def _looks_like(target: Any, inputs: Sequence[Any]) -> tuple[str, str, str] | None:
    """What it looks like, the name to declare, and what that name must be."""
    torch = sys.modules.get("torch")
    if torch is None or not hasattr(target, "apply"):
        return None
    arguments = [
        one.detach().clone() if isinstance(one, torch.Tensor) else one for one in inputs
    ]
    floating = [one for one in arguments if _is_floating(torch, one)]
    for one in floating:
        one.requires_grad_()
    with torch.random.fork_rng(devices=[]):
        state = torch.get_rng_state()
        output = target.apply(*_moved(arguments, floating, 0.0))
        torch.set_rng_state(state)
        if not isinstance(output, tuple):
            moved = target.apply(*_moved(arguments, floating[:1], STEP))
            return _one_output(torch, floating[0], output, moved)
        moved = target.apply(*_moved(arguments, floating, STEP))
    pairs = zip(output, moved, strict=True)
    gives = (_has_gradient(torch, o, floating) for o, m in pairs if _is_step(o, m))
    return SMOOTH if any(gives) else None


def _one_output(
    torch: Any, x: Any, output: Any, moved: Any
) -> tuple[str, str, str] | None:
    if not _is_floating(torch, output) or output.shape != x.shape:
        return None
    incoming = torch.randn(output.shape).to(output)
    (gradient,) = torch.autograd.grad(output, x, incoming, allow_unused=True)
    if gradient is None or gradient.shape != x.shape:
        return None
    if torch.allclose(output, x):
        factor = (gradient * incoming).sum() / (incoming * incoming).sum()
        if factor < 0 and torch.allclose(gradient, factor * incoming):
            if factor == -1:
                return "a gradient reversal", "-identity", ""
            code = f"where: def meant(x, *rest): return {factor:.4g} * x"
            return "a gradient reversal", MEANT, code
        return None
    if not _is_step(output, moved) or not gradient.any():
        return None
    passed = gradient == incoming
    if passed.all() or ((passed | (gradient == 0)).all() and passed.any()):
        name = "identity" if passed.all() else "torch.nn.functional:hardtanh"
        return "a straight-through estimator", name, ""
    return SMOOTH


def _moved(arguments: Sequence[Any], which: Sequence[Any], step: float) -> list[Any]:
    """The arguments, some of them moved; none is a leaf, so they may be written."""
    known = {id(one) for one in which}
    return [one + step * _uneven(one) if id(one) in known else one for one in arguments]


def _uneven(tensor: Any) -> Any:
    """One to five: a softmax does not move where all that goes in moves alike."""
    numbers = sys.modules["torch"].arange(tensor.numel(), device=tensor.device)
    return (1 + numbers % 5).reshape(tensor.shape).to(tensor.dtype)


def _is_step(here: Any, there: Any) -> bool:
    """Whether hardly anything moves where the inputs do."""
    return bool((there == here).float().mean() >= 0.9)


def _has_gradient(torch: Any, output: Any, inputs: Sequence[Any]) -> bool:
    if not _is_floating(torch, output) or not output.requires_grad:
        return False
    gradients = torch.autograd.grad(
        output, inputs, torch.ones_like(output), allow_unused=True, retain_graph=True
    )
    return any(one is not None and bool(one.any()) for one in gradients)


def _is_floating(torch: Any, value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.is_floating_point()
