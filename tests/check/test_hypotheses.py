"""Every diagnosis names its defect, and says nothing of a correct twin."""

from __future__ import annotations

import numpy as np
import pytest

import gradproof as gp
from gradproof.check import diagnose


def product_sum(x, y, z):
    return np.sum(x * y + z)


def right(g, x, y, z):
    return g * y, g * x, g * np.ones_like(z)


def arrays(*shapes):
    rng = np.random.default_rng(0)
    return [one_array(rng, *shape) for shape in shapes]


def one_array(rng, *shape):
    if shape[-1:] == ("complex",):
        return rng.standard_normal(shape[:-1]) + 1j * rng.standard_normal(shape[:-1])
    return rng.standard_normal(shape)


def matmul(a, b):
    return a @ b


def tanh_layer(x, w):
    return np.tanh(x @ w)


def tanh_layer_backward(scale=1.0):
    def backward(g, x, w):
        grad = g * (1 - np.tanh(x @ w) ** 2)
        return scale * (grad @ w.T), x.T @ grad

    return backward


THREE = ((3, 4), (3, 4), (3, 4))

# name: (forward, backward, shapes, input, diagnosis, message without its error)
DEFECTS = {
    "zero": (
        product_sum,
        lambda g, x, y, z: (np.zeros_like(x), g * x, g * np.ones_like(z)),
        THREE,
        "x",
        "zero",
        "the gradient of 'x' is zero everywhere, the true one is not",
    ),
    "missing": (
        product_sum,
        lambda g, x, y, z: (g * y, None, g * np.ones_like(z)),
        THREE,
        "y",
        "missing",
        "no gradient comes back for 'y': backward returns None, or the output is "
        "detached from it",
    ),
    "infinite": (
        product_sum,
        lambda g, x, y, z: (
            g * y,
            g * x + np.where(x > 1, np.inf, 0),
            g * np.ones_like(z),
        ),
        THREE,
        "y",
        "not-finite",
        "the gradient of 'y' is infinite with ordinary values, the true one is finite",
    ),
    "NaN": (
        product_sum,
        lambda g, x, y, z: (g * y * np.nan, g * x, g * np.ones_like(z)),
        THREE,
        "x",
        "not-finite",
        "the gradient of 'x' is NaN with ordinary values, the true one is finite",
    ),
    "sign": (
        product_sum,
        lambda g, x, y, z: (g * y, -g * x, g * np.ones_like(z)),
        THREE,
        "y",
        "sign",
        "the gradient of 'y' has the wrong sign, everywhere",
    ),
    "scale by two": (
        product_sum,
        lambda g, x, y, z: (g * y, g * x, 2 * g * np.ones_like(z)),
        THREE,
        "z",
        "scale",
        "the gradient of 'z' is twice the true one, everywhere",
    ),
    "scale by one over the number of elements": (
        product_sum,
        lambda g, x, y, z: (g * y / 12, g * x, g * np.ones_like(z)),
        THREE,
        "x",
        "scale",
        "the gradient of 'x' is 1/12 of the true one, everywhere: 12 is the number of "
        "elements of 'x'",
    ),
    "scale by the batch": (
        tanh_layer,
        tanh_layer_backward(5.0),
        ((5, 3), (3, 4)),
        "x",
        "scale",
        "the gradient of 'x' is 5 times the true one, everywhere: 5 is the batch size",
    ),
    "scale by some number": (
        product_sum,
        lambda g, x, y, z: (0.731 * g * y, g * x, g * np.ones_like(z)),
        THREE,
        "x",
        "scale",
        "the gradient of 'x' is 0.731 times the true one, everywhere",
    ),
    "swapped slots": (
        product_sum,
        lambda g, x, y, z: (g * x, g * y, g * np.ones_like(z)),
        THREE,
        "x",
        "swapped",
        "the gradient of 'x' is returned in the place of 'y'",
    ),
    "swapped inputs in one rule": (
        product_sum,
        lambda g, x, y, z: (g * x, g * x, g * np.ones_like(z)),
        THREE,
        "x",
        "swapped",
        "the gradient of 'x' is right once 'x' and 'y' are exchanged in it",
    ),
    "transposed square result": (
        matmul,
        lambda g, a, b: ((g @ b.T).T, a.T @ g),
        ((3, 3), (3, 3)),
        "a",
        "transposed",
        "the gradient of 'a' is transposed: it is the transpose of the right one",
    ),
    "transposed factor": (
        matmul,
        lambda g, a, b: (g @ b, a.T @ g),
        ((3, 3), (3, 3)),
        "a",
        "transposed",
        "the gradient of 'a' is transposed: it is right once b is transposed in it",
    ),
    "transposed incoming gradient": (
        matmul,
        lambda g, a, b: (g.T @ b.T, a.T @ g),
        ((3, 3), (3, 3)),
        "a",
        "transposed",
        "the gradient of 'a' is transposed: it is right once grad_output is transposed "
        "in it",
    ),
    "rolled": (
        product_sum,
        lambda g, x, y, z: (np.roll(g * y, 1, axis=1), g * x, g * np.ones_like(z)),
        THREE,
        "x",
        "permuted",
        "the gradient of 'x' has its elements in other places: rolled by 1 along "
        "dimension 1",
    ),
    "reversed": (
        product_sum,
        lambda g, x, y, z: ((g * y)[::-1], g * x, g * np.ones_like(z)),
        THREE,
        "x",
        "permuted",
        "the gradient of 'x' has its elements in other places: reversed along "
        "dimension 0",
    ),
    "other dimensions": (
        product_sum,
        lambda g, x, y, z: (
            (g * y).transpose(2, 0, 1),
            g * x,
            g * np.ones_like(z),
        ),
        ((3, 3, 3),) * 3,
        "x",
        "permuted",
        "the gradient of 'x' has its elements in other places: the dimensions "
        "[1, 2, 0] in the place of [0, 1, 2]",
    ),
    "only the negative elements": (
        product_sum,
        lambda g, x, y, z: (g * y * np.where(x < 0, 2, 1), g * x, g * np.ones_like(z)),
        THREE,
        "x",
        "partial",
        "the gradient of 'x' is wrong in the negative elements only",
    ),
    "only a column": (
        product_sum,
        lambda g, x, y, z: (
            g * y * np.array([1, 1, 1, 0]),
            g * x,
            g * np.ones_like(z),
        ),
        THREE,
        "x",
        "partial",
        "the gradient of 'x' is wrong in column 3 only",
    ),
    "rounded on the way": (
        product_sum,
        lambda g, x, y, z: (
            g * y.astype(np.float16),
            g * x,
            g * np.ones_like(z),
        ),
        THREE,
        "x",
        "low-precision",
        "the gradient of 'x' is made from values rounded to float16",
    ),
    "not conjugated": (
        lambda z: np.sum(z * z),
        lambda g, z: (g * 2 * z,),
        ((3, 4, "complex"),),
        "z",
        "conjugated",
        "the gradient of 'z' is right once 'z' is conjugated in it",
    ),
    "conjugated": (
        lambda z: np.sum(z * z),
        lambda g, z: (np.conj(g * 2 * np.conj(z)),),
        ((3, 4, "complex"),),
        "z",
        "conjugated",
        "the gradient of 'z' is the complex conjugate of the right one",
    ),
    "swapped operands": (
        matmul,
        lambda g, a, b: (b.T @ g, a.T @ g),
        ((3, 3), (3, 3)),
        "a",
        "swapped",
        "the gradient of 'a' has the operands of its matrix product exchanged",
    ),
}


