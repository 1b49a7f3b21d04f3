"""gp.save gives its values back, and outside a gp.function does nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import gradproof as gp
from gradproof._save import collect
from tests.libraries import CONVERT


def test_it_gives_its_values_back() -> None:
    assert gp.save(e=3) == 3
    assert gp.save(a=1, b=2) == (1, 2)


def test_inside_it_is_collected() -> None:
    kept: dict[str, object] = {}
    with collect(kept):
        gp.save(a=1, b=2)
    gp.save(c=3)
    assert kept == {"a": 1, "b": 2}


def test_a_name_is_given_once() -> None:
    with collect({"a": 1}), pytest.raises(gp.DefinitionError) as caught:
        gp.save(a=2)
    assert str(caught.value) == (
        "gp.save was given 'a' twice in one forward: give each intermediate a name of "
        "its own"
    )


def test_a_value_needs_a_name() -> None:
    with pytest.raises(gp.DefinitionError) as caught:
        gp.save()
    assert str(caught.value) == "gp.save needs a name: write e = gp.save(e=...)"


def test_outside_a_name_may_come_again() -> None:
    for value in (1, 2):
        assert gp.save(a=value) == value


def test_a_forward_that_raises_leaves_nothing_collecting() -> None:
    kept: dict[str, object] = {}
    with pytest.raises(ZeroDivisionError), collect(kept):
        raise ZeroDivisionError
    gp.save(a=1)
    assert not kept


# One function inside another, on each library.


@gp.function
def inner(x):
    return gp.save(e=gp.namespace(x).exp(x))


@inner.gradient("x")
def grad_inner(grad_output, e):
    return grad_output * e


@gp.function
def outer(x):
    e = gp.save(e=x * x)
    return inner(e) * inner(x)


@outer.gradient("x")
def grad_outer(grad_output, x, e, output):
    return grad_output * output * (gp.namespace(x).sqrt(e) * 2 + 1)


def plain(x):
    return torch.exp(x * x) * torch.exp(x)


@pytest.mark.parametrize("library", CONVERT)
def test_what_an_inner_function_saves_stays_inside(library) -> None:
    x = np.array([0.5, 1.0], np.float32)
    tensor = torch.tensor(x, requires_grad=True)
    (true,) = torch.autograd.grad(plain(tensor).sum(), tensor)
    convert = CONVERT[library]
    found = outer.gradients(convert(x), grad_output=convert(np.ones_like(x))).x
    assert np.allclose(np.asarray(found), true, rtol=1e-5)


def test_an_inner_function_is_right_in_second_derivatives_too() -> None:
    x = torch.tensor([0.5, 1.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(outer, (x,))
