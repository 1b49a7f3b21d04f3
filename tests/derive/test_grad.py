"""gp.grad and gp.value_and_grad."""

import itertools

import numpy as np
import pytest

import gradproof as gp

x, y = np.linspace(0.1, 1, 6).reshape(2, 3), np.linspace(1, 2, 3)


def f(x, y):
    """Σ sin(x)·y"""
    return np.sum(np.sin(x) * y)


def test_all_floating_inputs_by_name() -> None:
    value, gradients = gp.value_and_grad(f)(x, y)
    assert value == f(x, y)
    assert np.allclose(gradients.x, np.cos(x) * y)
    assert np.allclose(gradients.y, np.sin(x).sum(0))
    assert gradients._fields == ("x", "y")


def test_one_name_gives_one_array() -> None:
    assert np.allclose(gp.grad(f, "y")(x, y), np.sin(x).sum(0))


def test_several_names() -> None:
    assert gp.grad(f, wrt=["y"])(x, y)._fields == ("y",)


def test_other_shapes_are_derived_anew() -> None:
    gradient = gp.grad(f)
    assert gradient(x, y).x.shape == (2, 3)
    assert gradient(x[:1], x).x.shape == (1, 3)
    assert np.allclose(gradient(x[:1], x).x, np.cos(x[:1]) * x.sum(0))


def test_derived_once_for_a_shape() -> None:
    calls = itertools.count()

    def counted(x):
        next(calls)
        return np.sum(x**2)

    gradient = gp.grad(counted)
    gradient(x)
    before = next(calls)
    gradient(x + 1)
    assert next(calls) == before + 1


scale, rows, state = 1.0, np.array([0.0, 1.0]), {"k": 1.0}


def reads_outside(x):
    return np.sum(x * x) * scale + np.sum(rows) * np.sum(x) + state["k"] * np.sum(x)


def test_what_is_read_from_outside_may_change() -> None:
    gradient = gp.grad(reads_outside)
    assert np.allclose(gradient(x).x, 2 * x + 2)
    globals()["scale"] = 3.0
    assert np.allclose(gradient(x).x, 6 * x + 2)
    rows[0] = 5.0
    assert np.allclose(gradient(x).x, 6 * x + 7)
    state["k"] = 10.0
    assert np.allclose(gradient(x).x, 6 * x + 16)


def test_inputs_by_name() -> None:
    assert np.allclose(gp.grad(f)(x=x, y=y).x, np.cos(x) * y)


def test_options() -> None:
    def powered(x, *, power=2):
        return np.sum(x**power)

    assert np.allclose(gp.grad(powered)(x).x, 2 * x)
    assert np.allclose(gp.grad(powered)(x, power=3).x, 3 * x**2)


def test_integers_are_passed_through() -> None:
    def chosen(x, rows):
        return np.sum(x[rows] ** 2)

    rows = np.array([0, 0, 1])
    gradients = gp.grad(chosen)(x, rows)
    assert gradients._fields == ("x",)
    assert np.allclose(gradients.x, 2 * x * np.array([[2.0], [1.0]]))


def test_float32_stays_float32() -> None:
    assert gp.grad(f)(x.astype("f4"), y.astype("f4")).x.dtype == np.float32


def test_no_single_number() -> None:
    with pytest.raises(gp.InputError) as caught:
        gp.grad(lambda x: x * 2)(x)
    assert str(caught.value) == (
        "<lambda> returns an array of shape (2, 3), not a single number: gp.grad "
        "needs one; gp.derive takes a grad_output"
    )


def test_an_input_that_is_not_there() -> None:
    with pytest.raises(gp.InputError) as caught:
        gp.grad(f, "z")(x, y)
    assert str(caught.value) == (
        "f cannot be differentiated in 'z': its floating inputs are x, y"
    )


def reads_what_comes_later(x):
    return later * np.sum(x**2)  # noqa: F821 - not yet there


def calls_another(x):
    return reads_what_comes_later(x) + 1


class Model:
    rate = 2.0

    def loss(self, x):
        return self.rate * np.sum(x)


def test_what_is_read_may_be_defined_later_in_another_function_or_an_attribute() -> (
    None
):
    gradients = [gp.grad(reads_what_comes_later), gp.grad(calls_another)]
    model = Model()
    of_method = gp.grad(model.loss)
    for number in (1.0, 5.0):
        globals()["later"] = number
        model.rate = number
        for gradient in gradients:
            assert np.allclose(gradient(x).x, 2 * number * x)
        assert np.allclose(of_method(x).x, number)


def test_inputs_that_are_not_numpy_s() -> None:
    torch = pytest.importorskip("torch")

    def loss(w):
        return (w**2).sum()

    with pytest.raises(gp.InputError, match=r"gp.grad\(loss\) .* use torch.func.grad"):
        gp.grad(loss)(torch.ones(3))
    for container in ({"w": x}, [1.0, 2.0]):
        with pytest.raises(gp.InputError, match="input 0 is a .* input of its own"):
            gp.grad(loss)(container)
