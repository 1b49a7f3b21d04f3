"""The nine wrong backwards of the layer are found and named, the right one passes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import gradproof as gp
from tests.defects.linear import NINE, WAYS, arrays, rules

# What a library or the driver of gp.function settles itself, so that it is no defect.
NOT_A_DEFECT = {
    ("gp.function on NumPy", "the sum over the batch forgotten"),
    ("gp.function on torch", "the sum over the batch forgotten"),
    ("gp.function on JAX", "the sum over the batch forgotten"),
}
# JAX traces a backward: a value kept from another trace is an error of JAX's own.
REFUSED_BY_JAX = {
    ("custom_vjp", "a stale save"),
    ("gp.function on JAX", "a stale save"),
}
CASES = [
    (way, mistake)
    for way in WAYS
    for mistake in NINE
    if (way, mistake) not in NOT_A_DEFECT | REFUSED_BY_JAX
]


@pytest.mark.parametrize("way", WAYS)
def test_the_right_layer_passes(way: str) -> None:
    target, inputs, settings = WAYS[way](rules(None))
    verdict = gp.check(target, *inputs, **settings)
    assert verdict.ok, str(verdict)
    assert "gradient" in {c.property for c in verdict.checks if c.status == "passed"}


@pytest.mark.parametrize(("way", "mistake"), CASES)
def test_each_mistake_is_found_and_named(way: str, mistake: str) -> None:
    wrong_input, _, _, diagnosis = NINE[mistake]
    target, inputs, settings = WAYS[way](rules(mistake))
    verdict = gp.check(target, *inputs, **settings)
    assert not verdict.ok
    named = {(f.input, f.diagnosis) for f in verdict.findings}
    if way in ("callable", "module"):
        # The node's input is known by its leaf only where it is one.
        assert diagnosis in {d for _, d in named}, str(verdict)
    else:
        assert named == {(wrong_input, diagnosis)}, str(verdict)


@pytest.mark.parametrize("mistake", NINE)
def test_the_property_that_fails_is_the_one_that_the_mistake_breaks(mistake) -> None:
    _, _, property, _ = NINE[mistake]
    target, inputs, _ = WAYS["autograd.Function"](rules(mistake))
    verdict = gp.check(target, *inputs)
    assert [f.property for f in verdict.findings] == [property]


@pytest.mark.parametrize(("way", "mistake"), sorted(NOT_A_DEFECT))
def test_the_driver_of_a_function_sums_over_the_batch(way: str, mistake: str) -> None:
    target, inputs, settings = WAYS[way](rules(mistake))
    assert gp.check(target, *inputs, **settings).ok


@pytest.mark.parametrize("mistake", NINE)
def test_each_mistake_is_wrong_by_torchs_autograd(mistake: str) -> None:
    """The proof: the rule against autograd of F.linear, gradproof not involved."""
    name, make, _, _ = NINE[mistake]
    rule = make()
    for seed in (0, 1):  # a stale save is right the first time
        rng = np.random.default_rng(seed)
        tensors = {
            n: torch.tensor(a + rng.standard_normal(a.shape), requires_grad=True)
            for n, a in zip(("input", "weight", "bias"), arrays(), strict=True)
        }
        output = torch.nn.functional.linear(*tensors.values())
        grad_output = 3 * torch.tensor(rng.standard_normal(output.shape))
        (true,) = torch.autograd.grad(output, tensors[name], grad_output)
        inputs = [tensors[n].detach() for n in ("input", "weight")]
        try:
            claimed = rule(grad_output, *inputs)
        except RuntimeError:  # shapes that do not multiply
            claimed = None
        if claimed is None or claimed.shape != true.shape:
            return
        if not torch.allclose(claimed, true):
            return
    pytest.fail("the mistake does not show")
