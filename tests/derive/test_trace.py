"""Tracing: names, loops, libraries; and what it refuses, at the user's line."""

import math
import re

import numpy as np
import pytest
import torch
from jax import numpy as jnp

import gradproof as gp

x = np.linspace(0.1, 1, 6).reshape(2, 3)


def here(text: str) -> str:
    """A message, whatever the line."""
    return re.sub(r"\S*test_trace.py:\d+", "FILE:LINE", text)


def refusal(f, *inputs) -> str:
    with pytest.raises(gp.DeriveError) as caught:
        gp.derive(f, *inputs)
    assert re.search(r"test_trace.py:\d+: ", str(caught.value))
    return here(str(caught.value))


def test_a_branch_on_a_value() -> None:
    def f(x):
        total = np.sum(x)
        if total > 0:
            return total
        return -total

    assert refusal(f, x) == (
        "FILE:LINE: in f, the result of greater decides a branch, and its value is not "
        "known yet: choose with where(condition, a, b), or decide on an option or a "
        "shape\n    if total > 0:"
    )


def test_writing_in_place() -> None:
    def f(x):
        y = x * 2
        y[0] = 1
        return y

    assert refusal(f, x) == (
        "FILE:LINE: in f, y is written in place: make a new array, with where, concat "
        "or stack, instead of y[...] = \n    y[0] = 1"
    )


def test_an_operator_that_writes_in_place() -> None:
    def f(x):
        y = x * 2
        y += x
        return y

    assert refusal(f, x) == (
        "FILE:LINE: in f, y += ... writes in place: write y = y + ...\n    y += x"
    )


def test_a_method_that_writes_in_place() -> None:
    def f(x):
        return torch.exp(x).add_(1)

    assert refusal(f, torch.tensor(x)) == (
        "FILE:LINE: in f, .add_ writes in place: use .add, which gives a new array\n"
        "    return torch.exp(x).add_(1)"
    )


def test_out_writes_in_place() -> None:
    buffer = np.zeros((2, 3))

    def f(x):
        return np.multiply(x, 2, out=buffer)

    assert "np.multiply(out=...) writes in place: leave out= out" in refusal(f, x)


def test_a_total_may_be_added_to() -> None:
    def f(x):
        total = 0.0
        for row in x:
            total += np.sum(row**2)
        return total

    assert np.allclose(gp.derive(f, x).gradients(x).x, 2 * x)


@pytest.mark.parametrize("convert", [float, int, math.exp, complex])
def test_a_python_number(convert) -> None:
    def f(x):
        return x * convert(x[0, 0])

    text = refusal(f, x)
    assert "and its value is not known yet: keep it an array" in text


@pytest.mark.parametrize("name", ["item", "tolist", "numpy", "detach"])
def test_the_numbers_themselves(name: str) -> None:
    def f(x):
        return x * getattr(x, name)()

    assert refusal(f, x).startswith(
        f"FILE:LINE: in f, x.{name} asks for the numbers themselves: stay with array "
        "operations until the end\n"
    )


def test_an_operation_that_is_not_supported() -> None:
    def f(x):
        return np.fft.fft(x).real

    assert refusal(f, x) == (
        "FILE:LINE: in f, np.fft.fft is not supported: write it with operations that "
        "are, or give gp.rule a rule for it\n    return np.fft.fft(x).real"
    )


def test_an_option_that_is_not_supported() -> None:
    def f(x):
        return np.sum(x, where=x > 0)

    assert refusal(f, x).startswith(
        "FILE:LINE: in f, np.sum is supported, but not so: the option where="
    )


def test_a_copy_is_called_what_its_variable_is() -> None:
    def f(x):
        y = x.copy()
        y[0] = 0
        return y

    assert refusal(f, x).startswith(
        "FILE:LINE: in f, y is written in place: make a new array, with where, concat "
        "or stack, instead of y[...] = "
    )


def test_an_option_that_is_no_number() -> None:
    def f(x, scale="abc"):
        return scale * x

    assert refusal(f, x).startswith(
        "FILE:LINE: in f, * is supported, but not so: a str is not a number\n"
    )


def test_more_arguments_than_an_operation_takes() -> None:
    def f(x):
        return np.clip(x, 0, 1, "more")

    assert refusal(f, x).startswith(
        "FILE:LINE: in f, np.clip is supported, but not so: too many positional "
        "arguments; what it may be given is x, min, max, a_min, a_max\n"
    )


