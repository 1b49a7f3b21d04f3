"""Formulas: the seed's as a person would write them, and the rules of notation."""

import re

import numpy as np
import pytest

import gradproof as gp
from gradproof.derive.emit.formulas import Formulas
from gradproof.derive.emit.symbols import barred, number, symbol

RNG = np.random.default_rng(0)


def mul_add_sum(x, y, z):
    a = x * y
    b = a + z
    c = np.sum(b)
    return c


def linear(input, weight, bias):
    return input @ weight.T + bias


def normal(*shapes):
    return [RNG.standard_normal(shape) for shape in shapes]


def latex(f, *shapes, **options):
    return gp.derive(f, *normal(*shapes), **options).source("latex")


def equations(f, *shapes, **options):
    """The lines by their left sides."""
    body = latex(f, *shapes, **options).split("\\begin{align*}\n")[1]
    lines = [line for line in body.splitlines() if "&=" in line]
    pairs = (re.sub(r" \\\\(\[1ex\])?$", "", line).split(" &= ") for line in lines)
    return dict(pairs)


SUM = r"""% \bar{x} is the gradient of c with respect to x.
% \odot is the elementwise product.
% \mathbf{1} is all ones.
\begin{align*}
a &= x \odot y \\
b &= a + z \\
c &= \sum b \\[1ex]
\bar{b} &= \mathbf{1} \\
\bar{z} &= \bar{b} \\
\bar{x} &= \bar{b} \odot y \\
\bar{y} &= \bar{b} \odot x
\end{align*}
"""

LAYER = r"""\begin{align*}
\mathrm{output} &= \mathrm{input} \, \mathrm{weight}^\top + \mathrm{bias} \\[1ex]
\overline{\mathrm{input}} &= \overline{\mathrm{output}} \, \mathrm{weight} \\
\overline{\mathrm{weight}} &= \overline{\mathrm{output}}^\top \, \mathrm{input} \\
\overline{\mathrm{bias}} &= \sum_{\mathrm{axis}\,0} \overline{\mathrm{output}}
\end{align*}
"""


def test_the_sum_of_the_seed():
    assert latex(mul_add_sum, (3, 4), (3, 4), (3, 4)) == SUM


def test_the_layer_of_the_seed():
    note, formulas = latex(linear, (5, 3), (4, 3), (4,)).split("\n", 1)
    assert note == (
        r"% \bar{x} is the gradient of L with respect to x. "
        r"Given: \overline{\mathrm{output}}."
    )
    assert formulas == LAYER


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("x", "x"),
        ("weight", r"\mathrm{weight}"),
        ("alpha", r"\alpha"),
        ("lambda_", r"\lambda"),
        ("Sigma", r"\Sigma"),
        ("σ", r"\sigma"),
        ("w_1", "w_1"),
        ("x2", "x_2"),
        ("x_12", "x_{12}"),
        ("product_1_1", r"\mathrm{product}_{1, 1}"),
        ("x_new", r"x_{\mathrm{new}}"),
        ("mu_x", r"\mu_x"),
        ("attn_weights", r"\mathrm{attn\_weights}"),
        ("total_1", r"\mathrm{total}_1"),
        ("attn_weights_2", r"\mathrm{attn\_weights}_2"),
    ],
)
def test_a_name_is_written(name, written):
    assert symbol(name) == written


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("x", r"\bar{x}"),
        ("w_1", r"\bar{w}_1"),
        ("alpha", r"\bar{\alpha}"),
        ("weight", r"\overline{\mathrm{weight}}"),
        ("attn_weights_2", r"\overline{\mathrm{attn\_weights}}_2"),
    ],
)
def test_a_gradient_has_a_bar_and_its_subscript_none(name, written):
    assert barred(name) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (2.0, "2"),
        (0.5, "0.5"),
        (-3, "-3"),
        (1e-5, "10^{-5}"),
        (2.5e-8, r"2.5 \cdot 10^{-8}"),
        (np.log(2), r"\ln 2"),
        (float("inf"), r"\infty"),
    ],
)
def test_a_number_is_written(value, written):
    assert number(value)[0] == written


