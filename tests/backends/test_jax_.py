"""A gp.function on JAX arrays, held against JAX's own differentiation."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.backends.test_torch_ import exp, polar, sigmoid, softmax
from tests.test_function import linear

import gradproof as gp


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True):
        yield


@gp.function
def partly(x, y):
    """Only x has a rule."""
    return x * jnp.sin(y)


@partly.gradient("x")
def partly_x(grad_output, y):
    return grad_output * jnp.sin(y)


def plain_polar(x, y):
    r = jnp.sqrt(x * x + y * y)
    return r * x, jnp.log(r)


FUNCTIONS = {
    "linear": (linear, lambda x, w, b: x @ w.T + b, [(5, 3), (4, 3), (4,)]),
    "softmax": (softmax, jax.nn.softmax, [(3, 4)]),
    "partly": (partly, lambda x, y: x * jnp.sin(y), [(3, 4), (4,)]),
    "exp": (exp, jnp.exp, [(3,)]),
    "sigmoid": (sigmoid, jax.nn.sigmoid, [(3,)]),
    "polar": (polar, plain_polar, [(2, 3), (3,)]),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_grad_jit_vmap_and_second_order(name) -> None:
    function, native, shapes = FUNCTIONS[name]
    rng = np.random.default_rng(0)
    arrays = [jnp.asarray(rng.standard_normal(shape)) for shape in shapes]
    positions = tuple(range(len(arrays)))

    def loss(f):
        # Of several outputs only the first: the others get no gradient.
        return lambda *inputs: (jax.tree.leaves(f(*inputs))[0] ** 3).sum()

    for transform in (
        lambda f: jax.grad(f, argnums=positions),
        lambda f: jax.jacrev(jax.grad(f, argnums=positions), argnums=positions),
    ):
        # One compilation each; test_gradients_are_those_of_jax runs without jit.
        ours = jax.tree.leaves(jax.jit(transform(loss(function)))(*arrays))
        theirs = jax.tree.leaves(jax.jit(transform(loss(native)))(*arrays))
        for one, other in zip(ours, theirs, strict=True):
            assert np.allclose(one, other)
    batch = [jnp.stack([a, 2 * a]) for a in arrays]
    ours, theirs = (
        jax.jit(jax.vmap(jax.grad(loss(f))))(*batch) for f in (function, native)
    )
    assert np.allclose(ours, theirs)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients_are_those_of_jax_and_compose_with_its_transforms(name) -> None:
    function, native, shapes = FUNCTIONS[name]
    rng = np.random.default_rng(0)
    arrays = [jnp.asarray(rng.standard_normal(shape)) for shape in shapes]
    output, pull = jax.vjp(native, *arrays)
    grad_output = jax.tree.map(jnp.cos, output)
    true = pull(grad_output)

    def gradients(*arrays):
        return function.gradients(*arrays, grad_output=grad_output)

    for found in (gradients(*arrays), jax.jit(gradients)(*arrays)):
        assert all(map(np.allclose, found, true))


def test_options_are_static() -> None:
    x = jnp.arange(12.0).reshape(3, 4)
    ours = jax.jit(jax.jacrev(lambda x: softmax(x, axis=0)))(x)
    assert np.allclose(ours, jax.jacrev(lambda x: jax.nn.softmax(x, axis=0))(x))
    with pytest.raises(gp.InputError, match="option 'axis' is traced by JAX"):
        jax.jit(lambda axis: softmax(x, axis=axis))(0)


def clipped(bound):
    """A rule that is not linear in grad_output: clipping gradients."""

    @gp.function
    def identity(x):
        return x * 1

    @identity.gradient("x")
    def grad_x(grad_output):
        return jnp.clip(grad_output, -bound, bound)

    return identity


def test_forward_mode_where_a_rule_has_no_transpose_is_refused_aloud() -> None:
    x, function = jnp.ones(3), clipped(0.5)
    with pytest.raises(TypeError, match="forward-mode"):
        jax.jvp(function, (x,), (x,))
    assert np.allclose(jax.grad(lambda x: function(x).sum())(x), 0.5)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_forward_mode_and_hessian(name) -> None:
    function, native, shapes = FUNCTIONS[name]
    rng = np.random.default_rng(0)
    arrays = tuple(jnp.asarray(rng.standard_normal(shape)) for shape in shapes)
    positions = tuple(range(len(arrays)))

    def total(f):
        return lambda *xs: sum((o**3).sum() for o in jax.tree.leaves(f(*xs)))

    for transform in (
        lambda f: jax.jvp(f, arrays, arrays),
        lambda f: jax.jit(jax.jacfwd(f, positions))(*arrays),
        lambda f: jax.jit(jax.hessian(total(f), positions))(*arrays),
        lambda f: jax.jit(jax.jacfwd(jax.jacfwd(total(f))))(*arrays),
        lambda f: jax.value_and_grad(total(f))(*arrays),
        lambda f: jax.vmap(jax.jacfwd(f))(*(jnp.stack([a, 2 * a]) for a in arrays)),
    ):
        ours, theirs = (jax.tree.leaves(transform(f)) for f in (function, native))
        for one, other in zip(ours, theirs, strict=True):
            assert np.allclose(one, other)


def test_a_rule_for_one_input_does_not_run_for_another() -> None:
    @gp.function
    def multiply(x, y):
        return x * y

    @multiply.gradient("x")
    def grad_x(grad_output, y):
        return grad_output * y

    @multiply.gradient("y")
    def grad_y(grad_output, x):
        ran.append("y")
        return grad_output * x

    ran: list[str] = []
    x = jnp.ones(3)
    multiply(x, x)
    ran.clear()
    assert np.allclose(jax.grad(lambda x: multiply(x, jnp.ones(3)).sum())(x), 1)
    assert not ran


def test_a_rule_registered_once_refuses_second_order() -> None:
    @gp.function
    def cube(x):
        return x**3

    @cube.gradient("x", once=True)
    def grad_x(grad_output, x):
        return grad_output * 3 * x**2

    x = jnp.ones(3)
    first = jax.grad(lambda x: cube(x).sum())
    assert np.allclose(first(x), 3)
    with pytest.raises(RuntimeError, match="registered with once=True"):
        jax.jacrev(first)(x)
    with pytest.raises((TypeError, RuntimeError)):
        jax.jacfwd(cube)(x)


def test_arrays_of_numpy_beside_those_of_jax_are_differentiated() -> None:
    x, w, b = np.ones((5, 3)), np.ones((4, 3)), jnp.ones(4)
    gradients = linear.gradients(x, w, b, grad_output=np.ones((5, 4)))
    assert np.array_equal(gradients.input, np.full((5, 3), 4))
    assert isinstance(gradients.weight, jax.Array)


def test_integer_and_missing_inputs() -> None:
    @gp.function
    def pick(x, index, scale=None):
        return x[index] if scale is None else x[index] * scale

    @pick.gradient("x")
    def grad_x(grad_output, x, index, scale):
        scaled = grad_output if scale is None else grad_output * scale
        return jnp.zeros_like(x).at[index].add(scaled)

    x, index = jnp.ones(4), jnp.array([0, 0, 2])
    gradient = jax.grad(lambda x: pick(x, index).sum())(x)
    assert np.array_equal(gradient, [2, 0, 1, 0])
    gradients = pick.gradients(x, index, grad_output=jnp.ones(3))
    assert gradients.index is None
    assert gradients.scale is None


def test_complex_gradients_follow_torch_and_mathematics() -> None:
    """The gradient of a real loss is dL/dRe + i·dL/dIm; JAX's own is its conjugate."""

    @gp.function
    def square(z):
        return z * z

    @square.gradient("z")
    def grad_z(grad_output, z):
        return grad_output * 2 * jnp.conj(z)

    z = jnp.array([1.0 + 2.0j])

    def loss(f):
        return lambda z: jnp.real(f(z) * (3 - 1j)).sum()

    ours, theirs = (jax.grad(loss(f))(z) for f in (square, lambda z: z * z))
    assert np.allclose(ours, theirs)
    gradient = square.gradients(z, grad_output=jnp.array([3 + 1j])).z
    assert np.allclose(gradient, jnp.conj(theirs))
