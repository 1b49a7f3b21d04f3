"""What a rule returns is checked once, with the same words on every backend."""

from __future__ import annotations

import jax
import numpy as np
import pytest
import torch

import gradproof as gp
from gradproof._rule import Rule, broadcasts
from tests.libraries import CONVERT


def layer(rule):
    @gp.function
    def layer(x, weight):
        return x @ weight.T

    @layer.gradient("x")
    def grad_x(grad_output, weight):
        return grad_output @ weight

    layer.gradient("weight")(rule)
    return layer


def gradients(function, backend, dtype=np.float32):
    convert = CONVERT[backend]
    x, w = np.ones((5, 3), dtype), np.ones((4, 3), dtype)
    grad_output = convert(np.ones((5, 4), dtype))
    return function.gradients(convert(x), convert(w), grad_output=grad_output)


def half(grad_output, x):
    return cast(grad_output.T @ x, "float16")


def imaginary(grad_output, x):
    return (grad_output.T @ x) * 1j


def cast(array, dtype):
    if isinstance(array, torch.Tensor):
        return array.to(getattr(torch, dtype))
    return array.astype(dtype)


WRONG = {
    "missing": (
        lambda grad_output: None,
        "returned None, expected float32[4, 3]: is the return statement missing?",
    ),
    "transposed": (
        lambda grad_output, x: x.T @ grad_output,
        "returned float32[3, 4], expected float32[4, 3]: is a transpose missing?",
    ),
    "scalar": (
        lambda grad_output: grad_output.sum(),
        "returned float32[], expected float32[4, 3]: spread it over the elements that "
        "were summed, with xp.broadcast_to",
    ),
    "flat": (
        lambda grad_output, x: (grad_output.T @ x).reshape(12),
        "returned float32[12], expected float32[4, 3]: a reshape or a permutation is "
        "missing",
    ),
    "other": (
        lambda grad_output, x: x,
        "returned float32[5, 3], expected float32[4, 3]: the gradient has the shape of "
        "its input",
    ),
    "half": (
        half,
        "returned float16[4, 3], expected float32[4, 3]: inputs and outputs are "
        "float32 only",
    ),
    "imaginary": (
        imaginary,
        "returned complex64[4, 3], expected float32[4, 3]: a real function has a real "
        "gradient",
    ),
}


@pytest.mark.parametrize("backend", CONVERT)
@pytest.mark.parametrize("mistake", WRONG)
def test_a_wrong_rule_is_an_error_that_says_what_came(backend, mistake) -> None:
    rule, message = WRONG[mistake]
    with pytest.raises(gp.RuleError) as caught:
        gradients(layer(rule), backend)
    assert str(caught.value) == f"layer: the rule for 'weight' {message}"
    assert (caught.value.function, caught.value.input) == ("layer", "weight")
    problems = {"missing": "missing", "half": "dtype", "imaginary": "realness"}
    assert caught.value.problem == problems.get(mistake, "shape")
    assert (caught.value.gradient is None) == (mistake == "missing")


@pytest.mark.parametrize("backend", CONVERT)
@pytest.mark.parametrize(
    ("returned", "kind"),
    [([1.0], "list"), ((1.0, 2.0), "tuple"), (0.0, "float"), ("x", "str")],
)
def test_something_that_is_no_array(backend, returned, kind) -> None:
    with pytest.raises(gp.RuleError) as caught:
        gradients(layer(lambda grad_output: returned), backend)
    assert str(caught.value) == (
        f"layer: the rule for 'weight' returned a {kind}, expected float32[4, 3]: "
        "return one array, the gradient of 'weight' alone"
    )
    assert caught.value.problem == "type"


@pytest.mark.parametrize("way", ["grad", "jit", "vmap"])
def test_a_wrong_rule_says_the_same_under_the_transforms_of_jax(way) -> None:
    rule, message = WRONG["transposed"]
    function = layer(rule)
    x, w = (CONVERT["JAX"](np.ones(shape, np.float32)) for shape in ((5, 3), (4, 3)))
    gradient = jax.grad(lambda x, w: function(x, w).sum(), argnums=1)
    if way == "jit":
        gradient = jax.jit(gradient)
    if way == "vmap":
        gradient, x, w = jax.vmap(gradient), x[None], w[None]
    with pytest.raises(gp.RuleError) as caught:
        gradient(x, w)
    assert str(caught.value) == f"layer: the rule for 'weight' {message}"


def test_a_wrong_rule_says_the_same_in_the_backward_of_torch() -> None:
    rule, message = WRONG["transposed"]
    x, w = torch.ones(5, 3), torch.ones(4, 3, requires_grad=True)
    with pytest.raises(gp.RuleError) as caught:
        layer(rule)(x, w).sum().backward()
    assert str(caught.value) == f"layer: the rule for 'weight' {message}"


@pytest.mark.parametrize("backend", CONVERT)
def test_a_number_or_an_integer_output_explains_no_other_dtype(backend) -> None:
    @gp.function
    def scale(x, factor):
        return x * factor, gp.namespace(x).argmax(x)

    @scale.gradient("x")
    def grad_x(grad_output, x):
        integer = "int32" if backend == "JAX" else "int64"
        dtype = {"float32": "float16", "float16": integer}[kind]
        return cast(gp.namespace(x).ones_like(x), dtype)

    convert = CONVERT[backend]
    for kind in ("float32", "float16"):
        x = convert(np.ones(3, kind))
        with pytest.raises(gp.RuleError, match=f"inputs and outputs are {kind} only"):
            scale.vjp(x, 2.0)[1]((x, None))


