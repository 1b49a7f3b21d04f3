"""Defining a function: rules, what is saved, and mistakes caught at definition."""

from __future__ import annotations

import copy
import functools
import inspect
import pickle
from typing import NamedTuple

import numpy as np
import pytest

import gradproof as gp
from tests.libraries import CONVERT


@gp.function
def linear(input, weight, bias):
    """Output = input · weightᵀ + bias."""
    return input @ weight.T + bias


@linear.gradient("input")
def grad_input(grad_output, weight):
    return grad_output @ weight


@linear.gradient("weight")
def grad_weight(grad_output, input):
    return grad_output.T @ input


@linear.gradient("bias")
def grad_bias(grad_output):
    return grad_output


def arrays():
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape) for shape in ((5, 3), (4, 3), (4,))]


def test_it_is_the_function_that_it_decorates() -> None:
    x, w, b = arrays()
    assert np.array_equal(linear(x, w, b), x @ w.T + b)
    assert np.array_equal(linear(x, bias=b, weight=w), x @ w.T + b)
    assert linear.__name__ == "linear"
    assert linear.__doc__ == "Output = input · weightᵀ + bias."
    assert str(inspect.signature(linear)) == "(input, weight, bias)"
    assert linear.__module__ == __name__
    assert repr(linear) == (
        "<gp.function linear(input, weight, bias), rules: input, weight, bias>"
    )


def test_a_rule_stays_an_ordinary_function() -> None:
    x, _, _ = arrays()
    assert np.array_equal(grad_weight(np.ones((5, 4)), x), np.ones((5, 4)).T @ x)


def test_saved_is_what_some_rule_names() -> None:
    assert dict(linear.saved) == {"input": ("weight",), "weight": ("input",)}


def test_gradients_come_by_name() -> None:
    x, w, b = arrays()
    g = np.random.default_rng(1).standard_normal((5, 4))
    gradients = linear.gradients(x, w, b, grad_output=g)
    assert gradients._fields == ("input", "weight", "bias")
    assert np.allclose(gradients.input, g @ w)
    assert np.allclose(gradients.weight, g.T @ x)
    assert np.allclose(gradients.bias, g.sum(0))


def test_vjp_gives_the_output_and_a_pullback_that_may_be_called_again() -> None:
    x, w, b = arrays()
    output, pullback = linear.vjp(x, w, b)
    assert np.array_equal(output, x @ w.T + b)
    first, second = pullback(np.ones((5, 4))), pullback(2 * np.ones((5, 4)))
    assert np.allclose(second.weight, 2 * first.weight)


def test_grad_output_may_be_left_out_for_a_scalar_only() -> None:
    @gp.function
    def total(x):
        return x.sum()

    @total.gradient("x")
    def grad_x(grad_output, x):
        return grad_output * np.ones_like(x)

    assert np.array_equal(total.gradients(np.ones(3)).x, np.ones(3))
    with pytest.raises(gp.InputError) as caught:
        linear.gradients(*arrays())
    assert str(caught.value) == (
        "linear returned an array of shape (5, 4), not a scalar: "
        "pass grad_output, the gradient of the output"
    )


def test_grad_output_must_have_the_shape_of_the_output() -> None:
    with pytest.raises(gp.InputError) as caught:
        linear.gradients(*arrays(), grad_output=np.ones((4, 5)))
    assert str(caught.value) == (
        "linear: grad_output for the output has shape (4, 5), expected (5, 4)"
    )


def test_options_are_keyword_only_and_reach_the_rules() -> None:
    @gp.function
    def power(x, *, exponent, scale=1.0):
        return scale * x**exponent

    @power.gradient("x")
    def grad_x(grad_output, x, exponent, *, scale):
        return grad_output * scale * exponent * x ** (exponent - 1)

    x = np.array([1.0, 2.0])
    assert np.array_equal(power(x, exponent=3), x**3)
    gradients = power.gradients(x, exponent=3, scale=2.0, grad_output=np.ones(2))
    assert np.allclose(gradients.x, 6 * x**2)
    with pytest.raises(gp.InputError) as caught:
        power(x)
    assert str(caught.value) == (
        "power(x, *, exponent, scale=1.0) was called wrongly: "
        "missing a required argument: 'exponent'"
    )
    with pytest.raises(gp.InputError, match="it has no 'axis': it has x, exponent"):
        power(x, exponent=2, axis=0)


