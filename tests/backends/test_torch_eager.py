"""The fast way on torch: its second call checks nothing, and gives the same."""

from __future__ import annotations

import pytest
import torch
from tests.compose.functions import CASES

import gradproof as gp
from gradproof.backends import _torch_as_by_hand, _torch_eager

pytestmark = pytest.mark.skipif(
    _torch_eager._torch_private.SHORTCUTS is None,
    reason="this torch has no shortcuts, so there is no fast way",
)


def test_it_is_for_functions_with_a_rule_for_each_input() -> None:
    fit = {name for name, case in CASES.items() if _fits(case.function)}
    assert {"linear", "softmax", "add", "polar"} <= fit
    assert "partly" not in fit


def _fits(function) -> bool:
    return isinstance(function, gp.Function) and _torch_eager.fits(function)


@pytest.mark.parametrize("name", [n for n, c in CASES.items() if _fits(c.function)])
def test_each_call_gives_what_native_operations_give(name) -> None:
    """To second order, where a first derivative is a call of the backward itself."""
    function, native, inputs = CASES[name]
    for _ in range(4):
        fresh = [x.detach().clone() for x in inputs]
        wanted = [x.requires_grad_() for x in fresh if _is_floating(x)]
        assert _same(
            _derivatives(function, fresh, wanted), _derivatives(native, fresh, wanted)
        )


def _is_floating(x) -> bool:
    return x.is_floating_point() or x.is_complex()


def _derivatives(function, inputs, wanted):
    def total(tensors):
        parts = [t.abs().square() for t in tensors if t is not None and _is_floating(t)]
        return sum(part.sum() for part in parts)

    outputs = function(*inputs)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    first = torch.autograd.grad(
        total(outputs), wanted, create_graph=True, allow_unused=True
    )
    second = torch.autograd.grad(total(first), wanted, allow_unused=True)
    return (*outputs, *first, *second)


def _same(found, true) -> bool:
    pairs = list(zip(found, true, strict=True))
    return all(
        (a is None or not a.any()) if b is None else torch.allclose(a, b)
        for a, b in pairs
        if a is not None or (b is not None and b.any())
    )


def test_several_outputs_of_which_a_rule_asks() -> None:
    @gp.function
    def both(x):
        return x.exp(), x * x

    @both.gradient("x")
    def grad_x(grad_output, x, output):
        return grad_output[0] * output[0] + grad_output[1] * 2 * x

    x = torch.randn(3, requires_grad=True)
    for _ in range(3):
        first, second = both(x)
        (gradient,) = torch.autograd.grad(first.sum() + second.sum(), x)
        assert torch.allclose(gradient, x.exp() + 2 * x)
        (alone,) = torch.autograd.grad(both(x)[1].sum(), x)
        assert torch.allclose(alone, 2 * x)


def test_the_second_call_is_not_checked_and_the_engine_sums_and_casts() -> None:
    calls = []

    @gp.function
    def add(x, bias):
        return x + bias

    @add.gradient("x")
    def grad_x(grad_output):
        calls.append("x")
        return grad_output

    @add.gradient("bias")
    def grad_bias(grad_output):
        return grad_output

    x, bias = torch.randn(4, 3, requires_grad=True), torch.randn(3, requires_grad=True)
    nodes = []
    for _ in range(3):  # the first call makes the class
        output = add(x, bias)
        nodes.append(output.grad_fn)
        _, bias_gradient = torch.autograd.grad(output.sum(), (x, bias))
        assert bias_gradient.tolist() == [4.0] * 3
    assert [node.first is None for node in nodes[1:]] == [False, True]
    assert calls == ["x", "x", "x"]
    wide = torch.randn(3, requires_grad=True, dtype=torch.float64)
    for _ in range(2):
        grads = torch.autograd.grad(add(x, wide).sum(), (x, wide))
        assert [g.dtype for g in grads] == [torch.float32, torch.float64]
    assert gp.check(add, x.detach(), bias.detach()).ok
    assert gp.check(add, x.detach(), wide.detach()).ok


def test_a_rule_for_once_is_refused_on_every_call() -> None:
    @gp.function
    def cube(x):
        return x**3

    @cube.gradient("x", once=True)
    def grad_x(grad_output, x):
        return grad_output * 3 * x * x

    x = torch.tensor(2.0, requires_grad=True)
    for _ in range(3):
        (first,) = torch.autograd.grad(cube(x), x)
        assert first == 12
        (first,) = torch.autograd.grad(cube(x), x, create_graph=True)
        with pytest.raises(RuntimeError, match="cube: the rule for 'x' .* once=True"):
            torch.autograd.grad(first, x)


def test_autocast_around_backward_alone_is_switched_off_on_every_call() -> None:
    @gp.function
    def product(x, w):
        e = gp.save(e=x * 1)
        return e @ w

    @product.gradient("x")
    def grad_x(grad_output, w, e):
        return grad_output @ w.T

    @product.gradient("w")
    def grad_w(grad_output, x):
        return x.T @ grad_output

    x, w = (torch.randn(3, 3, requires_grad=True) for _ in "xw")
    for _ in range(3):
        output = product(x, w)
        with torch.autocast("cpu", torch.bfloat16):
            (found,) = torch.autograd.grad(output, x, torch.ones_like(output))
        assert torch.equal(found, torch.ones_like(output) @ w.T)


def test_an_intermediate_is_differentiated_through_on_every_call() -> None:
    @gp.function
    def sigmoid(x):
        e = gp.save(e=torch.exp(-x))
        return 1 / (1 + e)

    @sigmoid.gradient("x")
    def grad_x(grad_output, e):
        return grad_output * e / (1 + e) ** 2

    x = torch.randn(3, requires_grad=True, dtype=torch.float64)
    true = torch.sigmoid(x) * (1 - torch.sigmoid(x)) * (1 - 2 * torch.sigmoid(x))
    for _ in range(3):
        (first,) = torch.autograd.grad(sigmoid(x).sum(), x, create_graph=True)
        (second,) = torch.autograd.grad(first.sum(), x)
        assert torch.allclose(second, true)


def test_what_is_remembered_has_a_limit(monkeypatch) -> None:
    monkeypatch.setattr(_torch_as_by_hand, "LIMIT", 2)

    @gp.function
    def scale(x, *, factor=1.0):
        return x * factor

    @scale.gradient("x")
    def grad_x(grad_output, factor):
        return grad_output * factor

    x = torch.ones((), requires_grad=True)
    for factor in (1.0, 2.0, 3.0, 4.0, 1.0):
        (gradient,) = torch.autograd.grad(scale(x, factor=factor), x)
        assert gradient == factor
