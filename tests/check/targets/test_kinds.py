"""Every kind of target: the right one passes without an alarm, the wrong one is found.

Each is made with the factor that its gradient is too large by, 1 for the right one.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from torch.autograd.function import once_differentiable
from torch.utils.checkpoint import checkpoint

import gradproof as gp

Made = tuple[Any, list[Any], dict[str, Any]]
KINDS: dict[str, tuple[Callable[[float], Made], str]] = {}


def kind(name: str, input: str = "x") -> Callable[[Any], Any]:
    """Decorator: a maker of a target, and the input whose gradient is wrong."""

    def register(make: Callable[[float], Made]) -> Callable[[float], Made]:
        KINDS[name] = (make, input)
        return make

    return register


def real(*shape: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(len(shape) + sum(shape))
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def array(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).standard_normal(shape)


def scaled(factor: float) -> Any:
    """The sine of x, as an old-style Function."""

    class Sine(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x.sin()

        @staticmethod
        def backward(ctx, grad_output):
            (x,) = ctx.saved_tensors
            return factor * grad_output * x.cos()

    return Sine


@kind("several inputs and outputs", "y")
def _(factor: float) -> Made:
    class Several(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, y):
            ctx.save_for_backward(x, y)
            return x * y, x + y, (x * y).sum()

        @staticmethod
        def backward(ctx, grad_product, grad_sum, grad_total):
            x, y = ctx.saved_tensors
            grad_x = grad_product * y + grad_sum + grad_total * y
            return grad_x, grad_product * x + grad_sum + factor * grad_total * x

    return Several, [real(3, 2), real(3, 2)], {}


@kind("a setup_context Function")
def _(factor: float) -> Made:
    class Sine(torch.autograd.Function):
        @staticmethod
        def forward(x, power):
            return x.sin() ** power

        @staticmethod
        def setup_context(ctx, inputs, output):
            x, ctx.power = inputs
            ctx.save_for_backward(x)

        @staticmethod
        def backward(ctx, grad_output):
            (x,) = ctx.saved_tensors
            slope = ctx.power * x.sin() ** (ctx.power - 1) * x.cos()
            return factor * grad_output * slope, None

    return Sine, [real(4), 2], {}


@kind("once_differentiable")
def _(factor: float) -> Made:
    class Sine(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x.sin()

        @staticmethod
        @once_differentiable
        def backward(ctx, grad_output):
            (x,) = ctx.saved_tensors
            return factor * grad_output * x.cos()

    return Sine, [real(4)], {}


@kind("an optional input that is not there", "weight")
def _(factor: float) -> Made:
    class Linear(torch.autograd.Function):
        @staticmethod
        @torch.amp.custom_fwd(device_type="cpu", cast_inputs=torch.float32)
        def forward(ctx, input, weight, bias=None):
            ctx.save_for_backward(input, weight)
            ctx.has_bias = bias is not None
            output = input @ weight.T
            return output if bias is None else output + bias

        @staticmethod
        @torch.amp.custom_bwd(device_type="cpu")
        def backward(ctx, grad_output):
            input, weight = ctx.saved_tensors
            grad_bias = grad_output.sum(0) if ctx.has_bias else None
            return grad_output @ weight, factor * grad_output.T @ input, grad_bias

    return Linear, [real(5, 3), real(4, 3), None], {}


@kind("an optional input that is there", "bias")
def _(factor: float) -> Made:
    class Linear(torch.autograd.Function):
        @staticmethod
        def forward(ctx, input, weight, bias=None):
            ctx.save_for_backward(input, weight)
            return input @ weight.T if bias is None else input @ weight.T + bias

        @staticmethod
        def backward(ctx, grad_output):
            input, weight = ctx.saved_tensors
            grad_bias = factor * grad_output.sum(0) if ctx.needs_input_grad[2] else None
            return grad_output @ weight, grad_output.T @ input, grad_bias

    return Linear, [real(5, 3), real(4, 3), real(4)], {}


@kind("an output that is not differentiable")
def _(factor: float) -> Made:
    class Sorted(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            values, index = x.sort(-1)
            ctx.mark_non_differentiable(index)
            ctx.save_for_backward(index)
            return values, index

        @staticmethod
        def backward(ctx, grad_values, _):
            (index,) = ctx.saved_tensors
            grad_input = torch.zeros_like(grad_values)
            return factor * grad_input.scatter(-1, index, grad_values)

    return Sorted, [real(3, 4)], {}


@kind("a floating output that is not differentiable")
def _(factor: float) -> Made:
    class WithNorm(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            norm = x.norm()
            ctx.mark_non_differentiable(norm)
            return x * x, norm

        @staticmethod
        def backward(ctx, grad_output, _):
            (x,) = ctx.saved_tensors
            return factor * 2 * grad_output * x

    return WithNorm, [real(4)], {}


@kind("mark_dirty")
def _(factor: float) -> Made:
    class Quadruple(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.mark_dirty(x)
            return x.mul_(4)

        @staticmethod
        def backward(ctx, grad_output):
            return factor * 4 * grad_output

    return Quadruple, [real(3, 2)], {}


@kind("an output that is a view of its input")
def _(factor: float) -> Made:
    class Turned(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.transpose(0, 1)

        @staticmethod
        def backward(ctx, grad_output):
            return factor * grad_output.transpose(0, 1)

    return Turned, [real(3, 2)], {}


@kind("an output that is its input")
def _(factor: float) -> Made:
    class Same(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.view_as(x)

        @staticmethod
        def backward(ctx, grad_output):
            return factor * grad_output

    return Same, [real(3)], {}


@kind("gradients that are not materialised", "y")
def _(factor: float) -> Made:
    class Parts(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, y):
            ctx.set_materialize_grads(False)
            return 2 * x, 3 * y

        @staticmethod
        def backward(ctx, grad_x, grad_y):
            return (
                None if grad_x is None else 2 * grad_x,
                None if grad_y is None else factor * 3 * grad_y,
            )

    return Parts, [real(3), real(3)], {}


@kind("outputs that are no tensors")
def _(factor: float) -> Made:
    sine = scaled(factor)

    def forward(x):
        return {"loss": sine.apply(x).sum(), "count": len(x), "name": None}

    return forward, [real(3)], {}


@kind("tensors in a list", "tensors[1]")
def _(factor: float) -> Made:
    sine = scaled(factor)

    def forward(tensors, weights):
        return [tensors[0] * weights[0], sine.apply(tensors[1]) * weights[1]]

    return forward, [[real(3), real(2)], (0.5, 2.0)], {}


@kind("tensors in a dict", "batch['image']")
def _(factor: float) -> Made:
    sine = scaled(factor)

    def forward(batch):
        return {"out": sine.apply(batch["image"]) * batch["inner"]["mask"]}

    return forward, [{"image": real(3), "inner": {"mask": torch.ones(3)}}], {}


@kind("a module with parameters and buffers", "scale")
def _(factor: float) -> Made:
    class Times(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, scale):
            ctx.save_for_backward(x, scale)
            return x * scale

        @staticmethod
        def backward(ctx, grad_output):
            x, scale = ctx.saved_tensors
            return grad_output * scale, factor * (grad_output * x).sum(0)

    class Scaled(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = torch.nn.Parameter(torch.tensor([0.5, -1.5, 2.0]))
            self.frozen = torch.nn.Parameter(torch.ones(3), requires_grad=False)
            self.register_buffer("mean", torch.zeros(3))

        def forward(self, x):
            if self.training:
                with torch.no_grad():
                    self.mean.mul_(0.9).add_(0.1 * x.mean(0))
            return Times.apply(x, self.scale) * self.frozen

    return Scaled(), [torch.randn(4, 3, generator=torch.Generator().manual_seed(1))], {}


@kind("a module whose layers share a parameter", "first.weight")
def _(factor: float) -> Made:
    sine = scaled(factor)

    class Tied(torch.nn.Module):
        def __init__(self):
            super().__init__()
            generator = torch.Generator().manual_seed(0)
            self.first = torch.nn.Linear(3, 3, bias=False).double()
            self.second = torch.nn.Linear(3, 3, bias=False).double()
            with torch.no_grad():
                self.first.weight.copy_(
                    torch.randn(3, 3, generator=generator, dtype=torch.float64)
                )
            self.second.weight = self.first.weight

        def forward(self, x):
            return self.second(sine.apply(self.first(x)))

    return Tied(), [real(4, 3)], {}


@kind("a torch.library op")
def _(factor: float) -> Made:
    name = f"gradproof_kinds::sine_{str(factor).replace('.', '_')}"
    return _library_op(name, factor), [real(4)], {}


@functools.cache
def _library_op(name: str, factor: float) -> Any:
    @torch.library.custom_op(name, mutates_args=())
    def sine(x: torch.Tensor) -> torch.Tensor:
        return x.sin()

    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return factor * grad_output * x.cos()

    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    sine.register_autograd(backward, setup_context=setup_context)
    return sine


@kind("a torch.library op by its name")
def _(factor: float) -> Made:
    _library_op(f"gradproof_kinds::named_{int(2 * factor)}", factor)
    return getattr(torch.ops.gradproof_kinds, f"named_{int(2 * factor)}"), [real(4)], {}


@kind("non-reentrant checkpointing")
def _(factor: float) -> Made:
    sine = scaled(factor)

    def forward(x, y):
        def inside(x, y):
            return sine.apply(x) * y

        return checkpoint(inside, x, y, use_reentrant=False)

    return forward, [real(4), real(4)], {}


@kind("a complex input", "z")
def _(factor: float) -> Made:
    class Product(torch.autograd.Function):
        @staticmethod
        def forward(ctx, z, w):
            ctx.save_for_backward(z, w)
            return z * w

        @staticmethod
        def backward(ctx, grad_output):
            z, w = ctx.saved_tensors
            return factor * grad_output * w.conj(), (grad_output * z.conj()).real

    return Product, [torch.complex(real(4), real(1)), real(4)], {}


@kind("a real output of a complex input", "z")
def _(factor: float) -> Made:
    class Magnitude(torch.autograd.Function):
        @staticmethod
        def forward(ctx, z):
            ctx.save_for_backward(z)
            return z.abs(), z * z

        @staticmethod
        def backward(ctx, grad_magnitude, grad_square):
            (z,) = ctx.saved_tensors
            return factor * grad_magnitude * z.sgn() + 2 * grad_square * z.conj()

    return Magnitude, [torch.complex(real(4), real(1))], {}


def jax_sine(factor: float) -> Any:
    @jax.custom_vjp
    def sine(x):
        return jnp.sin(x)

    sine.defvjp(lambda x: (jnp.sin(x), x), lambda x, g: (factor * g * jnp.cos(x),))
    return sine


@kind("a JAX custom_vjp")
def _(factor: float) -> Made:
    return jax_sine(factor), [jnp.asarray(array(4))], {}


@kind("a JAX custom_vjp of a complex input", "z")
def _(factor: float) -> Made:
    @jax.custom_vjp
    def square(z):
        return z * z

    square.defvjp(lambda z: (z * z, z), lambda z, g: (factor * 2 * g * z,))
    return square, [jnp.asarray(array(4) + 1j * array(1))], {}


@kind("a JAX custom_vjp with an argument that is no array")
def _(factor: float) -> Made:
    @functools.partial(jax.custom_vjp, nondiff_argnums=(1,))
    def power(x, exponent):
        return x**exponent

    def forward(x, exponent):
        return x**exponent, x

    def backward(exponent, x, g):
        return (factor * g * exponent * x ** (exponent - 1),)

    power.defvjp(forward, backward)
    return power, [jnp.asarray(array(4)), 3], {}


@kind("JAX arrays in a dict and a tuple", "batch['x']")
def _(factor: float) -> Made:
    sine = jax_sine(factor)

    def forward(batch, scales):
        return {"a": sine(batch["x"]) * scales[0], "b": (batch["y"] * scales[1],)}

    x, y = jnp.asarray(array(3)), jnp.asarray(array(2))
    return forward, [{"x": x, "y": y}, (x, 2.0)], {}


@kind("a NumPy pair with several outputs")
def _(factor: float) -> Made:
    def forward(x, y):
        return x * y, x.sum()

    def backward(grad_outputs, x, y):
        grad_product, grad_sum = grad_outputs
        return grad_product * y + factor * grad_sum, grad_product * x

    return forward, [array(3), array(3)], {"backward": backward}


@kind("a NumPy pair with arrays in a list", "parts[0]")
def _(factor: float) -> Made:
    def forward(parts, axis):
        return np.concatenate(parts, axis)

    def backward(grad_output, parts, axis):
        cut = parts[0].shape[axis]
        return [factor * grad_output[:cut], grad_output[cut:]]

    return forward, [[array(3, 2), array(4, 2)], 0], {"backward": backward}


@kind("a NumPy pair of complex arrays", "z")
def _(factor: float) -> Made:
    def backward(grad_output, z):
        return factor * 2 * grad_output * np.conj(z)

    return lambda z: z * z, [array(4) + 1j * array(1)], {"backward": backward}


@kind("a gp.function with keyword arguments")
def _(factor: float) -> Made:
    @gp.function
    def power(x, *, exponent=2):
        return x**exponent

    @power.gradient("x")
    def grad_x(grad_output, x, exponent):
        return factor * grad_output * exponent * x ** (exponent - 1)

    return power, [array(4)], {"exponent": 3}


@pytest.mark.parametrize("name", KINDS)
def test_the_right_one_passes_without_an_alarm(name: str) -> None:
    make, _ = KINDS[name]
    target, inputs, settings = make(1.0)
    verdict = gp.check(target, *inputs, **settings)
    assert verdict.ok, str(verdict)
    assert "gradient" in {c.property for c in verdict.checks if c.status == "passed"}


@pytest.mark.parametrize("name", KINDS)
def test_the_wrong_one_is_found(name: str) -> None:
    make, input = KINDS[name]
    target, inputs, settings = make(1.5)
    verdict = gp.check(target, *inputs, **settings)
    assert input in {f.input for f in verdict.findings}, str(verdict)
