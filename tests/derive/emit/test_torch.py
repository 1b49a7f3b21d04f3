"""The torch forms: whichever inputs ask for a gradient, in whichever dtype."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from tests.derive.cases import CASES

import gradproof as gp
from gradproof.derive import derive

R = np.random.default_rng(0).standard_normal
SEVERAL = [
    name
    for name, case in CASES.items()
    if 2 <= sum(a.dtype.kind in "fc" for a in case.arrays.values()) <= 3
]


def nll(mu, s, y):
    return np.mean(s + (y - mu) ** 2 / np.exp(s))


def quadratic(A, b, x):
    return np.dot(x, np.linalg.solve(A, b))


def _gradients(function, arrays, asked, seeds):
    inputs = {n: torch.tensor(a) for n, a in arrays.items()}
    leaves = [inputs[n].requires_grad_() for n in asked]
    outputs = function(*inputs.values())
    outputs = outputs if isinstance(outputs, tuple | list) else [outputs]
    pairs = zip(outputs, seeds(outputs), strict=True)
    pairs = [(o, s) for o, s in pairs if o.requires_grad]
    return torch.autograd.grad(
        [o for o, _ in pairs], leaves, [s for _, s in pairs], materialize_grads=True
    )


def _ones(outputs):
    return [torch.ones_like(one) for one in outputs]


@pytest.mark.parametrize("name", SEVERAL)
def test_every_subset_of_inputs(name: str) -> None:
    case = CASES[name]
    examples = [*case.arrays.values()]
    if case.library == "torch":
        examples = [torch.tensor(array) for array in examples]
    derivation = derive(case.function, *examples)
    function = derivation.module("torch")[derivation.program.name]
    whole = _gradients(function, case.arrays, derivation.wrt, _ones)
    for size in range(1, len(derivation.wrt)):
        for asked in itertools.combinations(derivation.wrt, size):
            found = _gradients(function, case.arrays, asked, _ones)
            for one, gradient in zip(asked, found, strict=True):
                expected = whole[derivation.wrt.index(one)]
                assert torch.allclose(gradient, expected, equal_nan=True), asked


@pytest.mark.parametrize("form", ["torch", "torch-library"])
@pytest.mark.parametrize(
    ("function", "inputs"),
    [
        (nll, {"mu": R(2), "s": R(2), "y": R(2)}),
        (quadratic, {"A": R((2, 2)) + 3 * np.eye(2), "b": R(2), "x": R(2)}),
    ],
)
def test_a_gradient_that_only_others_need(function, inputs, form: str) -> None:
    derivation = gp.derive(function, *inputs.values())
    emitted = derivation.module(form)[function.__name__]
    expected = derivation.gradients(*inputs.values())
    for name in inputs:
        (found,) = _gradients(emitted, inputs, [name], _ones)
        assert np.allclose(found, getattr(expected, name))


# Autocast: a product has another dtype than what it is made from.


def product(x, w):
    return x @ w


def layer(x, w, b):
    return np.tanh(x @ w + b)


def cross_entropy(x, w, y):
    z = x @ w
    logp = z - np.log(np.sum(np.exp(z), axis=1, keepdims=True))
    return -np.mean(logp[np.arange(len(y)), y])


def both(x, w):
    return x @ w, np.sum(x**2)


@pytest.mark.parametrize("form", ["torch", "torch-library"])
def test_what_has_no_half_precision_under_autocast(form: str) -> None:
    def solved(x, A, w):
        return np.tanh(np.linalg.solve(A, x) @ w)

    arrays = (R((3, 5)), R((3, 3)) + 4 * np.eye(3), R((5, 4)))
    emitted = gp.derive(solved, *arrays).module(form)["solved"]
    inputs = [torch.tensor(a).float().requires_grad_() for a in arrays]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = emitted(*inputs)
    output.float().sum().backward()
    assert all(one.grad.isfinite().all() for one in inputs)


@pytest.mark.parametrize("form", ["torch", "torch-library"])
@pytest.mark.parametrize("narrow", [(), ("x",), ("w",)])
@pytest.mark.parametrize(
    ("function", "rest"),
    [
        (product, {}),
        (layer, {"b": R(4)}),
        (cross_entropy, {"y": np.array([1, 0, 3])}),
        (both, {}),
    ],
)
def test_under_autocast(function, rest, narrow, form: str) -> None:
    arrays = {"x": R((3, 5)), "w": R((5, 4)), **rest}
    derivation = gp.derive(function, *arrays.values())
    emitted = derivation.module(form)[function.__name__]
    inputs = {n: torch.tensor(a) for n, a in arrays.items()}
    for name, tensor in inputs.items():
        if tensor.is_floating_point():
            dtype = torch.bfloat16 if name in narrow else torch.float32
            inputs[name] = tensor.to(dtype).requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        outputs = emitted(*inputs.values())
    several = outputs if isinstance(outputs, tuple) else (outputs,)
    sum(one.float().sum() for one in several).backward()
    seeds = tuple(np.ones(np.shape(one.detach())) for one in several)
    expected = derivation.gradients(
        *arrays.values(), grad_output=seeds if len(seeds) > 1 else seeds[0]
    )
    for name in derivation.wrt:
        assert inputs[name].grad.dtype == inputs[name].dtype
        found, right = inputs[name].grad.float(), getattr(expected, name)
        assert np.abs(found.numpy() - right).max() < 0.05 * np.abs(right).max()


# Torch's default dtype is float32, also for truth values times a Python number.


def hinge(x):
    return np.sum(np.maximum(0.3 * x, 0.1 * x))


def pinball(x):
    return np.mean(np.maximum(0.3 * x, -0.7 * x))


def masked(x):
    return np.sum(0.3 * (x > 0) * x)


def chosen(x):
    return np.sum(np.where(x > 0, 0.3, 0.7) * x)


def counted(x):
    return np.sum(0.3 * np.sum(x > 0) * x)


def averaged(x):
    return np.mean(x > 0) * np.sum(x)


POINTS = np.array([-1.0, 2.0, 3.0])
BRANCHING = [hinge, pinball, masked, chosen, counted, averaged]


@pytest.mark.parametrize("function", BRANCHING)
@pytest.mark.parametrize("form", ["torch", "torch-library"])
def test_doubles_are_not_rounded(function, form: str) -> None:
    derivation = gp.derive(function, POINTS)
    emitted = derivation.module(form)[function.__name__]
    tensor = torch.tensor(POINTS, requires_grad=True)
    value = emitted(tensor)
    value.backward()
    assert np.isclose(value.item(), function(POINTS), rtol=1e-14, atol=0)
    assert np.allclose(tensor.grad, derivation.gradients(POINTS).x, rtol=1e-14, atol=0)


@pytest.mark.parametrize("function", BRANCHING)
def test_gradients_have_the_dtype_of_their_input(function) -> None:
    derivation, narrow = gp.derive(function, POINTS), POINTS.astype("f4")
    assert derivation.gradients(narrow).x.dtype == np.float32
    assert derivation.gradients(torch.tensor(narrow)).x.dtype == torch.float32
    assert derivation.gradients(POINTS).x.dtype == np.float64