@pytest.mark.parametrize("function", [np.sum, np.mean, np.max])
def test_numpys_own_functions(function) -> None:
    derivation = gp.derive(function, x)
    assert derivation.gradients(x)[0].shape == x.shape


@pytest.mark.parametrize("kind", [dict, list, tuple])
def test_a_container_of_arrays(kind: type) -> None:
    given = {"w": x} if kind is dict else kind([x])
    with pytest.raises(gp.InputError) as caught:
        gp.derive(lambda p, y: np.sum(y), given, x)
    assert str(caught.value) == (
        f"function: p is a {kind.__name__} of arrays: pass each array as an input of "
        "its own"
    )


def test_a_lambda_is_called_a_function() -> None:
    with pytest.raises(gp.InputError) as caught:
        gp.derive(lambda a, b: a, x)
    assert str(caught.value).startswith("function(a, b) does not take these examples")


def test_a_library_that_does_not_take_tracers() -> None:
    def f(x):
        return jnp.exp(x)

    assert "FILE:LINE: in f, what is called here does not take a traced array" in (
        refusal(f, x)
    )


def test_shapes_that_do_not_fit() -> None:
    def f(x):
        return x + np.linspace(0, 1, 5)

    assert "shapes (2, 3) and (5,) do not broadcast" in refusal(f, x)


def test_a_large_array_from_outside() -> None:
    outside = np.linspace(0, 1, 300).reshape(100, 3)

    def f(x):
        return x @ outside.T

    assert "an array of shape (3, 100) is used that is no input" in refusal(f, x)


def test_random_numbers() -> None:
    def f(x):
        return x * np.random.default_rng().standard_normal(3)

    with pytest.raises(gp.DeriveError, match="draw random numbers"):
        gp.derive(f, x)


def test_an_error_of_the_users_own_stays_what_it_is() -> None:
    def f(x):
        return x[0] / undefined  # noqa: F821

    with pytest.raises(NameError):
        gp.derive(f, x)


def test_star_arguments() -> None:
    def f(*xs):
        return xs[0]

    with pytest.raises(gp.DeriveError) as caught:
        gp.derive(f, x)
    assert str(caught.value) == "f takes *xs: give every array a name of its own"


def test_no_output() -> None:
    def f(x):
        np.sum(x)

    with pytest.raises(gp.DeriveError) as caught:
        gp.derive(f, x)
    assert str(caught.value) == (
        "f returned a NoneType that does not depend on its inputs: return arrays "
        "computed from them"
    )


def test_names_are_the_users() -> None:
    def f(x):
        def inner(u):
            squared = u * u
            return squared

        first = inner(x)
        second = np.exp(first)
        return np.sum(second)

    text = gp.derive(f, x).source("numpy")
    assert "squared = x * x\n" in text
    assert "second = np.exp(squared)\n" in text


def test_options_and_closures_are_constants() -> None:
    scale = 3.0

    def f(x, *, power=2):
        return np.sum(scale * x**power)

    text = gp.derive(f, x, power=3).source("numpy")
    assert "x**3" in text
    assert "3.0 * " in text
    assert "def f_and_gradients(x):" in text


def test_a_size_is_not_baked_in() -> None:
    def f(x):
        return np.sum(x**2) / x.shape[0]

    derivation = gp.derive(f, x)
    assert "x.shape[0]" in derivation.source("numpy")
    other = np.ones((5, 7))
    assert np.allclose(derivation.gradients(other).x, 2 * other / 5)


@pytest.mark.parametrize(
    ("scaled", "written"),
    [
        (lambda x: x / np.sqrt(x.shape[1]), "x / x.shape[1] ** 0.5"),
        (lambda x: x * x.shape[1] ** -0.5, "x * x.shape[1] ** -0.5"),
        (lambda x: x * (1 / x.shape[0]), "1 / x.shape[0]"),
        (lambda x: np.sin(x) * (2 / np.sqrt(3 * x.shape[1])), "x.shape[1]) ** 0.5"),
    ],
)
def test_what_is_computed_from_a_size_is_not_baked_in(scaled, written) -> None:
    derivation = gp.derive(scaled, np.ones((5, 4)))
    source = derivation.source("numpy")
    assert written in source
    assert "assert " not in source
    other = np.full((3, 7), 0.5)
    (gradient,) = derivation.gradients(other, grad_output=np.ones((3, 7)))
    slope = (scaled(other + 1e-6) - scaled(other - 1e-6)) / 2e-6
    assert np.allclose(gradient, slope)