def test_integer_boolean_and_missing_inputs_have_no_gradient() -> None:
    @gp.function
    def pick(x, index, mask=None):
        picked = x[index]
        return picked if mask is None else picked * mask

    @pick.gradient("x")
    def grad_x(grad_output, x, index, mask):
        grad_output = grad_output if mask is None else grad_output * mask
        gradient = np.zeros_like(x)
        np.add.at(gradient, index, grad_output)
        return gradient

    index = np.array([0, 0, 2])
    for mask in (None, np.array([True, False, True])):
        inputs = (np.ones(4), index) if mask is None else (np.ones(4), index, mask)
        gradients = pick.gradients(*inputs, grad_output=np.ones(3))
        assert gradients.index is None
        assert gradients.mask is None
        assert gradients.x[0] == (2 if mask is None else 1)


def test_several_outputs_take_a_tuple_of_gradients() -> None:
    @gp.function
    def both(x, y):
        return x * y, x + y

    @both.gradient("x")
    def grad_x(grad_output, y):
        product, total = grad_output
        return product * y + total

    @both.gradient("y")
    def grad_y(grad_output, x):
        product, total = grad_output
        return product * x + total

    x, y = np.array([2.0]), np.array([3.0])
    gradients = both.gradients(x, y, grad_output=(np.ones(1), np.ones(1)))
    assert (gradients.x.item(), gradients.y.item()) == (4.0, 3.0)
    for wrong in (None, np.ones(1), (np.ones(1),)):
        with pytest.raises(gp.InputError) as caught:
            both.gradients(x, y, grad_output=wrong)
        assert str(caught.value) == (
            "both has 2 outputs: grad_output must be a tuple of 2 arrays, one for each "
            "in order"
        )
    with pytest.raises(gp.InputError) as caught:
        both.gradients(x, y, grad_output=(np.ones(1), np.ones(2)))
    assert str(caught.value) == (
        "both: grad_output for output 1 has shape (2,), expected (1,)"
    )


def test_a_rule_may_ask_for_the_output_and_for_what_was_saved() -> None:
    @gp.function
    def sigmoid(x):
        e = gp.save(e=np.exp(-x))
        return 1 / (1 + e)

    @sigmoid.gradient("x")
    def grad_x(grad_output, output, e):
        return grad_output * output**2 * e

    assert dict(sigmoid.saved) == {"output": ("x",), "e": ("x",)}
    x = np.linspace(-2, 2, 5)
    s = 1 / (1 + np.exp(-x))
    assert np.allclose(sigmoid.gradients(x, grad_output=np.ones(5)).x, s * (1 - s))


def test_an_inner_functions_saves_stay_inside() -> None:
    @gp.function
    def inner(x):
        return gp.save(e=np.exp(x))

    @gp.function
    def outer(x):
        return inner(x) * gp.save(e=x)

    @outer.gradient("x")
    def grad_x(grad_output, e):
        return grad_output * np.exp(e) * (1 + e)

    x = np.array([0.5])
    gradient = outer.gradients(x, grad_output=np.ones(1)).x
    assert np.allclose(gradient, np.exp(0.5) * 1.5)


def test_it_is_pickled_by_name() -> None:
    assert pickle.loads(pickle.dumps(linear)) is linear
    assert copy.deepcopy(linear) is linear


# Mistakes are errors at definition.


def fresh():
    @gp.function
    def layer(input, weight, *, axis=0):
        return input @ weight

    return layer


def test_a_rule_for_an_input_that_does_not_exist() -> None:
    with pytest.raises(gp.DefinitionError) as caught:
        fresh().gradient("wieght")
    assert str(caught.value) == "layer has no input 'wieght': did you mean 'weight'?"
    with pytest.raises(gp.DefinitionError, match="its inputs are input, weight"):
        fresh().gradient("zzz")


def test_a_parameter_that_nobody_provides() -> None:
    with pytest.raises(gp.DefinitionError) as caught:

        @fresh().gradient("weight")
        def grad_weight(grad_output, inptu): ...

    assert str(caught.value) == (
        "layer: the rule for 'weight' asks for 'inptu', which is neither an input, an "
        "option, 'output' nor named with gp.save: did you mean 'input'?"
    )


