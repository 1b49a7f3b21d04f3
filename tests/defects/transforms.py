"""Derivatives in forward mode and rules for vmap, beside a backward that is right."""

from __future__ import annotations

import torch
from torch.autograd import Function

from tests.defects.corpus import defect
from tests.defects.proofs import a_matrix, two_matrices, wrong_jvp, wrong_when_batched


@defect(
    "a jvp with the sign of the backward forgotten",
    inputs=lambda: [3 * torch.eye(3, dtype=torch.float64) + a_matrix()[0][:, :3]],
    proof=wrong_jvp(torch.linalg.inv),
    fails="forward-mode",
    input="x",
)
def sign_of_a_jvp(wrong):
    class Inverse(Function):
        @staticmethod
        def forward(x):
            return torch.linalg.inv(x)

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(output)
            ctx.save_for_forward(output)

        @staticmethod
        def backward(ctx, grad_output):
            (output,) = ctx.saved_tensors
            return -output.mT @ grad_output @ output.mT

        @staticmethod
        def jvp(ctx, tangent):
            (output,) = ctx.saved_tensors
            moved = output @ tangent @ output
            return moved if wrong else -moved

    return Inverse


@defect(
    "a jvp of one input of two",
    inputs=two_matrices,
    proof=wrong_jvp(torch.mul),
    fails="forward-mode",
    input="y",
)
def half_a_jvp(wrong):
    class Multiply(Function):
        @staticmethod
        def forward(x, y):
            return x * y

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)
            ctx.save_for_forward(*inputs)

        @staticmethod
        def backward(ctx, grad_output):
            x, y = ctx.saved_tensors
            return grad_output * y, grad_output * x

        @staticmethod
        def jvp(ctx, tangent_x, tangent_y):
            x, y = ctx.saved_tensors
            return tangent_x * y + (0 if wrong else 1) * tangent_y * x

    return Multiply


@defect(
    "a jvp that is silently zero",
    inputs=a_matrix,
    proof=wrong_jvp(torch.sin),
    fails="forward-mode",
    diagnosis="zero",
    input="x",
)
def zero_jvp(wrong):
    class Sin(Function):
        @staticmethod
        def forward(x):
            return torch.sin(x)

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)
            ctx.save_for_forward(*inputs)

        @staticmethod
        def backward(ctx, grad_output):
            (x,) = ctx.saved_tensors
            return grad_output * torch.cos(x)

        @staticmethod
        def jvp(ctx, tangent):
            (x,) = ctx.saved_tensors
            return torch.zeros_like(tangent) if wrong else tangent * torch.cos(x)

    return Sin


@defect(
    "a rule for vmap that takes the batch for more data",
    inputs=a_matrix,
    proof=wrong_when_batched,
    fails="vmap",
)
def batch_for_data(wrong):
    class Centre(Function):
        @staticmethod
        def forward(x):
            return x - x.mean()

        @staticmethod
        def setup_context(ctx, inputs, output):
            pass

        @staticmethod
        def backward(ctx, grad_output):
            return grad_output - grad_output.mean()

        @staticmethod
        def vmap(info, in_dims, x):
            x = x.movedim(in_dims[0], 0)
            if wrong:
                return Centre.apply(x), 0
            return torch.stack([Centre.apply(one) for one in x]), 0

    return Centre
