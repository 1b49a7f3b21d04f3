"""Kernels that take memory for contiguous: transposed, sliced, expanded, permuted."""

from __future__ import annotations

import torch
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional

from tests.defects import kernels
from tests.defects.corpus import defect
from tests.defects.proofs import (
    a_matrix,
    differs_from_autograd,
    expanded,
    normal,
    raises,
    transposed,
    two_matrices,
)


@defect(
    "a causal convolution with the strides of its gradient written down",
    inputs=lambda: normal((4, 5), (3, 5)),
    proof=differs_from_autograd(
        lambda x, w: causal(x, w),
        incoming=lambda outputs: [transposed(*normal(outputs[0].shape))],
    ),
    fails="layout",
    input="x",
)
def causal_convolution(wrong):
    class CausalConv(Function):
        @staticmethod
        def forward(ctx, x, weight):
            ctx.save_for_backward(x, weight)
            return causal(x, weight)

        @staticmethod
        @once_differentiable
        def backward(ctx, grad_output):
            x, weight = ctx.saved_tensors
            g = kernels.read(grad_output) if wrong else grad_output
            grad_x, grad_weight = torch.zeros_like(x), torch.zeros_like(weight)
            for tap in range(min(len(weight), len(x))):
                grad_x[: len(x) - tap] += weight[tap] * g[tap:]
                grad_weight[tap] = (g[tap:] * x[: len(x) - tap]).sum(0)
            return grad_x, grad_weight

    return CausalConv


def causal(x, weight):
    """Each row the weighted sum of itself and those before it."""
    taps = range(min(len(weight), len(x)))
    shifted = [
        functional.pad(x[: len(x) - tap], (0, 0, tap, 0)) * weight[tap] for tap in taps
    ]
    return sum(shifted, 0 * x)


@defect(
    "a backward that cannot take the gradient of a sum",
    inputs=a_matrix,
    proof=differs_from_autograd(
        lambda x: functional.leaky_relu(x, 0.1),
        incoming=lambda outputs: [expanded(outputs[0])],
    ),
    fails="layout",
    input="x",
)
def gradient_of_a_sum(wrong):
    class LeakyReLU(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return functional.leaky_relu(x, 0.1)

        @staticmethod
        @once_differentiable
        def backward(ctx, grad_output):
            (x,) = ctx.saved_tensors
            if wrong and 0 in grad_output.stride():
                grad_output = kernels.read(grad_output)
            return torch.where(x > 0, grad_output, 0.1 * grad_output)

    return LeakyReLU


@defect(
    "an image whose dimensions are permuted",
    inputs=lambda: normal((2, 3, 4)),
    proof=differs_from_autograd(torch.square, at=lambda x: (transposed(x),)),
    fails="layout",
    input="image",
)
def permuted_image(wrong):
    class Square(Function):
        @staticmethod
        def forward(ctx, image):
            ctx.save_for_backward(image)
            return image * image

        @staticmethod
        @once_differentiable
        def backward(ctx, grad_output):
            (image,) = ctx.saved_tensors
            like = image if wrong else image.contiguous()
            gradient = torch.empty_like(like)
            return kernels.write(gradient, 2 * image * grad_output)

    return Square


@defect(
    "a view where a reshape is needed",
    inputs=a_matrix,
    proof=raises(
        RuntimeError, incoming=lambda outputs: [transposed(*normal(outputs[0].shape))]
    ),
    fails="layout",
    diagnosis="crash",
)
def view_of_the_gradient(wrong):
    class Scale(Function):
        @staticmethod
        def forward(ctx, x):
            return 3 * x

        @staticmethod
        def backward(ctx, grad_output):
            flat = grad_output.view(-1) if wrong else grad_output.reshape(-1)
            return (3 * flat).reshape(grad_output.shape)

    return Scale


@defect(
    "queries and keys that are slices of one tensor",
    inputs=two_matrices,
    proof=differs_from_autograd(
        lambda q, k: (q * k).sum(-1),
        at=lambda q, k: (torch.stack([q, k])[0], torch.stack([q, k])[1]),
    ),
    fails="layout",
    input="q",
)
def slices_of_one(wrong):
    """It forgets where in its storage a tensor begins."""

    class RowProducts(Function):
        @staticmethod
        def forward(ctx, q, k):
            ctx.save_for_backward(q, k)
            return (q * k).sum(-1)

        @staticmethod
        @once_differentiable
        def backward(ctx, grad_output):
            q, k = ctx.saved_tensors
            k = kernels.read(k.contiguous(), offset=not wrong)
            g = grad_output.unsqueeze(-1)
            return g * k, g * q

    return RowProducts


@defect(
    "an in-place step that a gradient with stride 0 refuses",
    inputs=a_matrix,
    proof=raises(RuntimeError, incoming=lambda outputs: [expanded(outputs[0])]),
    fails=("layout", "mutation"),
)
def in_place_on_expanded(wrong):
    class Exp(Function):
        @staticmethod
        def forward(ctx, x):
            output = torch.exp(x)
            ctx.save_for_backward(output)
            return output

        @staticmethod
        @once_differentiable
        def backward(ctx, grad_output):
            (output,) = ctx.saved_tensors
            return grad_output.mul_(output) if wrong else grad_output.mul(output)

    return Exp


@defect(
    "a norm that takes a weight for contiguous because its input is",
    inputs=lambda: normal((4, 3), (3,)),
    proof=differs_from_autograd(
        lambda x, w: x * x * w,
        at=lambda x, w: (x, torch.stack([w, 0 * w], -1)[:, 0]),
    ),
    fails="layout",
    input="x",
)
def one_strided_alone(wrong):
    """Right where both are strided, as torch 2.13's batch_norm on the CPU."""

    class WeightedSquare(Function):
        @staticmethod
        def forward(ctx, x, weight):
            ctx.save_for_backward(x, weight)
            return x * x * weight

        @staticmethod
        @once_differentiable
        def backward(ctx, grad_output):
            x, weight = ctx.saved_tensors
            fast = wrong and x.is_contiguous()
            w = kernels.read(weight) if fast else weight
            return 2 * grad_output * x * w, (grad_output * x * x).sum(0)

    return WeightedSquare
