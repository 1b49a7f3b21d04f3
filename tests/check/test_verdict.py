"""Verdicts are frozen, plain data, true where nothing was found."""

from __future__ import annotations

import dataclasses
import json
import pickle

import pytest
import torch

import gradproof as gp
from tests.defects.linear import WAYS, rules


@pytest.fixture(scope="module")
def wrong() -> gp.Verdict:
    target, inputs, _ = WAYS["autograd.Function"](rules("a wrong scale"))
    return gp.check(target, *inputs)


def test_a_verdict_is_true_where_nothing_was_found(wrong) -> None:
    target, inputs, _ = WAYS["autograd.Function"](rules(None))
    right = gp.check(target, *inputs)
    assert right
    assert right.ok
    assert not wrong
    assert not wrong.ok


def test_everything_is_frozen(wrong) -> None:
    for one, name in [(wrong, "seed"), (wrong.checks[0], "status")]:
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(one, name, None)
    with pytest.raises(dataclasses.FrozenInstanceError):
        wrong.findings[0].message = ""


def test_it_is_plain_data_and_comes_back_from_json_and_pickle(wrong) -> None:
    text = json.dumps(wrong.to_dict(), allow_nan=False)
    assert gp.Verdict.from_dict(json.loads(text)) == wrong
    assert pickle.loads(pickle.dumps(wrong)) == wrong


def test_statuses_are_the_four_of_the_contract(wrong) -> None:
    known = {"passed", "failed", "skipped", "unsupported"}
    assert {check.status for check in wrong.checks} <= known


def test_the_same_seed_gives_the_same_verdict_and_another_the_same_findings() -> None:
    target, inputs, _ = WAYS["autograd.Function"](rules("a wrong scale"))
    assert gp.check(target, *inputs, seed=3) == gp.check(target, *inputs, seed=3)
    other = gp.check(target, *inputs, seed=4)
    assert [f.diagnosis for f in other.findings] == ["scale"]


def test_one_property_alone_says_the_same_as_among_all() -> None:
    target, inputs, _ = WAYS["autograd.Function"](rules("a wrong scale"))
    every = gp.check(target, *inputs)
    alone = gp.check(target, *inputs, select=["gradient"])
    assert alone.findings == every.findings
    assert [c.property for c in alone.checks] == ["gradient"]


def test_power_is_honest() -> None:
    """An error just above the power it states is found, one well below is not."""

    def scaled(error: float):
        class Sine(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return x.sin()

            @staticmethod
            def backward(ctx, grad_output):
                (x,) = ctx.saved_tensors
                noise = torch.randn(
                    x.shape, generator=torch.Generator().manual_seed(7), dtype=x.dtype
                )
                return grad_output * x.cos() * (1 + error * noise)

        return Sine

    x = torch.linspace(-3, 3, 60, dtype=torch.float64)
    power = next(
        check.power
        for check in gp.check(scaled(0.0), x).checks
        if check.property == "gradient"
    )
    assert power is not None
    assert power < 1e-8
    assert not gp.check(scaled(30 * power), x).ok
    assert gp.check(scaled(power / 30), x).ok