@pytest.mark.parametrize(
    ("f", "written"),
    [
        (lambda x, y: (x + y) * x, r"(x + y) \odot x"),
        (lambda x, y: x - (x - y), "x - (x - y)"),
        (lambda x, y: (x * y) ** 2, r"(x \odot y)^2"),
        (lambda x, y: -x / y, r"-\frac{x}{y}"),
        (lambda x, y: np.exp(-x) * (x > y), r"e^{-x} \odot [x > y]"),
        (lambda x, y: np.sin(x) * y, r"(\sin x) \odot y"),
        (lambda x, y: np.sin(x * y), r"\sin (x \odot y)"),
        (lambda x, y: x * (1 / y), r"x \odot \frac{1}{y}"),
        (lambda x, y: np.sqrt(x * x + y), r"\sqrt{x \odot x + y}"),
        (lambda x, y: (x + y) ** 0.5, r"\sqrt{x + y}"),
        (lambda x, y: x - np.sum(y), r"x - \sum y"),
        (lambda x, y: np.sum(x) * y, r"\left( \sum x \right) \, y"),
        (lambda x, y: np.sum(x * y), r"\sum x \odot y"),
        (lambda x, y: x + -y, "x - y"),
    ],
)
def test_brackets_are_where_they_are_needed_and_nowhere_else(f, written):
    f.__name__ = "f"
    program = gp.derive(f, np.full(3, 2.0), np.full(3, 3.0)).program
    writer = Formulas("latex", {id(v): v.name for v in program.inputs})
    assert writer.expression(program.outputs[0]).code == written


def test_a_vector_is_a_column():
    def f(A, v, u):
        return u @ (A @ v)

    written = equations(f, (3, 4), (4,), (3,))
    assert written[r"\mathrm{output}"] == r"u^\top \, (A \, v)"
    assert written[r"\bar{A}"] == r"u \, v^\top"
    assert written[r"\bar{v}"] == r"A^\top \, u"


def test_transposed_and_conjugated_is_one_sign():
    def f(z, w):
        return z @ w

    arrays = [a + 1j * a for a in normal((2, 3), (3, 2))]
    text = gp.derive(f, *arrays).source("latex")
    assert r"\bar{z} &= \overline{\mathrm{output}} \, w^\dagger" in text


def test_one_fraction_and_one_number_in_front():
    def f(x, y):
        return x * 2 / y / y

    output = equations(f, (3,), (3,))[r"\mathrm{output}"]
    assert output == r"\frac{2 \, x}{y \odot y}"


def test_an_output_that_is_used_again_keeps_what_comes_in_apart():
    def f(x):
        s = x * x
        return s, np.sum(s * x)

    text = latex(f, (3,))
    assert r"Given: \bar{s}^{\,\mathrm{in}} and \overline{\mathrm{output}}_2." in text
    assert r"\bar{s} &= \bar{s}^{\,\mathrm{in}} + " in text


def test_sizes_are_explained():
    def f(x):
        return np.mean(x * x)

    assert "% n_{x} is the number of elements of x." in latex(f, (3, 4))


def is_balanced(text):
    closing = {"}": "{", ")": "(", "]": "["}
    waiting = []
    for character in re.sub(r"\\[{}_]", "", text):
        if character in closing.values():
            waiting.append(character)
        elif character in closing and (
            not waiting or waiting.pop() != closing[character]
        ):
            return False
    return not waiting and text.count(r"\left") == text.count(r"\right")


def elementary(x, y):
    return np.sum(
        np.sin(x * y) / (1 + np.abs(x)) + np.sqrt(y * y + 1) - np.maximum(x, y)
    )


def normalised(x, gamma):
    mean = np.mean(x, axis=-1, keepdims=True)
    spread = np.sqrt(np.mean((x - mean) ** 2, axis=-1, keepdims=True) + 1e-5)
    return gamma * (x - mean) / spread


@pytest.mark.parametrize(
    ("f", "shapes"),
    [
        (mul_add_sum, [(3, 4)] * 3),
        (linear, [(5, 3), (4, 3), (4,)]),
        (elementary, [(3,), (3,)]),
        (normalised, [(3, 4), (4,)]),
    ],
)
def test_braces_balance_and_no_python_is_left(f, shapes):
    text = latex(f, *shapes)
    assert is_balanced(text)
    assert not re.search(r"\*(?!\})|np\.|None|\{\d:|_\{\}", text)


@pytest.mark.parametrize("f", [mul_add_sum, elementary])
def test_matplotlib_can_set_it(f):
    mathtext = pytest.importorskip("matplotlib.mathtext")
    parse = mathtext.MathTextParser("path").parse
    for left, right in equations(f, *[(3, 4)] * f.__code__.co_argcount).items():
        parse(f"${left} = {right}$")
