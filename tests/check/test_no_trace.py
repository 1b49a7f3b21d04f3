"""A check leaves nothing behind in the process that called it."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

import gradproof as gp
from tests.defects.linear import WAYS, rules


def state() -> dict[str, object]:
    return {
        "torch": torch.get_rng_state().tolist(),
        "numpy": np.random.get_state()[1].tolist(),
        "python": random.getstate(),
        "dtype": torch.get_default_dtype(),
        "grad mode": torch.is_grad_enabled(),
        "threads": torch.get_num_threads(),
        "numpy errors": np.geterr(),
    }


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("mistake", [None, "a wrong scale", "the transpose dropped"])
def test_random_state_and_modes_are_as_before(way, mistake) -> None:
    target, inputs, settings = WAYS[way](rules(mistake))
    before = state()
    gp.check(target, *inputs, **settings)
    assert state() == before


def test_a_target_that_draws_random_numbers_is_replayed_and_leaves_no_trace() -> None:
    dropout = torch.nn.Dropout(0.5)
    before = state()
    assert gp.check(dropout, torch.randn(20, 30, dtype=torch.float64)).ok
    after = state()
    assert {k: v for k, v in after.items() if k != "torch"} == {
        k: v for k, v in before.items() if k != "torch"
    }


def test_inputs_and_grad_fields_are_as_before() -> None:
    function, inputs, _ = WAYS["autograd.Function"](rules(None))
    for tensor in inputs:
        tensor.requires_grad_()
        tensor.grad = torch.ones_like(tensor)
    copies = [tensor.detach().clone() for tensor in inputs]
    gp.check(function, *inputs)
    for tensor, copy in zip(inputs, copies, strict=True):
        assert torch.equal(tensor, copy)
        assert torch.equal(tensor.grad, torch.ones_like(tensor))
        assert tensor._version == 0
        assert tensor._backward_hooks is None


def test_a_modules_parameters_buffers_and_mode_are_as_before() -> None:
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    before = {name: value.clone() for name, value in module.state_dict().items()}
    verdict = gp.check(module, torch.randn(5, 3))
    assert verdict.ok, str(verdict)
    assert all(torch.equal(v, before[n]) for n, v in module.state_dict().items())
    assert all(p.grad is None for p in module.parameters())
    assert module.training


def test_the_lists_that_a_recurrent_layer_keeps_are_as_before() -> None:
    module = torch.nn.LSTM(3, 2)
    before = [id(one) for one in module._flat_weights]
    verdict = gp.check(module, torch.randn(4, 2, 3))
    assert verdict.ok, str(verdict)
    assert [id(one) for one in module._flat_weights] == before
    assert [id(one) for one in module.parameters()] == before


def test_a_frozen_parameter_is_as_wide_as_the_others_and_then_as_before() -> None:
    module = torch.nn.Linear(3, 4)
    bias = module.bias.requires_grad_(False)
    verdict = gp.check(module, torch.randn(5, 3))
    assert verdict.ok, str(verdict)
    assert module.bias is bias
    assert bias.dtype == torch.float32


def test_grad_mode_is_put_back_where_it_was_off() -> None:
    function, inputs, _ = WAYS["autograd.Function"](rules(None))
    with torch.no_grad():
        assert gp.check(function, *inputs).ok
        assert not torch.is_grad_enabled()