@pytest.mark.parametrize(
    "rule",
    [
        lambda: 0,
        lambda grad_output, *rest: 0,
        lambda g, **rest: 0,
        lambda *, grad_output: 0,
    ],
)
def test_a_rule_without_parameters_or_with_any_number_of_them(rule) -> None:
    with pytest.raises(gp.DefinitionError) as caught:
        fresh().gradient("weight")(rule)
    assert str(caught.value) == (
        "layer: the rule for 'weight' must name its parameters, grad_output first, as "
        f"in def grad_weight(grad_output, ...): it has {inspect.signature(rule)}"
    )


def test_a_rule_that_forgets_the_gradient_of_the_output() -> None:
    with pytest.raises(gp.DefinitionError) as caught:

        @fresh().gradient("weight")
        def grad_weight(input, axis): ...

    assert str(caught.value) == (
        "layer: the rule for 'weight' calls its first parameter, the gradient of the "
        "output, 'input': write def grad_weight(grad_output, input, ...)"
    )


def test_two_rules_for_one_input_are_a_slip_in_one_file() -> None:
    layer = fresh()

    @layer.gradient("weight")
    def first(grad_output): ...

    with pytest.raises(gp.DefinitionError) as caught:

        @layer.gradient("weight")
        def second(grad_output): ...

    assert str(caught.value) == (
        "layer: two rules for 'weight', first and second: one of them is meant for "
        "another input"
    )


def test_a_notebook_cell_that_is_run_again_replaces_the_rule() -> None:
    @gp.function
    def double(x):
        return 2 * x

    for cell, factor in enumerate((1, 2)):
        code = f"@double.gradient('x')\ndef rule(g): return {factor} * g"
        exec(compile(code, f"<cell {cell}>", "exec"), {"double": double})
    assert double.gradients(np.ones(1), grad_output=np.ones(1)).x.item() == 2


def test_rules_need_no_name_of_their_own() -> None:
    layer = fresh()
    layer.gradient("weight")(functools.partial(lambda grad_output: 0))
    with pytest.raises(gp.DefinitionError, match="for 'weight', partial and <lambda>:"):
        layer.gradient("weight")(lambda grad_output: 0)


NAMES_EVERY_INPUT = "give the arrays as positional parameters, options as keyword-only"
TAKEN = "rules use 'output' and 'grad_output' themselves, and '_...' is private"


@pytest.mark.parametrize(
    ("forward", "message"),
    [
        (
            lambda *x: x,
            f"a gp.function names every input, *x does not: {NAMES_EVERY_INPUT}",
        ),
        (
            lambda x, **kw: x,
            f"a gp.function names every input, **kw does not: {NAMES_EVERY_INPUT}",
        ),
        (lambda output: output, f"a parameter cannot be called 'output': {TAKEN}"),
        (
            lambda x, *, grad_output: x,
            f"a parameter cannot be called 'grad_output': {TAKEN}",
        ),
        (lambda _x: _x, f"a parameter cannot be called '_x': {TAKEN}"),
        (lambda: 0, "a gp.function needs an input, a positional parameter"),
        (lambda *, axis: 0, "a gp.function needs an input, a positional parameter"),
    ],
)
def test_a_forward_that_cannot_be_a_function(forward, message) -> None:
    with pytest.raises(gp.DefinitionError) as caught:
        gp.function(forward)
    assert str(caught.value) == f"<lambda>: {message}"


@pytest.mark.parametrize(
    ("output", "came"),
    [
        (None, "a NoneType"),
        ((1.0,), "a tuple of 1"),
        ((), "a tuple of 0"),
        ([1.0, 2.0], "a list of 2"),
        ({"a": 1.0}, "a dict"),
    ],
)
def test_a_forward_that_returns_no_array(output, came) -> None:
    @gp.function
    def forgetful(x):
        return output

    for call in (forgetful, forgetful.vjp):
        with pytest.raises(gp.DefinitionError) as caught:
            call(np.ones(1))
        assert str(caught.value) == (
            f"forgetful returned {came}: return the array itself, or a tuple of two or "
            "more"
        )