def test_a_decision_by_what_is_computed_from_a_size_is_asserted() -> None:
    def f(x):
        scale = 1 / np.sqrt(x.shape[1])
        return x * scale if scale < 2 else x

    assert "assert x.shape == (5, 4)" in gp.derive(f, np.ones((5, 4))).source("numpy")


def test_a_size_that_had_to_be_baked_in_is_asserted() -> None:
    def f(x):
        total = x[0]
        for row in range(1, x.shape[0]):
            total = total + np.sin(x[row])
        return total

    derivation = gp.derive(f, x)
    assert "assert x.shape[0] == 2\n" in derivation.source("numpy")
    with pytest.raises(AssertionError):
        derivation.gradients(np.ones((3, 3)), grad_output=np.ones(3))
    wider = derivation.gradients(np.ones((2, 5)), grad_output=np.ones(5))
    assert np.allclose(wider.x, [[1] * 5, [np.cos(1)] * 5])


def no_effect(x):
    total = sum(x[i] / 1.0 for i in range(2)) - 0.0
    return 1.0 * np.log(0.0 + total)


def test_what_has_no_effect_is_not_written() -> None:
    source = gp.derive(no_effect, np.abs(x) + 1).source("numpy")
    assert "total = x[0] + x[1]\n" in source
    assert "output = np.log(total)\n" in source


def test_what_makes_a_copy_or_another_dtype_is_written() -> None:
    def f(x, labels):
        return x * 1.0, x[0] + 0, np.sum((labels + 0.0) / labels.shape[0]) * x

    source = gp.derive(f, x, np.arange(3)).source("numpy")
    assert "x * 1.0" in source
    assert "x[0] + 0" in source
    assert "labels + 0.0" in source


def test_a_rank_is_asserted_where_the_code_depends_on_it() -> None:
    def f(x, b):
        return x + b

    text = gp.derive(f, x, x[0]).source("numpy")
    assert "assert (x.ndim, b.ndim) == (2, 1)\n" in text


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_methods_mean_what_they_mean_in_their_library(library: str) -> None:
    def f(x):
        return x.std()

    given = x if library == "numpy" else torch.tensor(x)
    derivation = gp.derive(f, given)
    tensor = torch.tensor(x, requires_grad=True)
    tensor.std(correction=0 if library == "numpy" else 1).backward()
    assert np.allclose(derivation.gradients(x).x, tensor.grad)


def test_the_array_api() -> None:
    def f(x):
        xp = gp.namespace(x)
        return xp.sum(xp.exp(x) * xp.pi, axis=-1)

    text = gp.derive(f, x).source("numpy")
    assert "np.exp(x)" in text


@pytest.mark.parametrize(
    "decides",
    [
        lambda h: h.shape[0] > 2,
        lambda h: h.size > 5,
        lambda h: h.shape == (3, 2),
        lambda h: min(h.shape[0], 2) == 2,
    ],
)
def test_a_decision_by_a_size_holds_for_these_sizes(decides) -> None:
    def f(x):
        h = x.T
        return np.sum(h * h) if decides(h) else np.sum(h)

    assert "assert x.shape == (2, 3)\n" in gp.derive(f, x).source("numpy")


def test_no_grad() -> None:
    def f(x):
        with torch.no_grad():
            total = x.sum()
        return x * total

    assert ".sum is called under no_grad: give what it computes as an input" in (
        refusal(f, torch.tensor(x))
    )


def test_a_function_with_rules_of_its_own() -> None:
    @gp.function
    def rounded(x):
        return np.round(x)

    @rounded.gradient("x")
    def straight_through(grad_output):
        return grad_output

    def f(x):
        return rounded(x) * x

    assert "rounded has gradient rules of its own, which would not be used" in (
        refusal(f, x)
    )
    assert gp.derive(rounded, x).source("numpy")


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_a_slice_backwards(library: str) -> None:
    def f(x):
        return x[::-1] * 2 + x

    derivation = gp.derive(f, x)
    to = np.asarray if library == "numpy" else torch.tensor
    (gradient,) = derivation.gradients(to(x), grad_output=to(x))
    assert np.allclose(np.asarray(gradient), x[::-1] * 2 + x)


def test_a_namespace_means_the_same_for_tensors() -> None:
    def f(x):
        xp = gp.namespace(x)
        return xp.sum(x - xp.max(x, axis=-1, keepdims=True))

    assert np.allclose(gp.derive(f, torch.tensor(x)).gradients(x).x, [[1, 1, -2]] * 2)