@pytest.mark.parametrize("name", DEFECTS)
def test_the_defect_is_named(name: str) -> None:
    forward, backward, shapes, input, diagnosis, message = DEFECTS[name]
    verdict = gp.check(forward, *arrays(*shapes), backward=backward)
    finding = next(f for f in verdict.findings if f.input == input)
    assert finding.diagnosis == diagnosis
    assert finding.message.rsplit(" (relative", 1)[0] == message
    assert finding.hint


@pytest.mark.parametrize("seed", range(5))
def test_the_twins_pass(seed: int) -> None:
    assert gp.check(product_sum, *arrays(*THREE), backward=right, seed=seed).ok
    layer = arrays((5, 3), (3, 4))
    assert gp.check(tanh_layer, *layer, backward=tanh_layer_backward(), seed=seed).ok
    square = arrays((3, 3), (3, 3))

    def backward(g, a, b):
        return g @ b.T, a.T @ g

    assert gp.check(matmul, *square, backward=backward, seed=seed).ok


def test_symmetric_cases_are_not_called_transposed() -> None:
    """A wrong gradient that no simple mistake explains gets no diagnosis."""

    def backward(g, x, y, z):
        return g * y * np.cos(x), g * x, g * np.ones_like(z)

    verdict = gp.check(product_sum, *arrays(*THREE), backward=backward)
    (finding,) = verdict.findings
    assert finding.diagnosis is None
    assert finding.input == "x"
    assert "no simple mistake explains it" in finding.hint


def test_nonlinear_is_found_by_the_gradient_property_alone() -> None:
    def backward(g, x, y, z):
        return g * abs(g) * y, g * x, g * np.ones_like(z)

    verdict = gp.check(
        product_sum, *arrays(*THREE), backward=backward, select=["gradient"]
    )
    assert [(f.input, f.diagnosis) for f in verdict.findings] == [("x", "nonlinear")]


def test_every_diagnosis_of_this_table_has_a_test() -> None:
    tested = {diagnosis for *_, diagnosis, _ in DEFECTS.values()}
    elsewhere = {"nonlinear", "stateful"}  # in this file and in tests/defects
    assert set(diagnose.names()) | {"partial"} == tested | elsewhere
