"""What gp.derive gives: on three libraries, saved, proved; how gp.function uses it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import gradproof as gp
from gradproof.derive.proof import prove

x, w = np.linspace(0.1, 1, 6).reshape(2, 3), np.linspace(-1, 1, 12).reshape(3, 4)
g = np.linspace(1, 2, 8).reshape(2, 4)
TO = {"numpy": np.asarray, "torch": torch.tensor, "jax": jnp.asarray}


@pytest.fixture(autouse=True, scope="module")
def doubles():
    with jax.enable_x64(True):
        yield


def layer(x, w):
    """tanh(x·w)"""
    return np.tanh(x @ w)


def by_hand():
    slope = g * (1 - np.tanh(x @ w) ** 2)
    return slope @ w.T, x.T @ slope


@pytest.mark.parametrize("library", TO)
def test_gradients_on_every_library(library: str) -> None:
    to = TO[library]
    derivation = gp.derive(layer, x, w)
    found = derivation.gradients(to(x), to(w), grad_output=to(g))
    for mine, expected in zip(found, by_hand(), strict=True):
        assert type(mine) is type(to(x))
        assert np.allclose(np.asarray(mine), expected, rtol=1e-12)


def test_what_is_saved_and_why() -> None:
    assert dict(gp.derive(layer, x, w).saved) == {
        "x": {"why": "an input that the gradients use: of w", "bytes": 48},
        "w": {"why": "an input that the gradients use: of x", "bytes": 96},
        "output": {"why": "an output that the gradients use: of x, w", "bytes": 64},
    }


def test_wrt_leaves_out_what_is_not_asked_for() -> None:
    derivation = gp.derive(layer, x, w, wrt="w")
    assert derivation.gradients(x, w, grad_output=g)._fields == ("w",)
    assert "grad_x" not in derivation.source("numpy")


def test_no_such_form() -> None:
    with pytest.raises(gp.InputError) as caught:
        gp.derive(layer, x, w).source("fortran")
    assert str(caught.value) == (
        "no form 'fortran': there are numpy, torch, torch-library, jax, latex, markdown"
    )


def test_a_missing_grad_output() -> None:
    with pytest.raises(gp.InputError) as caught:
        gp.derive(layer, x, w).gradients(x, w)
    assert str(caught.value) == (
        "layer does not return a single number: pass grad_output, the gradient of the "
        "output"
    )


def test_a_derivation_that_is_wrong_is_not_handed_out() -> None:
    derivation = gp.derive(layer, x, w)
    right = derivation.module("numpy")["layer_and_gradients"]

    def wrong(x, w, grad_output):
        output, (grad_x, grad_w) = right(x, w, grad_output)
        return output, (grad_x * 1.01, grad_w)

    prove(derivation, layer, {"x": x, "w": w}, {})
    derivation._modules["numpy"] = {"layer_and_gradients": wrong}
    with pytest.raises(gp.DeriveError, match="does not give the slope"):
        prove(derivation, layer, {"x": x, "w": w}, {})


def test_its_function_is_a_gp_function() -> None:
    function = gp.derive(layer, x, w).function
    assert np.allclose(function(x, w), layer(x, w))
    assert gp.check(function, x, w).ok


@pytest.mark.parametrize("zeros", [np.zeros(3), np.zeros(3, "f4")])
def test_an_example_may_be_a_kink(zeros) -> None:
    derivation = gp.derive(lambda x: np.sum(np.maximum(x, 0)), zeros)
    point = np.array([1.0, -1.0, 0.0], zeros.dtype)
    assert derivation.gradients(point)[0].tolist() == [1, 0, 0]


def test_an_example_of_cholesky_is_symmetric() -> None:
    a = 2 * np.eye(3) + 0.1
    (gradient,) = gp.derive(lambda a: np.sum(np.linalg.cholesky(a)), a).gradients(a)
    tensor = torch.tensor(a, requires_grad=True)
    torch.linalg.cholesky(tensor).sum().backward()
    assert np.allclose(gradient, tensor.grad)


# A gp.function has what nobody wrote derived, and runs in every library's names.


@gp.function
def scaled(x, y, *, power=2):
    e = gp.save(e=np.exp(x))
    return np.sum(e * y**power)


@scaled.gradient("y")
def grad_y(grad_output, e, y, power):
    return grad_output * e * power * y ** (power - 1)


@gp.function
def smooth(x):
    return torch.nn.functional.softplus(x).sum()


@pytest.mark.parametrize("library", TO)
@pytest.mark.parametrize("power", [2, 3])
def test_numpys_names_on_every_library(library: str, power: int) -> None:
    to = TO[library]
    found = scaled.gradients(to(x), to(x + 1), power=power)
    assert np.allclose(np.asarray(found.x), np.exp(x) * (x + 1) ** power)
    slope = np.exp(x) * power * (x + 1) ** (power - 1)
    assert np.allclose(np.asarray(found.y), slope)


@pytest.mark.parametrize("library", TO)
def test_torchs_names_on_every_library(library: str) -> None:
    found = smooth.gradients(TO[library](x))
    assert np.allclose(np.asarray(found.x), 1 / (1 + np.exp(-x)))


def test_numpys_names_take_part_in_torchs_autograd() -> None:
    tensors = [torch.tensor(a, requires_grad=True) for a in (x, x + 1)]
    scaled(*tensors).backward()
    assert np.allclose(tensors[0].grad, np.exp(x) * (x + 1) ** 2)
    assert gp.check(scaled, *tensors).ok


def test_what_cannot_be_derived_says_so_at_its_line() -> None:
    @gp.function
    def spectrum(x):
        return np.sum(np.abs(np.fft.fft(x)))

    with pytest.raises(gp.DeriveError, match=r"test_derivation.py:\d+: in spectrum"):
        spectrum.gradients(x[0])


def test_shapes_that_broadcast_otherwise() -> None:
    derivation = gp.derive(lambda a, b: np.sum(a * b), x, x)
    assert derivation.gradients(x[:1], x[:1])[0].shape == (1, 3)
    with pytest.raises(gp.InputError) as caught:
        derivation.gradients(x, x[:1])
    assert str(caught.value) == (
        "function was derived for b of shape (2, 3), and this one has (1, 3), with "
        "other axes to broadcast: derive it for these inputs"
    )


def test_examples_by_name_and_a_number_among_them() -> None:
    def powered(x, k=2):
        return np.sum(x**k)

    assert np.allclose(gp.derive(powered, x=x, k=3).gradients(x).x, 3 * x**2)
    assert np.allclose(gp.function(powered).gradients(x, 3).x, 3 * x**2)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (torch.sin, "sin is not written in Python"),
        (torch.nn.Linear(3, 4), "Linear is a module: derive its forward"),
        (lambda x: {"a": x}, "function returned a dict: return an array"),
    ],
)
def test_what_cannot_be_traced(target, message: str) -> None:
    with pytest.raises(gp.GradproofError, match=message):
        gp.derive(target, torch.tensor(x))


def vanishing(x):
    for _ in range(300):
        x = np.sin(x) + 0.1 * x
    return np.sum(x)


def chaotic(x):
    for _ in range(300):
        x = 3.9 * x * (1 - x)
    return np.sum(x)


def steep(x):
    return np.sum(np.sin(1e5 * x))


@pytest.mark.parametrize("function", [vanishing, chaotic, steep])
def test_slopes_that_differences_hardly_show(function) -> None:
    tensor = torch.tensor(x, requires_grad=True)
    y = tensor
    if function is steep:
        y = torch.sin(1e5 * tensor)
    else:
        for _ in range(300):
            y = torch.sin(y) + 0.1 * y if function is vanishing else 3.9 * y * (1 - y)
    y.sum().backward()
    assert np.allclose(gp.grad(function)(x).x, tensor.grad, rtol=1e-6, atol=0)


def test_a_wrong_slope_that_is_steep_is_not_handed_out() -> None:
    derivation = gp.derive(steep, x)
    right = derivation.module("numpy")["steep_and_gradients"]

    def wrong(x):
        value, (grad_x,) = right(x)
        return value, (1.01 * grad_x,)

    derivation._modules["numpy"] = {"steep_and_gradients": wrong}
    with pytest.raises(gp.DeriveError, match="does not give the slope"):
        prove(derivation, steep, {"x": x}, {})


@pytest.mark.parametrize("times", ["alone", "by x"])
def test_a_thousand_operations(times: str) -> None:
    def long(x):
        h = x
        for _ in range(1000 if times == "alone" else 500):
            h = np.sin(h) if times == "alone" else np.sin(h) * x
        return np.sum(h)

    derivation = gp.derive(long, x)
    tensor = torch.tensor(x, requires_grad=True)
    h = tensor
    for _ in range(1000 if times == "alone" else 500):
        h = torch.sin(h) if times == "alone" else torch.sin(h) * tensor
    h.sum().backward()
    assert np.allclose(derivation.gradients(x).x, tensor.grad, rtol=1e-9, atol=0)
