"""A check costs few calls."""

from __future__ import annotations

from collections import Counter

from examples.seed import LinearFunction, layer

import gradproof as gp


def test_a_linear_layer_is_checked_within_150_forwards_and_backwards() -> None:
    calls = Counter()

    class Counted(LinearFunction):
        @staticmethod
        def forward(input, weight, bias):
            calls["forward"] += 1
            return LinearFunction.forward(input, weight, bias)

        @staticmethod
        def backward(ctx, grad_output):
            calls["backward"] += 1
            return LinearFunction.backward(ctx, grad_output)

    assert gp.check(Counted, *(one.requires_grad_() for one in layer())).ok
    assert calls["forward"] <= 150
    assert calls["backward"] <= 80
