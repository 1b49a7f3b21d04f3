"""gp.examples keeps inputs on a target, in the order they are written."""

from __future__ import annotations

import numpy as np
import pytest

import gradproof as gp


def test_they_are_kept_in_the_order_they_are_written() -> None:
    @gp.examples(1.0)
    @gp.examples(2.0, axis=0)
    def f(x): ...

    first, second = f.__gradproof_examples__
    assert (first.inputs, second.inputs) == ((1.0,), (2.0,))
    assert second.options == {"axis": 0}


def test_they_may_be_made_when_a_check_runs() -> None:
    made = []

    @gp.examples(lambda: made.append(1) or (np.ones(2), 3))
    def f(x, n): ...

    assert not made
    (example,) = f.__gradproof_examples__
    assert example.made("f").inputs[1] == 3


def test_they_go_on_a_function_above_or_below_it() -> None:
    @gp.function
    @gp.examples(np.ones(3))
    def below(x):
        return x

    @gp.examples(np.ones(3))
    @gp.function
    def above(x):
        return x

    assert len(below.__gradproof_examples__) == len(above.__gradproof_examples__) == 1


def test_what_cannot_carry_them_says_so() -> None:
    with pytest.raises(gp.DefinitionError, match="wrap it in a function"):
        gp.examples(1.0)(len)
    with pytest.raises(gp.DefinitionError, match="needs inputs"):
        gp.examples()