@pytest.mark.parametrize("name", ["x", "axis", "output", "grad_output"])
def test_an_intermediate_named_like_something_else(name) -> None:
    @gp.function
    def confusing(x, *, axis=0):
        gp.save(**{name: 2 * x})
        return x

    with pytest.raises(gp.DefinitionError) as caught:
        confusing.vjp(np.ones(1))
    assert str(caught.value) == (
        f"confusing: gp.save was given the name {name!r}, by which rules ask for "
        "something else: give the intermediate another name"
    )


def test_an_intermediate_may_be_saved_by_any_name_of_gp_save_or_deeper_down() -> None:
    from gradproof import save as keep

    @gp.function
    def deep(x):
        parts = [keep(first=part) for part in [x]]
        return (lambda part: gp.save(second=2 * part))(parts[0])

    @deep.gradient("x")
    def grad_x(grad_output, first, second):
        return grad_output * second / first

    assert deep.intermediates == ("first", "second")
    assert deep.gradients(np.ones(1), grad_output=np.ones(1)).x.item() == 2


def test_an_intermediate_that_this_call_did_not_save() -> None:
    @gp.function
    def sometimes(x, *, really=False):
        return gp.save(e=x) if really else x.sum(axis=0)

    @sometimes.gradient("x")
    def grad_x(grad_output, e):
        return grad_output

    with pytest.raises(gp.DefinitionError) as caught:
        sometimes.vjp(np.ones(3))
    assert str(caught.value) == (
        "sometimes: a rule asks for 'e', which the forward did not save in this call: "
        "name it with gp.save(e=...)"
    )
    assert sometimes(np.ones(3)) == 3  # a plain call needs nothing for backward


# What a call may be given, on each library.


def test_arrays_of_different_libraries_do_not_mix() -> None:
    def ones(*libraries):
        shapes = ((5, 3), (4, 3), (4,))
        return [
            CONVERT[library](np.ones(shape, np.float32))
            for library, shape in zip(libraries, shapes, strict=True)
        ]

    with pytest.raises(gp.InputError) as caught:
        linear(*ones("torch", "JAX", "JAX"))
    assert str(caught.value) == (
        "linear was given arrays of different libraries, 'input' is torch's, 'weight' "
        "is JAX's, 'bias' is JAX's: convert them to one library"
    )
    with pytest.raises(gp.InputError, match="'input' is NumPy's, 'weight' is torch's"):
        linear.gradients(*ones("NumPy", "torch", "torch"))


@pytest.mark.parametrize("container", [list, tuple])
def test_a_container_of_arrays_is_no_input(container) -> None:
    with pytest.raises(gp.InputError) as caught:
        fresh()(container([np.ones(3)]), np.ones(3))
    assert str(caught.value) == (
        f"layer was given a {container.__name__}: "
        "pass each array as an input of its own"
    )


@pytest.mark.parametrize("library", CONVERT)
def test_the_same_array_twice_gets_a_gradient_for_each_place(library) -> None:
    @gp.function
    def combine(x, y):
        return x * y * y

    @combine.gradient("x")
    def grad_x(grad_output, y):
        return grad_output * y * y

    @combine.gradient("y")
    def grad_y(grad_output, x, y):
        return grad_output * 2 * x * y

    x = CONVERT[library](np.float32(3))
    assert [g.tolist() for g in combine.gradients(x, x)] == [9, 18]
    if library == "torch":
        x.requires_grad_()
        assert [g.tolist() for g in combine.gradients(x, x)] == [9, 18]


@pytest.mark.parametrize("library", CONVERT)
def test_numbers_none_and_booleans_stand_beside_arrays(library) -> None:
    @gp.function
    def choose(x, factor, mask, bias=None):
        xp = gp.namespace(x)
        scaled = xp.where(mask, x * factor, x)
        return scaled if bias is None else scaled + bias

    @choose.gradient("x")
    def grad_x(grad_output, factor, mask):
        return gp.namespace(mask).where(mask, grad_output * factor, grad_output)

    @choose.gradient("factor")
    def grad_factor(grad_output, x, mask):
        xp = gp.namespace(x)
        return xp.sum(xp.where(mask, grad_output * x, 0 * x))

    @choose.gradient("bias")
    def grad_bias(grad_output):
        return grad_output

    convert = CONVERT[library]
    x, mask = np.array([1, 2], np.float32), np.array([True, False])
    for bias in (None, convert(np.float32(1))):
        found = choose.gradients(
            convert(x), 3.0, convert(mask), bias, grad_output=convert(np.ones_like(x))
        )
        assert np.array_equal(np.asarray(found.x), [3, 1])
        assert str(np.asarray(found.x).dtype) == "float32"
        assert found.mask is None
        # A Python number is an array to NumPy and JAX, and a constant to torch.
        assert (found.factor is None) == (library == "torch")
        assert found.factor is None or float(found.factor) == 1
        assert (found.bias is None) == (bias is None)
        assert bias is None or float(found.bias) == 2