@pytest.mark.parametrize("backend", CONVERT)
@pytest.mark.parametrize("shape", [(3,), (1, 3), (5, 1), (1, 1), ()])
def test_broadcasting_is_undone(backend, shape) -> None:
    @gp.function
    def add(x, y):
        return x + y

    @add.gradient("x")
    def grad_x(grad_output):
        return grad_output

    @add.gradient("y")
    def grad_y(grad_output):
        return grad_output

    convert = CONVERT[backend]
    g = np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32)
    x, y = convert(np.zeros((5, 3), np.float32)), convert(np.zeros(shape, np.float32))
    found = add.gradients(x, y, grad_output=convert(g))
    assert tuple(found.y.shape) == shape
    # The mathematics: the sum over everything that y was repeated along.
    true = torch.tensor(g).sum_to_size(shape).numpy()
    assert np.allclose(np.asarray(found.y), true, atol=1e-6)


@pytest.mark.parametrize("backend", CONVERT)
def test_a_promoted_input_gets_its_gradient_back_in_its_own_dtype(backend) -> None:
    @gp.function
    def multiply(x, y):
        return x * y

    @multiply.gradient("x")
    def grad_x(grad_output, y):
        return grad_output * y

    @multiply.gradient("y")
    def grad_y(grad_output, x):
        return grad_output * x

    convert = CONVERT[backend]
    a, b = np.array([1, 2], np.float32), np.array([3, 4], np.float64)
    with jax.enable_x64(True):
        x, y = convert(a), convert(b)
        found = multiply.gradients(x, y, grad_output=convert(np.ones(2)))
    assert str(found.x.dtype).endswith("float32")
    assert str(found.y.dtype).endswith("float64")
    assert np.array_equal(np.asarray(found.x), b)
    assert np.array_equal(np.asarray(found.y), a)


@pytest.mark.parametrize("backend", CONVERT)
def test_a_real_input_of_a_complex_function_takes_the_real_part(backend) -> None:
    @gp.function
    def multiply(x, z):
        return x * z

    @multiply.gradient("x")
    def grad_x(grad_output, z):
        return grad_output * z.conj()

    @multiply.gradient("z")
    def grad_z(grad_output, x):
        return grad_output * x

    convert = CONVERT[backend]
    rng = np.random.default_rng(0)
    x = rng.standard_normal(4).astype(np.float32)
    z, g = (
        (rng.standard_normal(4) + 1j * rng.standard_normal(4)).astype(np.complex64)
        for _ in range(2)
    )
    found = multiply.gradients(convert(x), convert(z), grad_output=convert(g))
    tensors = [torch.tensor(a, requires_grad=True) for a in (x, z)]
    true = torch.autograd.grad(tensors[0] * tensors[1], tensors, torch.tensor(g))
    for ours, theirs in zip(found, true, strict=True):
        assert np.allclose(np.asarray(ours), theirs.numpy(), atol=1e-6)


def test_broadcasts() -> None:
    assert broadcasts((3,), (5, 3))
    assert broadcasts((1, 3), (5, 3))
    assert not broadcasts((5, 3), (3,))
    assert not broadcasts((2, 3), (5, 3))


# Complex numbers: each function with its rule, and the same in torch's own operations.


def square(z):
    return z * z


def conjugate(z):
    return gp.namespace(z).conj(z) * (2 + 1j)


def power(z):
    xp = gp.namespace(z)
    return xp.real(z * xp.conj(z))


COMPLEX = {
    "square": (square, lambda g, z: g * 2 * z.conj()),
    "conjugate": (conjugate, lambda g, z: (2 + 1j) * g.conj()),
    "power": (power, lambda g, z: 2 * g * z),
}


@pytest.mark.parametrize("backend", CONVERT)
@pytest.mark.parametrize("name", COMPLEX)
def test_complex_gradients_are_those_of_torch_and_mathematics(backend, name) -> None:
    plain, rule = COMPLEX[name]
    function = gp.function(plain)
    function.gradient("z")(rule)
    rng = np.random.default_rng(0)
    z = (rng.standard_normal(4) + 1j * rng.standard_normal(4)).astype(np.complex64)
    tensor = torch.tensor(z, requires_grad=True)
    output = plain(tensor)
    g = rng.standard_normal(4) + 1j * rng.standard_normal(4)
    g = (g if output.is_complex() else g.real).astype(str(output.dtype)[6:])
    (true,) = torch.autograd.grad(output, tensor, torch.tensor(g))
    convert = CONVERT[backend]
    found = function.gradients(convert(z), grad_output=convert(g)).z
    assert np.allclose(np.asarray(found), true.numpy(), atol=1e-5)


@pytest.mark.parametrize(
    ("function", "positional", "keywords"),
    [
        (lambda g: g, (), ()),
        (lambda g, x, y: g, ("x", "y"), ()),
        (lambda g, x, *, axis: g, ("x",), ("axis",)),
    ],
)
def test_a_rule_asks_by_the_names_of_its_parameters(
    function, positional, keywords
) -> None:
    rule = Rule.of("x", function, "f")
    assert (rule.first, rule.positional, rule.keywords) == ("g", positional, keywords)
    values = {"x": 1, "y": 2, "axis": 0, "unasked": None}
    assert rule("gradient", values) == "gradient"
