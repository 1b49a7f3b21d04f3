"""``once=True``: right to first order; differentiated again, an error, everywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from torch.autograd import forward_ad
from torch.utils.checkpoint import checkpoint

import gradproof as gp
from tests.compose.test_silent import kernel, ones

pytestmark = pytest.mark.filterwarnings("ignore")  # torch's own
F = torch.func


@gp.function
def saving(x, y):
    """The rule of x is once, and asks for an intermediate; that of y is not."""
    e = gp.save(e=2 * x)
    return e * x * y / 2


@saving.gradient("x", once=True)
def saving_x(grad_output, e, y):
    with torch.no_grad():
        return grad_output * e * y


@saving.gradient("y")
def saving_y(grad_output, x):
    return grad_output * x * x


@gp.function
def several(x):
    """The rule asks for the outputs."""
    return torch.exp(x), torch.exp(2 * x)


@several.gradient("x", once=True)
def several_x(grad_output, output):
    with torch.no_grad():
        return grad_output[0] * output[0] + grad_output[1] * 2 * output[1]


@gp.function
def linear_twice(x):
    """The rule asks for nothing beside the gradients of the outputs."""
    return 2 * x, 3 * x


@linear_twice.gradient("x", once=True)
def linear_twice_x(grad_output):
    with torch.no_grad():
        return 2 * grad_output[0] + 3 * grad_output[1]


LOSSES: dict[str, Callable[..., Any]] = {
    "kernel": lambda x: kernel(x).sum(),
    "saving": lambda x: saving(x, torch.ones_like(x)).sum(),
    "several": lambda x: sum(one.sum() for one in several(x)),
    "linear_twice": lambda x: sum((one**2).sum() for one in linear_twice(x)),
}


def compiled(f: Callable[..., Any]) -> Callable[..., Any]:
    torch._dynamo.reset()
    return torch.compile(f, fullgraph=True, backend="aot_eager")


def first(f, x):
    return torch.autograd.grad(f(x), x, create_graph=True)[0]


def dual(f, x):
    with forward_ad.dual_level():
        f(forward_ad.make_dual(x, torch.ones_like(x)))


def dual_of_the_gradient(f, x):
    with forward_ad.dual_level():
        first(f, forward_ad.make_dual(x, torch.ones_like(x)))


def batched(f, x):
    return torch.autograd.grad(first(f, x), x, torch.eye(3), is_grads_batched=True)


def through_another(f, x):
    z = torch.ones_like(x, requires_grad=True)
    return torch.autograd.grad(first(lambda x: f(x * z), x).sum(), z)


SECOND: dict[str, Callable[..., Any]] = {
    "grad": lambda f, x: torch.autograd.grad(first(f, x).sum(), x),
    "allowed unused": lambda f, x: torch.autograd.grad(
        first(f, x).sum(), x, allow_unused=True
    ),
    "backward": lambda f, x: first(f, x).sum().backward(),
    "not linear": lambda f, x: (first(f, x) ** 2).sum().backward(),
    "another variable": through_another,
    "is_grads_batched": batched,
    "checkpoint": lambda f, x: torch.autograd.grad(
        first(lambda x: checkpoint(f, x, use_reentrant=False), x).sum(), x
    ),
    "autograd.functional": torch.autograd.functional.hessian,
    "func.grad twice": lambda f, x: F.grad(lambda x: F.grad(f)(x).sum())(x),
    "func.grad, then autograd": lambda f, x: torch.autograd.grad(F.grad(f)(x).sum(), x),
    "vmap": lambda f, x: F.vmap(F.grad(lambda x: F.grad(f)(x).sum()))(x.expand(2, 3)),
    "jacrev": lambda f, x: F.jacrev(F.grad(f))(x),
    "jacfwd": lambda f, x: F.jacfwd(F.grad(f))(x),
    "hessian": lambda f, x: F.hessian(f)(x),
    "jvp": lambda f, x: F.jvp(f, (x,), (x,)),
    "jvp without grad": lambda f, x: torch.no_grad()(F.jvp)(f, (x,), (x,)),
    "vmap(jvp)": lambda f, x: F.vmap(lambda x: F.jvp(f, (x,), (x,)))(x.expand(2, 3)),
    "linearize": lambda f, x: F.linearize(f, x)[1](x),
    "dual": dual,
    "dual of the gradient": dual_of_the_gradient,
    "compile(func.grad twice)": lambda f, x: compiled(
        F.grad(lambda x: F.grad(f)(x).sum())
    )(x),
    "compile(func.grad), then autograd": lambda f, x: torch.autograd.grad(
        compiled(F.grad(f))(x).sum(), x
    ),
    "compile(hessian)": lambda f, x: compiled(F.hessian(f))(x),
    "compile(jvp)": lambda f, x: compiled(lambda x: F.jvp(f, (x,), (x,)))(x),
}


@pytest.mark.parametrize("way", SECOND)
@pytest.mark.parametrize("name", LOSSES)
def test_a_second_derivative_is_refused_though_grad_output_has_none(name, way) -> None:
    """once_differentiable gives 6x here for the kernel, where 2 + 6x is right."""
    x = ones(3).detach().float().requires_grad_()

    def total(x):
        return LOSSES[name](x) + (x**3).sum()

    torch.autograd.grad(total(x), x)  # from the second call on nothing is checked
    with pytest.raises(Exception, match=f"{name}: the rule for 'x' is registered with"):
        SECOND[way](total, x)


@pytest.mark.parametrize("name", LOSSES)
def test_the_first_is_right_and_may_go_on_elsewhere(name) -> None:
    x, z = ones(3), ones(3)
    for _ in range(2):
        found = first(LOSSES[name], x)
        native = {
            "kernel": lambda x: (x**2).sum(),
            "saving": lambda x: (x**2).sum(),
            "several": lambda x: (x.exp() + (2 * x).exp()).sum(),
            "linear_twice": lambda x: (13 * x**2).sum(),
        }[name]
        true = first(native, x).detach()
        assert torch.allclose(found, true)
        (elsewhere,) = torch.autograd.grad((found * z).sum(), z)
        assert torch.allclose(elsewhere, true)
        assert torch.allclose(compiled(F.grad(LOSSES[name]))(x.detach()), true)


def test_compiled_a_double_backward_is_torchs_own_error() -> None:
    x = ones(3)
    with pytest.raises(RuntimeError, match="does not currently support double"):
        first(compiled(LOSSES["kernel"]), x).sum().backward()


# On JAX.


@gp.function
def cube(x):
    return x**3, x > 0


@cube.gradient("x", once=True)
def cube_x(grad_output, x):
    return jax.lax.stop_gradient(grad_output[0] * 3 * x**2)  # as a kernel would


def loss(x):
    return cube(x)[0].sum() + (x**2).sum()


def jax_first(x):
    return jax.grad(loss)(x).sum()


JAX_SECOND: dict[str, Callable[..., Any]] = {
    "grad": jax.grad(jax_first),
    "jit": jax.jit(jax.grad(jax_first)),
    "jacrev": jax.jacrev(jax.jacrev(loss)),
    "hessian": jax.hessian(loss),
    "jvp of grad": lambda x: jax.jvp(jax.grad(loss), (x,), (x,)),
    "checkpoint": jax.grad(lambda x: jax.grad(jax.checkpoint(loss))(x).sum()),
    "vmap": lambda x: jax.vmap(jax.grad(jax_first))(jnp.stack([x, x])),
    "jvp": lambda x: jax.jvp(loss, (x,), (x,)),
    "jacfwd": jax.jacfwd(loss),
    "jit(jacfwd)": jax.jit(jax.jacfwd(loss)),
}


@pytest.mark.parametrize("way", JAX_SECOND)
def test_jax_refuses_it_too(way) -> None:
    x = jnp.ones(3)
    assert np.allclose(jax.grad(loss)(x), 5)
    with pytest.raises((RuntimeError, TypeError), match="cube.*registered with once"):
        JAX_SECOND[way](x)