def test_python_numbers_alone_are_scalars_of_numpy() -> None:
    @gp.function
    def multiply(x, y):
        return x * y

    @multiply.gradient("x")
    def grad_x(grad_output, y):
        return grad_output * y

    @multiply.gradient("y")
    def grad_y(grad_output, x):
        return grad_output * x

    assert multiply(2.0, 3.0) == 6.0
    assert tuple(map(float, multiply.gradients(2.0, 3.0))) == (3.0, 2.0)


def test_inputs_may_be_called_what_tuples_call_their_methods() -> None:
    @gp.function
    def pick(count, index):
        return count * index

    @pick.gradient("count")
    def grad_count(grad_output, index):
        return grad_output * index

    @pick.gradient("index")
    def grad_index(grad_output, count):
        return grad_output * count

    gradients = pick.gradients(np.float64(2), np.float64(3))
    assert (gradients.count.item(), gradients.index.item()) == (3, 2)


@pytest.mark.parametrize("library", CONVERT)
def test_there_must_be_something_to_differentiate(library) -> None:
    @gp.function
    def largest(x):
        return gp.namespace(x).argmax(x)

    for dtype, what in ((np.int32, "input"), (np.float32, "output")):
        with pytest.raises(gp.InputError) as caught:
            largest.gradients(CONVERT[library](np.ones(3, dtype)))
        assert str(caught.value) == (
            f"largest: there is nothing to differentiate: no {what} is a floating "
            "array of NumPy, torch or JAX"
        )


# What a pullback may be given.


@gp.function
def triple(x):
    """Two floating outputs and an integer one."""
    xp = gp.namespace(x)
    return 2 * x, xp.sum(x), xp.argmax(x)


@triple.gradient("x")
def grad_triple(grad_output):
    doubled, total, position = grad_output
    assert position is None
    return 2 * doubled + total


@pytest.mark.parametrize("library", CONVERT)
def test_among_several_outputs_none_is_zero(library) -> None:
    x = CONVERT[library](np.array([1, 5, 2], np.float32))
    output, pullback = triple.vjp(x)
    assert [float(output[1]), int(output[2])] == [8, 1]
    assert pullback((x, None, None)).x.tolist() == [2, 10, 4]
    assert pullback((None, 1, None)).x.tolist() == [1, 1, 1]
    assert pullback([x, 3.0, None]).x.tolist() == [5, 13, 7]


@pytest.mark.parametrize("library", CONVERT)
def test_grad_output_is_brought_to_the_dtype_of_the_output(library) -> None:
    convert = CONVERT[library]
    x = convert(np.ones(3, np.float32))
    for dtype in (np.float16, np.int32, np.float64):
        _, pullback = triple.vjp(x)
        gradient = pullback((convert(np.ones(3, dtype)), None, None)).x
        assert np.asarray(gradient).dtype == np.float32
    with pytest.raises(gp.InputError) as caught:
        pullback((convert(np.ones(3, np.complex64)), None, None))
    assert str(caught.value) == (
        "triple: grad_output for output 0 is complex64, expected float32"
    )


def test_grad_output_of_another_library_is_refused() -> None:
    _, pullback = triple.vjp(CONVERT["torch"](np.ones(3)))
    with pytest.raises(gp.InputError) as caught:
        pullback((np.ones(3), None, None))
    assert str(caught.value) == (
        "triple: grad_output for output 0 is a ndarray, expected a Tensor"
    )


# Options.


