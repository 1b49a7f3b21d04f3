"""Under ``torch.compile``: its default backend, what changes, neighbours, the graph."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from torch._dynamo.backends.common import aot_autograd
from torch.autograd import forward_ad
from torch.utils.checkpoint import checkpoint

import gradproof as gp
from tests.backends.test_torch_ import half_saved, partly, polar, softmax
from tests.compose.contexts import leaves
from tests.compose.functions import CASES, largest, multiply, take
from tests.test_function import linear

pytestmark = pytest.mark.filterwarnings("ignore")  # torch's own

NATIVE = {
    linear: torch.nn.functional.linear,
    softmax: lambda x: torch.softmax(x, -1),
    partly: CASES["partly"].native,
    half_saved: CASES["half saved"].native,
    take: CASES["take"].native,
    largest: CASES["largest"].native,
    polar: CASES["polar"].native,
    multiply: torch.mul,
}


def compiled(
    f: Callable[..., Any], backend: Any = "aot_eager", **options: Any
) -> Callable[..., Any]:
    torch._dynamo.reset()
    return torch.compile(f, backend=backend, **{"fullgraph": True, **options})


def natively(function: Callable[..., Any]) -> Callable[..., Any]:
    return NATIVE[function]


def itself(function: Callable[..., Any]) -> Callable[..., Any]:
    return function


def tensors(*shapes: tuple[int, ...]) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    return tuple(
        torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes
    )


def gradients(f: Callable[..., Any], inputs: tuple[torch.Tensor, ...]) -> Any:
    inputs = leaves(inputs)
    return torch.autograd.grad(f(*inputs), inputs)


def assert_close(found: Any, true: Any) -> None:
    for one, other in zip(found, true, strict=True):
        assert one.dtype == other.dtype
        assert torch.allclose(one, other)


# The default backend: all kinds in one graph, for a compilation takes seconds.


def network(of: Callable[..., Any]) -> Callable[..., torch.Tensor]:
    """Options, intermediates, several outputs, integers, broadcasting, no rule."""
    rows = torch.tensor([0, 2, 2])

    def loss(x, w, b):
        hidden = of(softmax)(of(linear)(x, w, b))
        values, _ = of(largest)(of(half_saved)(hidden, b))
        radius, logarithm = of(polar)(hidden, b)
        mixed = of(multiply)(of(partly)(hidden, b), values.unsqueeze(-1))
        return (mixed**2).sum() + (radius * logarithm).sum() + of(take)(x, rows).sum()

    return loss


default = pytest.mark.skipif(
    shutil.which("g++") is None, reason="inductor needs a compiler"
)


@default
def test_the_default_backend_gives_the_native_gradients_at_every_size() -> None:
    run = compiled(network(itself), "inductor", dynamic=True)
    for rows, columns in ((5, 3), (7, 4)):
        inputs = tensors((rows, columns), (6, columns), (6,))
        assert_close(gradients(run, inputs), gradients(network(natively), inputs))


@default
def test_the_default_backend_takes_the_rules_under_a_transform() -> None:
    inputs = tensors((5, 3), (4, 3), (4,))
    ours, theirs = (
        torch.func.grad(network(of), (0, 1, 2)) for of in (itself, natively)
    )
    assert_close(compiled(ours, "inductor")(*inputs), theirs(*inputs))


@default
def test_the_default_backend_under_autocast() -> None:
    inputs = tuple(x.float() for x in tensors((5, 3), (4, 3), (4,)))

    def loss(layer):
        def run(x, w, b):
            with torch.autocast("cpu", torch.bfloat16):
                output = layer(x, w, b)
            return (output.float() ** 2).sum()

        return run

    found = gradients(compiled(loss(linear), "inductor"), inputs)
    true = gradients(loss(lambda x, w, b: x @ w.T + b), inputs)
    for one, other in zip(found, true, strict=True):
        assert one.dtype == torch.float32
        assert torch.allclose(one, other, rtol=3e-2, atol=3e-2)


# What changes between calls.


@gp.function
def power(x, *, mode="power", exponent=2, factors=(1.0, 2)):
    if mode == "power":
        return x**exponent * factors[0]
    return x.sin() * factors[1]


@power.gradient("x")
def power_x(grad_output, x, mode, exponent, factors):
    if mode == "power":
        return grad_output * exponent * x ** (exponent - 1) * factors[0]
    return grad_output * x.cos() * factors[1]


@pytest.mark.parametrize("dynamic", [None, True])
def test_options_may_change(dynamic) -> None:
    run = compiled(lambda x, **options: power(x, **options).sum(), dynamic=dynamic)
    for options in (
        {},
        {"mode": "sine"},
        {"exponent": 3},
        {"exponent": 4},
        {"factors": (3.0, 4)},
        {"factors": (5.0, 6)},
        {"factors": (5.0, 7), "mode": "sine"},
    ):
        (x,) = leaves(tensors((3,)))
        found = torch.autograd.grad(run(x, **options), x)
        assert_close(found, torch.autograd.grad(power.forward(x, **options).sum(), x))


def test_a_size_may_be_an_option() -> None:
    @gp.function
    def scale(x, *, factor):
        return x * factor

    @scale.gradient("x")
    def scale_x(grad_output, factor):
        return grad_output * factor

    run = compiled(lambda x: scale(x, factor=x.shape[0]).sum(), dynamic=True)
    for size in (2, 3, 4):
        (found,) = gradients(run, tensors((size,)))
        assert torch.equal(found, torch.full_like(found, size))


@pytest.mark.parametrize("dynamic", [None, True])
def test_a_forward_in_the_names_of_numpy(dynamic) -> None:
    @gp.function
    def wave(x, y, *, factor=2):
        return np.exp(x) * np.sin(y) * x.shape[0] * factor

    @wave.gradient("x")
    def wave_x(grad_output, output):
        return grad_output * output

    run = compiled(
        lambda x, y, factor: wave(x, y, factor=factor).sum(), dynamic=dynamic
    )
    for size, factor in ((3, 2), (4, 3), (5, 4)):
        inputs = tensors((size,), (size,))
        found = gradients(lambda x, y, k=factor: run(x, y, k), inputs)
        true = gradients(
            lambda x, y, k=size * factor: (x.exp() * y.sin() * k).sum(), inputs
        )
        assert_close(found, true)


def test_a_new_rule_is_used_by_what_was_compiled() -> None:
    @gp.function
    def double(x):
        return x * 1

    run = compiled(lambda x: double(x).sum())
    for cell, factor in enumerate((2, 3)):
        code = f"@double.gradient('x')\ndef rule(g): return {factor} * g"
        exec(compile(code, f"<cell {cell}>", "exec"), {"double": double})
        (found,) = gradients(run, tensors((3,)))
        assert torch.equal(found, torch.full_like(found, factor))


def test_functions_of_one_name_are_not_taken_for_each_other() -> None:
    def scaled(factor):
        @gp.function
        def scale(x):
            return x * 1

        @scale.gradient("x")
        def scale_x(grad_output):
            return grad_output * factor

        return lambda x: scale(x).sum()

    for factor in (2.0, 3.0):
        (found,) = gradients(compiled(scaled(factor)), tensors((3,)))
        assert torch.equal(found, torch.full_like(found, factor))


# Neighbours.


def mutated(layer: Callable[..., Any]) -> Callable[..., Any]:
    def run(x, w, b):
        output = layer(x * 1, w, b).add_(1)
        copy = output.clone()
        copy.mul_(2)
        return (copy * output).sum()

    return run


def broken(layer: Callable[..., Any]) -> Callable[..., Any]:
    def run(x, w, b):
        output = layer(x, w, b)
        torch._dynamo.graph_break()
        return (layer(output @ w, w, b) ** 2).sum()

    return run


def without(layer: Callable[..., Any]) -> Callable[..., Any]:
    def run(x, w, b):
        with torch.no_grad():
            constant = layer(x, w, b)
        return (layer(x, w, b) * constant).sum()

    return run


def recomputed(layer: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *xs: (checkpoint(layer, *xs, use_reentrant=False) ** 2).sum()


@pytest.mark.parametrize("neighbour", [mutated, broken, without, recomputed])
def test_neighbours_in_the_graph(neighbour) -> None:
    inputs = tensors((5, 3), (4, 3), (4,))
    run = compiled(neighbour(linear), fullgraph=neighbour is not broken)
    true = gradients(neighbour(torch.nn.functional.linear), inputs)
    assert_close(gradients(run, inputs), true)


def test_an_input_that_is_written_to_afterwards_is_an_error_as_it_is_natively() -> None:
    def loss(product):
        def run(x, y):
            y = y * 1
            output = product(x, y)
            y.add_(1)
            return output.sum()

        return run

    for f in (loss(torch.mul), compiled(loss(multiply))):
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            gradients(f, tensors((3,), (3,)))


def test_a_module_learns_the_same_compiled() -> None:
    class Layer(torch.nn.Module):
        def __init__(self, layer):
            super().__init__()
            self.layer = layer
            self.weight = torch.nn.Parameter(tensors((4, 3))[0])
            self.bias = torch.nn.Parameter(tensors((4,))[0])

        def forward(self, x):
            return self.layer(x, self.weight, self.bias).relu()

    ours, theirs = Layer(linear), Layer(torch.nn.functional.linear)
    (x,) = tensors((5, 3))
    for module, run in ((ours, compiled(ours)), (theirs, theirs)):
        optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            (run(x) ** 2).sum().backward()
            optimizer.step()
    assert_close(list(ours.parameters()), list(theirs.parameters()))


@pytest.mark.parametrize("before", [False, True])
def test_dual_numbers_from_outside_are_refused_that_torch_drops(before) -> None:
    """Compiled by inductor, x * x has no tangent then, and nothing says so."""
    run = compiled(lambda x: multiply(x, x))
    x = torch.ones(3)
    if before:
        run(x)
    with (
        forward_ad.dual_level(),
        pytest.raises(Exception, match="multiply: torch.compile drops the tangents"),
    ):
        run(forward_ad.make_dual(x, x))


# What is checked while it is traced costs nothing in the graph.


@gp.function
def soft(x, y, *, factor=2.0):
    e = gp.save(e=torch.exp(x))
    return e * y * factor


@soft.gradient("x")
def soft_x(grad_output, e, y, factor):
    return grad_output * e * y * factor


@soft.gradient("y", once=True)
def soft_y(grad_output, e, factor):
    return grad_output * e * factor


class ByHand(torch.autograd.Function):
    """The same by hand."""

    @staticmethod
    def forward(ctx, x, y, factor=2.0):
        e = torch.exp(x)
        ctx.save_for_backward(e, y)
        ctx.factor = factor
        ctx.shape = y.shape
        return e * y * factor

    @staticmethod
    def backward(ctx, grad_output):
        e, y = ctx.saved_tensors
        grad_y = (grad_output * e * ctx.factor).sum(0)
        return grad_output * e * y * ctx.factor, grad_y, None


def operations(f: Callable[..., Any], inputs: tuple[torch.Tensor, ...]) -> list[Any]:
    """How often each operation is in the forward's graph, and in the backward's."""
    found: list[Any] = []

    def count(module, _):
        calls = (n for n in module.graph.nodes if n.op == "call_function")
        found.append(Counter(str(node.target) for node in calls))
        for alias in ("aten.view.default", "aten.detach.default"):
            del found[-1][alias]  # it costs nothing
        return module

    backend = aot_autograd(fw_compiler=count, bw_compiler=count)
    gradients(compiled(lambda *xs: f(*xs).sum(), backend), inputs)
    return found


def test_a_compiled_graph_is_that_of_a_function_by_hand() -> None:
    inputs = tensors((2, 3), (3,))
    ours, by_hand = (operations(f, inputs) for f in (soft, ByHand.apply))
    assert len(ours) == 2
    assert ours == by_hand


def test_an_exported_graph_is_that_of_the_forward() -> None:
    class Module(torch.nn.Module):
        def __init__(self, f):
            super().__init__()
            self.f = f

        def forward(self, *xs):
            return self.f(*xs)

    inputs = tensors((2, 3), (3,))
    ours, theirs = (
        torch.export.export(Module(f), inputs).graph for f in (soft, soft.forward)
    )
    assert [str(n.target) for n in ours.nodes] == [str(n.target) for n in theirs.nodes]


def test_jax_compiles_what_it_compiles_of_a_custom_vjp() -> None:
    @gp.function
    def square(x, *, k=2.0):
        return k * x * x

    @square.gradient("x")
    def square_x(grad_output, x, k):
        return grad_output * 2 * k * x

    by_hand = jax.custom_vjp(lambda x: 2.0 * x * x)
    by_hand.defvjp(lambda x: (by_hand(x), x), lambda x, g: (g * 2 * 2.0 * x,))
    x = jnp.ones(3)
    ours, theirs = (
        jax.jit(jax.grad(lambda x, f=f: f(x).sum())).lower(x).compile()
        for f in (square, by_hand)
    )
    for cost in ("flops", "bytes accessed"):
        assert ours.cost_analysis()[cost] == theirs.cost_analysis()[cost]
