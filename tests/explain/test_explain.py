"""The numbers of an explanation are right, and so is what they are beside."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import gradproof as gp
from gradproof.explain.steps import Explanation

RNG = np.random.default_rng(0)
X, Y, Z = (RNG.standard_normal((3, 4)) for _ in "xyz")


def mul_add_sum(x, y, z):
    """The sum of x * y + z."""
    a = x * y
    b = a + z
    c = np.sum(b)
    return c


def two(x, y):
    s = x * y
    return s, np.sum(s * x, axis=0)


def by_name(explanation):
    return {step.name: step for step in explanation.steps}


def test_the_steps_are_the_inputs_and_the_lines_in_order():
    explanation = gp.explain(mul_add_sum, X, Y, Z)
    assert [(step.name, step.line) for step in explanation.steps] == [
        ("x", ""),
        ("y", ""),
        ("z", ""),
        ("a", "a = x * y"),
        ("b", "b = a + z"),
        ("c", "c = np.sum(b)"),
    ]
    assert explanation.function == "mul_add_sum"
    assert explanation.doc == "The sum of x * y + z."
    assert explanation.outputs == ("c",)
    assert explanation.wrt == ("x", "y", "z")


def test_every_value_and_gradient_is_right():
    steps = by_name(gp.explain(mul_add_sum, X, Y, Z))
    ones = np.ones((3, 4))
    expected = {
        "x": (X, Y),
        "y": (Y, X),
        "z": (Z, ones),
        "a": (X * Y, ones),
        "b": (X * Y + Z, ones),
        "c": (np.sum(X * Y + Z), 1),
    }
    for name, (value, gradient) in expected.items():
        np.testing.assert_allclose(steps[name].value, value)
        np.testing.assert_allclose(steps[name].gradient, gradient)
        assert steps[name].shape == np.shape(value)
        assert steps[name].dtype == "float64"
        assert steps[name].gradient_name == f"grad_{name}"


def test_a_line_has_its_rule_and_what_the_rule_comes_to():
    steps = by_name(gp.explain(mul_add_sum, X, Y, Z))
    assert steps["a"].rules == ("d(x·y) = y·dx + x·dy",)
    assert steps["a"].backward == ("grad_x = grad_b * y", "grad_y = grad_b * x")
    assert steps["b"].backward == ("grad_z = grad_b", "grad_a = grad_b")
    assert steps["c"].backward == ("grad_b = np.ones_like(b)",)
    assert steps["x"].rules == ()


def by_autograd(f, arrays, grad_outputs):
    """Gradients of the inputs, by torch."""
    tensors = [torch.tensor(a, requires_grad=True) for a in arrays]
    outputs = f(*tensors)
    incoming = [torch.as_tensor(g) for g in grad_outputs]
    return [g.numpy() for g in torch.autograd.grad(outputs, tensors, incoming)]


def two_in_torch(x, y):
    s = x * y
    return s, (s * x).sum(0)


@pytest.mark.parametrize("given", [False, True])
def test_several_outputs_get_ones_or_what_is_given(given):
    grad_output = (RNG.standard_normal((3, 4)), RNG.standard_normal(4))
    incoming = grad_output if given else (np.ones((3, 4)), np.ones(4))
    explanation = gp.explain(two, X, Y, grad_output=grad_output if given else None)
    steps = by_name(explanation)
    expected = by_autograd(two_in_torch, [X, Y], incoming)
    np.testing.assert_allclose(steps["x"].gradient, expected[0])
    np.testing.assert_allclose(steps["y"].gradient, expected[1])
    assert explanation.outputs == ("s", "output_2")
    # The gradient of s has two parts: what comes in, and what the second output sends.
    np.testing.assert_allclose(steps["s"].gradient, incoming[0] + incoming[1] * X)


def test_a_single_number_takes_a_grad_output_too():
    steps = by_name(gp.explain(mul_add_sum, X, Y, Z, grad_output=2.0))
    np.testing.assert_allclose(steps["x"].gradient, 2 * Y)
    assert steps["c"].gradient == 2


@pytest.mark.parametrize("convert", [torch.tensor, jnp.asarray])
def test_tensors_and_jax_arrays_give_the_same(convert):
    with jax.enable_x64(True):
        arrays = [convert(a) for a in (X, Y)]
    told = gp.explain(lambda_free_product, *arrays)
    expected = gp.explain(lambda_free_product, X, Y)
    for step, other in zip(told.steps, expected.steps, strict=True):
        np.testing.assert_allclose(step.value, other.value)
        np.testing.assert_allclose(step.gradient, other.gradient)


def lambda_free_product(x, y):
    p = x * y
    return p.sum()


def test_bfloat16_is_told_in_float32():
    x = torch.ones(3, dtype=torch.bfloat16)
    assert by_name(gp.explain(lambda_free_product, x, x))["p"].value == [1, 1, 1]


def normalised(x, gamma):
    mean = np.mean(x, axis=-1, keepdims=True)
    spread = np.sqrt(np.mean((x - mean) ** 2, axis=-1, keepdims=True) + 1e-5)
    return gamma * (x - mean) / spread


def normalised_in_torch(x, gamma):
    mean = x.mean(-1, keepdim=True)
    spread = (((x - mean) ** 2).mean(-1, keepdim=True) + 1e-5).sqrt()
    return gamma * (x - mean) / spread


def test_what_is_computed_twice_is_one_line():
    steps = by_name(gp.explain(normalised, X, Y[0]))
    expected = by_autograd(normalised_in_torch, [X, Y[0]], [np.ones((3, 4))])
    np.testing.assert_allclose(steps["x"].gradient, expected[0], atol=1e-12)
    np.testing.assert_allclose(steps["gamma"].gradient, expected[1], atol=1e-12)
    lines = [step.line for step in steps.values()]
    assert sum(line.count("x - mean") for line in lines) == 1


def test_the_backward_read_from_the_last_line_to_the_first_runs():
    explanation = gp.explain(normalised, X, Y[0])
    names = {"np": np, "grad_output": np.ones((3, 4))}
    for step in explanation.steps:
        exec(step.line or f"{step.name} = np.asarray({step.value!r})", names)
    for step in reversed(explanation.steps):
        for line in step.backward:
            exec(line, names)
    for step in explanation.steps:
        np.testing.assert_allclose(names[step.gradient_name], step.gradient)


def test_wrt_leaves_the_others_out():
    explanation = gp.explain(mul_add_sum, X, Y, Z, wrt="x")
    steps = by_name(explanation)
    assert explanation.wrt == ("x",)
    assert steps["z"].gradient is None
    assert steps["z"].gradient_name == ""
    np.testing.assert_allclose(steps["x"].gradient, Y)


def test_what_returns_its_input_has_no_lines():
    def same(x):
        return x

    [step] = gp.explain(same, X).steps
    assert step.line == ""
    np.testing.assert_array_equal(step.gradient, np.ones((3, 4)))


def test_a_gradient_that_is_one_number_is_told_at_the_start():
    def f(x):
        y = -np.sum(x)
        z = 3 * y
        return z

    explanation = gp.explain(f, X)
    assert explanation.start == ("grad_z = 1", "grad_y = 3")
    assert by_name(explanation)["y"].gradient == 3


def test_integers_have_values_and_no_gradient():
    def picked(x, index):
        return np.sum(x[index])

    steps = by_name(gp.explain(picked, np.arange(4.0), np.array([1, 1])))
    assert steps["index"].gradient is None
    assert steps["x"].gradient == [0, 2, 0, 0]


def test_a_gp_function_is_explained_by_its_forward():
    @gp.function
    def doubled(x, *, factor=2.0):
        return x * factor

    steps = by_name(gp.explain(doubled, X, factor=3.0))
    np.testing.assert_allclose(steps["x"].gradient, 3 * np.ones((3, 4)))


@pytest.mark.parametrize("array", [X, X + 1j * Y])
def test_it_is_the_same_after_json(array):
    def f(x):
        return np.sum(x * x)

    explanation = gp.explain(f, array, grad_output=np.asarray(1.0, array.dtype))
    shown = json.loads(json.dumps(explanation.to_dict()))
    assert Explanation.from_dict(shown) == explanation


def test_a_grad_output_of_another_shape_is_refused():
    with pytest.raises(gp.InputError) as error:
        gp.explain(two, X, Y, grad_output=(np.ones(4), np.ones(4)))
    assert str(error.value) == "grad_output has shape [4], s has [3, 4]"


def test_too_few_grad_outputs_are_refused():
    with pytest.raises(gp.InputError) as error:
        gp.explain(two, X, Y, grad_output=np.ones((3, 4)))
    assert str(error.value) == (
        "two has 2 outputs to differentiate: "
        "grad_output is a tuple of as many, not of 1"
    )
