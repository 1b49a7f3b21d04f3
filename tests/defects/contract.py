"""What torch and JAX ask of a backward: how many gradients, for whom, of what."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import torch
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional

from tests.defects.corpus import defect
from tests.defects.proofs import (
    differs_from_autograd,
    differs_from_jax,
    normal,
    normal_arrays,
    raises,
    two_matrices,
    with_one_frozen,
)


@defect(
    "a norm that gives its weight no gradient",
    inputs=lambda: normal((3, 4)),
    proof=differs_from_autograd(
        lambda module, x: functional.rms_norm(x, (4,), module.weight, 1e-6)
    ),
    fails="gradient",
    diagnosis="missing",
    input="weight",
)
def no_weight_gradient(wrong):
    class Normalise(Function):
        @staticmethod
        def forward(ctx, x, weight):
            rstd = torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-6)
            ctx.save_for_backward(x, weight, rstd)
            return x * rstd * weight

        @staticmethod
        @once_differentiable
        def backward(ctx, grad_output):
            x, weight, rstd = ctx.saved_tensors
            g = grad_output * weight
            grad_x = g * rstd - x * (g * x).mean(-1, keepdim=True) * rstd**3
            if wrong:
                return grad_x, None
            return grad_x, (grad_output * x * rstd).sum_to_size(weight.shape)

    class RMSNorm(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(normal((4,), seed=4)[0])

        def forward(self, x):
            return Normalise.apply(x, self.weight)

    return RMSNorm()


@defect(
    "a linear layer that forgets its bias",
    inputs=lambda: normal((5, 3), (4, 3), (4,)),
    proof=differs_from_autograd(functional.linear),
    fails=("gradient", "shape"),
    diagnosis="missing",
    input="bias",
)
def no_bias_gradient(wrong):
    class Linear(Function):
        @staticmethod
        def forward(ctx, x, weight, bias):
            ctx.save_for_backward(x, weight)
            return x @ weight.T + bias

        @staticmethod
        def backward(ctx, grad_output):
            x, weight = ctx.saved_tensors
            grad_output = grad_output.to(weight.dtype)
            grad_bias = None if wrong else grad_output.sum(0)
            return grad_output @ weight, grad_output.mT @ x, grad_bias

    return Linear


@defect(
    "an argument that was added without a gradient for it",
    inputs=lambda: [*normal((3, 4)), torch.tensor([True, False, True, True])],
    proof=raises(RuntimeError),
    fails="shape",
)
def one_gradient_too_few(wrong):
    class MaskedTanh(Function):
        @staticmethod
        def forward(ctx, x, mask):
            output = torch.tanh(x) * mask
            ctx.save_for_backward(output, mask)
            return output

        @staticmethod
        @once_differentiable
        def backward(ctx, grad_output):
            output, mask = ctx.saved_tensors
            grad_x = grad_output * (1 - output * output) * mask
            return grad_x if wrong else (grad_x, None)

    return MaskedTanh


@defect(
    "a mask that is optional in the forward only",
    inputs=lambda: [*normal((3, 4)), None],
    proof=raises((TypeError, AttributeError)),
    fails=("shape", "gradient"),
    diagnosis="crash",
)
def optional_mask(wrong):
    class Gate(Function):
        @staticmethod
        def forward(ctx, x, mask):
            ctx.mask = mask
            return 2 * x if mask is None else 2 * x * mask

        @staticmethod
        def backward(ctx, grad_output):
            if ctx.mask is None and not wrong:
                return 2 * grad_output, None
            return 2 * grad_output * ctx.mask, None

    return Gate


@defect(
    "a save that only one gradient asked for",
    inputs=two_matrices,
    proof=with_one_frozen(torch.mul, frozen=0),
    fails="subsets",
    diagnosis="crash",
    input="y",
)
def saved_for_one(wrong):
    class Multiply(Function):
        @staticmethod
        def forward(ctx, x, y):
            needed = ctx.needs_input_grad[0] if wrong else True
            ctx.save_for_backward(*((x, y) if needed else ()))
            return x * y

        @staticmethod
        def backward(ctx, grad_output):
            x, y = ctx.saved_tensors
            return grad_output * y, grad_output * x

    return Multiply


@defect(
    "a gradient that stands under another's condition",
    inputs=two_matrices,
    proof=with_one_frozen(torch.mul, frozen=0),
    fails="subsets",
    diagnosis="missing",
    input="y",
)
def wrong_condition(wrong):
    class Multiply(Function):
        @staticmethod
        def forward(ctx, x, y):
            ctx.save_for_backward(x, y)
            return x * y

        @staticmethod
        def backward(ctx, grad_output):
            x, y = ctx.saved_tensors
            grad_x = grad_y = None
            if ctx.needs_input_grad[0]:
                grad_x = grad_output * y
            if ctx.needs_input_grad[0 if wrong else 1]:
                grad_y = grad_output * x
            return grad_x, grad_y

    return Multiply


def sine_and_cosine(x):
    return torch.sin(x), torch.cos(x)


@defect(
    "an output that is not used and gets no gradient",
    inputs=lambda: normal((3, 4)),
    proof=raises(TypeError, incoming=lambda outputs: [outputs[0].detach(), None]),
    fails="undefined",
    diagnosis="crash",
)
def unused_output(wrong):
    class SinCos(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            ctx.set_materialize_grads(False)
            return torch.sin(x), torch.cos(x)

        @staticmethod
        def backward(ctx, grad_sin, grad_cos):
            (x,) = ctx.saved_tensors
            if not wrong:
                grad_sin = torch.zeros_like(x) if grad_sin is None else grad_sin
                grad_cos = torch.zeros_like(x) if grad_cos is None else grad_cos
            return grad_sin * torch.cos(x) - grad_cos * torch.sin(x)

    return SinCos


@defect(
    "an unused output that takes the gradient with it",
    inputs=lambda: normal((3, 4)),
    proof=differs_from_autograd(
        sine_and_cosine, incoming=lambda outputs: [outputs[0].detach(), None]
    ),
    fails="undefined",
    diagnosis="missing",
    input="x",
)
def unused_output_takes_all(wrong):
    class SinCos(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            ctx.set_materialize_grads(False)
            return torch.sin(x), torch.cos(x)

        @staticmethod
        def backward(ctx, grad_sin, grad_cos):
            (x,) = ctx.saved_tensors
            if wrong and (grad_sin is None or grad_cos is None):
                return None
            total = torch.zeros_like(x)
            if grad_sin is not None:
                total = total + grad_sin * torch.cos(x)
            if grad_cos is not None:
                total = total - grad_cos * torch.sin(x)
            return total

    return SinCos


@defect(
    "an input taken for a constant",
    inputs=lambda: [jnp.asarray(a) for a in normal_arrays((3, 4), (3, 4))],
    proof=differs_from_jax(lambda x, scale: x * scale),
    fails="gradient",
    diagnosis="zero",
    input="scale",
)
def taken_for_constant(wrong):
    @jax.custom_vjp
    def multiply(x, scale):
        return x * scale

    def forward(x, scale):
        return x * scale, (x, scale)

    def backward(residuals, grad_output):
        x, scale = residuals
        grad_scale = jnp.zeros_like(scale) if wrong else grad_output * x
        return grad_output * scale, grad_scale

    multiply.defvjp(forward, backward)
    return multiply


@defect(
    "two gradients in the order of their names",
    inputs=lambda: [jnp.asarray(a) for a in normal_arrays((4, 3), (4, 3))],
    proof=differs_from_jax(lambda value, gate: value * jnp.tanh(gate)),
    fails="gradient",
    diagnosis="swapped",
    input="value",
)
def order_of_names(wrong):
    @jax.custom_vjp
    def gated(value, gate):
        return value * jnp.tanh(gate)

    def forward(value, gate):
        return gated(value, gate), (value, jnp.tanh(gate))

    def backward(residuals, grad_output):
        value, tanh = residuals
        grad_value = grad_output * tanh
        grad_gate = grad_output * value * (1 - tanh * tanh)
        return (grad_gate, grad_value) if wrong else (grad_value, grad_gate)

    gated.defvjp(forward, backward)
    return gated