@pytest.mark.parametrize("library", ["torch", "JAX"])
def test_an_option_that_would_lose_its_gradient_is_refused(library) -> None:
    import jax
    import torch

    @gp.function
    def scale(x, *, factor):
        return x * factor

    x = CONVERT[library](np.float32(1))
    gradient = {"torch": torch.func.grad, "JAX": jax.grad}[library]
    with pytest.raises(gp.InputError) as caught:
        gradient(lambda factor: scale(x, factor=factor))(x)
    expected = {
        "torch": "scale: the option 'factor' is an array to differentiate, options "
        "have no gradient: make it a positional parameter, an input",
        "JAX": "scale: the option 'factor' is traced by JAX, options have no gradient "
        "and must be known: make it static, as with static_argnames, or a positional "
        "parameter, an input",
    }
    assert str(caught.value) == expected[library]
    assert float(scale(x, factor=x)) == 1


@pytest.mark.parametrize("library", CONVERT)
def test_options_that_are_equal_but_not_the_same_stay_apart(library) -> None:
    @gp.function
    def power(x, *, sign, table=()):
        return x * x if type(sign) is bool else x * sign

    @power.gradient("x")
    def grad_x(grad_output, x, sign, table):
        return grad_output * (2 * x if type(sign) is bool else sign)

    x = CONVERT[library](np.float32(3))
    for sign, true in ((True, 6), (1, 1), (1.0, 1), (True, 6)):
        for table in ([1], {}):  # nor need they be hashable
            assert float(power.gradients(x, sign=sign, table=table).x) == true


def test_a_forward_that_writes_to_what_backward_reads_is_an_error() -> None:
    @gp.function
    def square(x):
        x *= x
        return x * 1

    @square.gradient("x")
    def square_x(grad_output, x):
        return 2 * grad_output * x

    with pytest.raises(gp.DefinitionError, match="square: .* writes into 'x', which"):
        square.gradients(np.array([1.0, 2.0]), grad_output=np.ones(2))

    @gp.function
    def exp(x):
        e = gp.save(e=np.exp(x))
        y = e * 1
        e *= 5
        return y

    @exp.gradient("x")
    def exp_x(grad_output, e):
        return grad_output * e

    with pytest.raises(gp.DefinitionError, match="exp: .* 'e', which was named with"):
        exp.gradients(np.array([1.0, 2.0]), grad_output=np.ones(2))


def test_a_name_that_it_does_not_have() -> None:
    with pytest.raises(gp.InputError) as caught:
        linear(np.ones((2, 3)), np.ones((4, 3)), biass=np.ones(4))
    assert str(caught.value).endswith(
        "was called wrongly: it has no 'biass': did you mean 'bias'?"
    )


def test_a_method_is_no_gp_function() -> None:
    with pytest.raises(gp.DefinitionError, match="scale: a gp.function is no method"):

        class Layer:
            @gp.function
            def scale(self, x):
                return x


def test_a_rule_may_be_defined_again_under_its_name() -> None:
    @gp.function
    def double(x):
        return 2 * x

    @double.gradient("x")
    def grad_x(grad_output):
        return grad_output * 3

    @double.gradient("x")
    def grad_x(grad_output):  # noqa: F811 - as a notebook's cell that is run again
        return grad_output * 2

    ones = np.ones(2)
    assert np.array_equal(double.gradients(ones, grad_output=ones).x, 2 * ones)

    with pytest.raises(gp.DefinitionError, match="two rules for 'x'"):

        @double.gradient("x")
        def grad_y(grad_output):
            return grad_output * 2


def test_decorators_without_their_parentheses_or_names() -> None:
    with pytest.raises(gp.DefinitionError, match=r'write @linear.gradient\("input"\)'):

        @linear.gradient
        def grad_input(grad_output):
            return grad_output


class Pair(NamedTuple):
    first: np.ndarray
    second: np.ndarray


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (lambda x: (x, None), "returned a tuple with a NoneType in it"),
        (lambda x: (x, (x, x)), "returned a tuple with a tuple in it"),
        (lambda x: Pair(x, x), "returned a Pair of 2: return the array itself"),
    ],
)
def test_outputs_that_are_no_plain_arrays(output, message) -> None:
    function = gp.function(output)
    with pytest.raises(gp.DefinitionError, match=message):
        function(np.ones(2))
