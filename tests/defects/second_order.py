"""Right once, wrong when differentiated again, without a word."""

from __future__ import annotations

import torch
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from tests.defects.corpus import defect
from tests.defects.proofs import a_matrix, two_matrices, wrong_second_derivative

SILENT = {"fails": "second-order", "input": "x"}


@defect(
    "an attribute of ctx that is detached",
    inputs=a_matrix,
    proof=wrong_second_derivative(torch.tanh),
    diagnosis="detached",
    **SILENT,
)
def detached_attribute(wrong):
    class Tanh(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            ctx.input = x.detach()
            return torch.tanh(x)

        @staticmethod
        def backward(ctx, grad_output):
            x = ctx.input if wrong else ctx.saved_tensors[0]
            return grad_output * (1 - torch.tanh(x) ** 2)

    return Tanh


@defect(
    "a backward without gradients of its own",
    inputs=a_matrix,
    proof=wrong_second_derivative(torch.sin),
    diagnosis="detached",
    **SILENT,
)
def under_no_grad(wrong):
    class Sin(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return torch.sin(x)

        @staticmethod
        def backward(ctx, grad_output):
            (x,) = ctx.saved_tensors
            with torch.set_grad_enabled(torch.is_grad_enabled() and not wrong):
                return grad_output * torch.cos(x)

    return Sin


@defect(
    "a backward that goes through NumPy",
    inputs=a_matrix,
    proof=wrong_second_derivative(torch.exp),
    diagnosis="detached",
    **SILENT,
)
def through_numpy(wrong):
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return torch.exp(x.detach().double()).to(x.dtype) * grad_output.detach()

    class Exp(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return torch.exp(x)

    Exp.backward = staticmethod(backward if wrong else once_differentiable(backward))
    return Exp


@defect(
    "a second backward with half of its slope",
    inputs=a_matrix,
    proof=wrong_second_derivative(lambda x: x**3),
    **SILENT,
)
def nested(wrong):
    class CubeBackward(Function):
        @staticmethod
        def forward(ctx, grad_output, x):
            ctx.save_for_backward(grad_output, x)
            return 3 * grad_output * x * x

        @staticmethod
        @once_differentiable
        def backward(ctx, grad_grad):
            grad_output, x = ctx.saved_tensors
            factor = 3 if wrong else 6
            return 3 * grad_grad * x * x, factor * grad_grad * grad_output * x

    class Cube(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, grad_output):
            (x,) = ctx.saved_tensors
            return CubeBackward.apply(grad_output, x)

    return Cube


@defect(
    "a layer norm whose statistics are constants",
    inputs=a_matrix,
    proof=wrong_second_derivative(
        lambda x: torch.nn.functional.layer_norm(x, x.shape[-1:])
    ),
    **SILENT,
)
def constant_statistics(wrong):
    class LayerNorm(Function):
        @staticmethod
        def forward(ctx, x):
            mean = x.mean(-1, keepdim=True)
            rstd = torch.rsqrt(x.var(-1, correction=0, keepdim=True) + 1e-5)
            ctx.save_for_backward(x, mean, rstd)
            return (x - mean) * rstd

        @staticmethod
        def backward(ctx, grad_output):
            x, mean, rstd = ctx.saved_tensors
            if not wrong:
                mean = x.mean(-1, keepdim=True)
                rstd = torch.rsqrt(x.var(-1, correction=0, keepdim=True) + 1e-5)
            normal = (x - mean) * rstd
            inner = grad_output - grad_output.mean(-1, keepdim=True)
            inner = inner - normal * (grad_output * normal).mean(-1, keepdim=True)
            return rstd * inner

    return LayerNorm


@defect(
    "one input of two detached",
    inputs=two_matrices,
    proof=wrong_second_derivative(torch.mul),
    diagnosis="detached",
    fails="second-order",
    input="y",
)
def one_of_two(wrong):
    class Multiply(Function):
        @staticmethod
        def forward(ctx, x, y):
            ctx.save_for_backward(x, y)
            return x * y

        @staticmethod
        def backward(ctx, grad_output):
            x, y = ctx.saved_tensors
            return grad_output * (y.detach() if wrong else y), grad_output * x

    return Multiply
