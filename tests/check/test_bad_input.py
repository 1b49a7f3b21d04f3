"""What cannot be checked is said in one message that names it and the next step."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import gradproof as gp


def identity(x):
    return x


def test_no_inputs() -> None:
    with pytest.raises(gp.NoInputsError) as caught:
        gp.check(torch.sin)
    assert str(caught.value) == (
        "sin: no inputs are known, and its forward says nothing: give them in the "
        "call, gp.check(sin, x, ...), put @gp.examples(x, ...) on it, or annotate its "
        'inputs with jaxtyping, x: Float[Tensor, "batch features"]'
    )


def test_forward_that_raises() -> None:
    def broken(x):
        raise ValueError("the kernel wants 16 rows")

    with pytest.raises(gp.TargetError) as caught:
        gp.check(broken, torch.randn(3))
    text = str(caught.value)
    assert text.startswith(
        "broken: forward raised ValueError: the kernel wants 16 rows"
    )
    assert "test_bad_input.py:" in text


def test_forward_that_returns_no_tensor() -> None:
    with pytest.raises(gp.TargetError) as caught:
        gp.check(lambda x: 3.0, torch.randn(3))
    assert str(caught.value) == (
        "<lambda> returned no tensor but float: a target returns a tensor, or a "
        "tuple, list or dict of tensors"
    )


def test_forward_that_returns_integers() -> None:
    with pytest.raises(gp.TargetError, match="returned int64 only"):
        gp.check(torch.argmax, torch.randn(3))


def test_inputs_that_are_not_floating() -> None:
    with pytest.raises(gp.InputError, match="no input is a floating tensor"):
        gp.check(identity, torch.arange(3))


def test_numpy_without_a_backward() -> None:
    with pytest.raises(gp.TargetError) as caught:
        gp.check(np.sin, np.ones(3))
    assert str(caught.value) == (
        "sin gives no gradient for NumPy arrays: pass its hand-written one with "
        "gp.check(forward, ..., backward=...), or make it a gp.function"
    )


def test_something_that_is_no_target() -> None:
    with pytest.raises(gp.TargetError, match="cannot be checked: it is a int"):
        gp.check(3, torch.randn(3))


def test_a_property_that_does_not_exist() -> None:
    with pytest.raises(gp.InputError) as caught:
        gp.check(torch.sin, torch.randn(3), select=["gradeint"])
    assert str(caught.value).startswith(
        "there is no property 'gradeint': did you mean 'gradient'? The properties are"
    )
    with pytest.raises(gp.InputError, match="take a list of names"):
        gp.check(torch.sin, torch.randn(3), ignore="gradient")


def test_raise_exception_carries_the_verdict() -> None:
    with pytest.raises(gp.GradientError) as caught:
        gp.check(
            np.sum,
            np.ones(3),
            backward=lambda g, x: 2 * g * np.ones_like(x),
            raise_exception=True,
        )
    assert "the gradient of" in str(caught.value)
    assert not caught.value.verdict.ok


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_a_scripted_module_is_refused_with_what_to_check_instead() -> None:
    scripted = torch.jit.trace(torch.nn.Linear(3, 2), torch.ones(4, 3))
    with pytest.raises(gp.TargetError, match="check the module that it was made from"):
        gp.check(scripted, torch.ones(4, 3))
