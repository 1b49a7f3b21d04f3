"""What PyTorch 2.13 or JAX lets pass in silence, a gp.function does not."""

from __future__ import annotations

import weakref

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from torch.autograd import forward_ad

import gradproof as gp
from gradproof.backends import _torch_private
from tests.compose.contexts import leaves
from tests.compose.functions import CASES
from tests.libraries import CONVERT
from tests.test_function import linear

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@gp.function
def rounded(x):
    """Its rule is not the derivative of its forward, so one sees which was taken."""
    return gp.namespace(x).round(x)


@rounded.gradient("x")
def rounded_x(grad_output):
    return grad_output * 3


def ones(*shape):
    return torch.ones(shape, dtype=torch.float64, requires_grad=True)


def compiled(function):
    torch._dynamo.reset()
    return torch.compile(function, fullgraph=True, backend="aot_eager")


WAYS = {
    "grad": lambda f, x: torch.func.grad(lambda x: f(x).sum())(x),
    "jvp": lambda f, x: torch.func.jvp(f, (x,), (torch.ones_like(x),))[1],
    "jacfwd": lambda f, x: torch.func.jacfwd(f)(x).diagonal(),
    "vmap": lambda f, x: torch.vmap(torch.func.grad(f))(x),
    "vmap of jvp": lambda f, x: torch.vmap(
        lambda x: torch.func.jvp(f, (x,), (torch.ones_like(x),))[1]
    )(x),
    "no_grad": lambda f, x: torch.no_grad()(
        lambda: torch.func.jvp(f, (x,), (torch.ones_like(x),))[1]
    )(),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("compiles", [False, True])
def test_the_rule_is_what_counts_in_every_mode(way, compiles) -> None:
    """Compiled, PyTorch drops the rule of a Function under func.grad and func.jvp."""
    transform = WAYS[way]

    def run(x):
        return transform(rounded, x)

    found = (compiled(run) if compiles else run)(torch.rand(3))
    assert torch.equal(found, torch.full((3,), 3.0))


def test_the_rule_is_what_counts_on_jax() -> None:
    x = jnp.ones(3)
    assert np.allclose(jax.grad(lambda x: rounded(x).sum())(x), 3)
    assert np.allclose(jax.jvp(rounded, (x,), (x,))[1], 3)


def test_a_rule_that_ignores_grad_output_is_not_made_zero_by_jax() -> None:
    @gp.function
    def double(x):
        return x * 2

    @double.gradient("x")
    def double_x(grad_output):
        return jnp.full_like(grad_output, 7)

    x = jnp.ones(3)
    assert np.allclose(jax.grad(lambda x: double(x).sum())(x), 7)
    with pytest.raises(TypeError, match="forward-mode"):
        jax.jvp(double, (x,), (x,))


def test_dual_numbers_under_no_grad_keep_their_tangent() -> None:
    x = torch.rand(3)
    with torch.no_grad(), forward_ad.dual_level():
        output = rounded(forward_ad.make_dual(x, torch.ones(3)))
        assert torch.equal(
            forward_ad.unpack_dual(output).tangent, torch.full((3,), 3.0)
        )


def test_a_default_may_be_left_out_under_compile() -> None:
    @gp.function
    def scale(x, *, factor=2.0):
        return x * factor

    @scale.gradient("x")
    def scale_x(grad_output, factor):
        return grad_output * factor

    for factor in (None, 5.0):
        options = {} if factor is None else {"factor": factor}
        x = ones(3)
        compiled(lambda x: scale(x, **options).sum())(x).backward()
        assert torch.equal(x.grad, torch.full_like(x, factor or 2.0))


# Second order.


@gp.function
def kernel(x):
    return x**2


@kernel.gradient("x", once=True)
def kernel_x(grad_output, x):
    with torch.no_grad():  # as a kernel would
        return grad_output * 2 * x


def test_once_is_right_to_first_order() -> None:
    x = ones(3)
    (found,) = torch.autograd.grad(kernel(x).sum(), x)
    assert torch.equal(found, 2 * x)
    assert torch.equal(torch.func.grad(lambda x: kernel(x).sum())(x), 2 * x)
    assert torch.equal(kernel.gradients(x, grad_output=torch.ones_like(x)).x, 2 * x)


def test_forward_mode_through_a_rule_that_torch_cannot_follow_is_refused() -> None:
    @gp.function
    def double(x):
        return 2 * x

    @double.gradient("x")
    def double_x(grad_output):
        return torch.from_numpy(2 * grad_output.detach().numpy())

    x = ones(3)
    (found,) = torch.autograd.grad(double(x).sum(), x)
    assert torch.equal(found, 2 * torch.ones_like(x))
    with pytest.raises((gp.RuleError, RuntimeError)):
        torch.func.jvp(double, (x,), (x,))

    @gp.function
    def triple(x):
        return 3 * x

    @triple.gradient("x")
    def triple_x(grad_output):
        return 3 * grad_output.detach()

    with pytest.raises(gp.RuleError, match="triple: the rule for 'x' returned"):
        torch.func.jvp(triple, (x,), (x,))


def test_a_zero_rule_has_a_zero_tangent() -> None:
    @gp.function
    def sign(x):
        return x.sign()

    @sign.gradient("x")
    def sign_x(grad_output):
        return torch.zeros_like(grad_output)

    x = ones(3)
    assert not torch.func.jvp(sign, (x,), (x,))[1].any()


def test_a_saved_intermediate_counts_in_the_second_derivative() -> None:
    function, native, inputs = CASES["half saved"]
    x, y = (t.clone().requires_grad_() for t in inputs)
    ours, theirs = (
        torch.autograd.grad(
            torch.autograd.grad(f(x, y).sum(), x, create_graph=True)[0].sum(), x
        )[0]
        for f in (function, native)
    )
    assert torch.allclose(ours, theirs)


# What is given and returned.


@pytest.mark.parametrize("library", CONVERT)
def test_containers_and_forgotten_gradients_are_errors(library) -> None:
    @gp.function
    def forgetful(x, *, remember=False):
        return x * 2

    @forgetful.gradient("x")
    def grad_x(grad_output, remember):
        return grad_output * 2 if remember else None

    x = CONVERT[library](np.ones(3))
    for container in ([x], {"x": x}, (x,)):
        with pytest.raises(gp.InputError, match="pass each array as an input"):
            forgetful(container)
    with pytest.raises(gp.RuleError, match="forgetful: the rule for 'x' returned None"):
        forgetful.gradients(x, grad_output=x)


def test_a_gradient_forgotten_later_is_an_error_too() -> None:
    forget = []

    @gp.function
    def double(x):
        return x * 2

    @double.gradient("x")
    def grad_x(grad_output):
        return None if forget else grad_output * 2

    x = ones(3)
    for _ in range(3):
        double(x).sum().backward()
    forget.append(True)
    with pytest.raises(gp.RuleError, match="double: the rule for 'x' returned None"):
        double(x).sum().backward()


@pytest.mark.parametrize("library", ["NumPy", "torch"])
def test_a_rule_that_writes_into_what_others_read_is_an_error(library) -> None:
    @gp.function
    def multiply(x, y):
        return x * y

    @multiply.gradient("x")
    def grad_x(grad_output, y):
        y *= grad_output  # in place
        return y

    @multiply.gradient("y")
    def grad_y(grad_output, x):
        return grad_output * x

    x, y = CONVERT[library](np.ones(3)), CONVERT[library](np.full(3, 2.0))
    with pytest.raises(gp.RuleError) as caught:
        multiply.gradients(x, y, grad_output=CONVERT[library](np.full(3, 5.0)))
    assert str(caught.value) == (
        "multiply: the rule for 'x' wrote into 'y', which others read: write to a copy "
        "of it"
    )


def test_what_was_kept_and_written_to_is_noticed_on_numpy() -> None:
    x, w, b = np.ones((5, 3)), np.ones((4, 3)), np.ones(4)
    _, pullback = linear.vjp(x, w, b)
    pullback(np.ones((5, 4)))
    w += 1
    with pytest.raises(gp.InputError, match="linear: 'weight' was kept for backward"):
        pullback(np.ones((5, 4)))


def test_an_intermediate_that_is_written_to_is_noticed() -> None:
    kept = []

    @gp.function
    def square(x):
        e = gp.save(e=x * 2)
        kept.append(e)
        return e * x / 2

    @square.gradient("x")
    def grad_x(grad_output, e):
        return grad_output * e

    output = square(ones(3)).sum()
    kept[0].mul_(10)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        output.backward()


@pytest.mark.parametrize("kind", [tuple, list])
def test_an_option_that_is_written_to_is_noticed(kind) -> None:
    @gp.function
    def scale(x, *, by, more):
        return x * by * more[0]

    @scale.gradient("x")
    def grad_x(grad_output, by, more):
        return grad_output * by * more[0]

    for written in (0, 1):
        weights = torch.ones(3), torch.ones(3)
        output = scale(ones(3), by=weights[0], more=kind(weights[1:]))
        weights[written].mul_(10)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            output.sum().backward()


@pytest.mark.parametrize("name", ["linear", "half saved", "exp"])
def test_what_was_kept_is_freed_by_backward_though_the_loss_lives(name) -> None:
    function, _, shown = CASES[name]
    function(*leaves(shown)).sum().backward()  # it is made at its first call
    for _ in range(2):
        inputs = [x * 1 for x in leaves(shown)]
        watched = [weakref.ref(x) for x in inputs]
        loss = function(*inputs).sum()
        loss.backward()
        del inputs
        assert [reference() for reference in watched] == [None] * len(shown)


def test_a_tensor_read_from_outside_is_an_error_under_compile_too() -> None:
    weight = ones(3)

    @gp.function
    def scale(x):
        return weight * x

    with pytest.raises(Exception, match="reads 'weight' from outside"):
        compiled(lambda x: scale(x).sum())(torch.ones(3))


def test_a_wrong_rule_says_so_under_compile_too() -> None:
    @gp.function
    def wrong(x):
        return x * 2

    @wrong.gradient("x")
    def grad_x(grad_output):
        return grad_output[:2]

    with pytest.raises(Exception, match="wrong: the rule for 'x' returned"):
        compiled(lambda x: wrong(x).sum())(ones(3)).backward()


# The fast way, and the public one that stands in for it.


@pytest.fixture(params=["fast", "public"])
def way(request, monkeypatch):
    if request.param == "public":
        monkeypatch.setattr(_torch_private, "SHORTCUTS", None)
    return request.param


def test_both_ways_give_the_same(way) -> None:
    @gp.function
    def layer(x, w, *, factor=2.0):
        return factor * x @ w.T

    @layer.gradient("x")
    def grad_x(grad_output, w, factor):
        return factor * grad_output @ w

    @layer.gradient("w")
    def grad_w(grad_output, x, *, factor):
        return factor * grad_output.T @ x

    x, w = ones(5, 3), ones(4, 3)
    for options in ({}, {"factor": 3.0}, {"factor": (4.0,)[0]}):
        factor = options.get("factor", 2.0)
        for _ in range(2):  # the second time nothing is checked
            found = torch.autograd.grad(layer(x, w, **options).sum(), (x, w))
            true = torch.autograd.grad((factor * x @ w.T).sum(), (x, w))
            assert all(map(torch.equal, found, true))
    assert torch.equal(layer(w=w, x=x), 2 * x @ w.T)
    with torch.no_grad():
        assert layer(x, w).grad_fn is None
    assert torch.func.jvp(layer, (x, w), (x, w))[1].shape == (5, 4)
    for wrong in (
        lambda: layer(x),
        lambda: layer(x, w, x),
        lambda: layer(x, w, axis=0),
    ):
        with pytest.raises(gp.InputError, match="was called wrongly"):
            wrong()
    fast = type(layer) is not gp.Function
    assert fast == (way == "fast")
    assert isinstance(layer, gp.Function)


def test_the_shortcuts_are_found_and_given_up_where_torch_has_them_not(
    monkeypatch,
) -> None:
    assert _torch_private.find() is not None
    monkeypatch.delattr(torch._C, "_are_functorch_transforms_active")
    assert _torch_private.find() is None


def test_wrong_shapes_stay_errors_once_a_right_one_was_seen() -> None:
    @gp.function
    def product(x, w):
        return x @ w

    @product.gradient("x")
    def grad_x(grad_output, w):
        return grad_output @ w  # right for a symmetric w alone

    @product.gradient("w")
    def grad_w(grad_output, x):
        return x.T @ grad_output

    product(ones(2, 2), ones(2, 2)).sum().backward()
    with pytest.raises((RuntimeError, gp.RuleError)):
        product(ones(2, 3), ones(3, 4)).sum().backward()


def test_a_half_gradient_for_a_double_input_is_an_error() -> None:
    @gp.function
    def double(x):
        return x * 2

    @double.gradient("x")
    def grad_x(grad_output):
        return (grad_output * 2).half()

    with pytest.raises(gp.RuleError, match="returned float16"):
        double(ones(3)).sum().backward()
