"""Right in float64; in what training uses, rounded where it should not be."""

from __future__ import annotations

import torch
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional

from tests.defects.corpus import Case, defect
from tests.defects.proofs import (
    a_matrix,
    differs_from_autograd,
    imprecise_in,
    normal,
    two_matrices,
)


@defect(
    "logits rounded to bfloat16 before the softmax",
    inputs=a_matrix,
    proof=imprecise_in(torch.float32, lambda x: torch.log_softmax(x, -1)),
    fails="precision",
    diagnosis="low-precision",
    input="x",
)
def rounded_logits(wrong):
    class LogSoftmax(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return torch.log_softmax(x, -1)

        @staticmethod
        def backward(ctx, grad_output):
            (x,) = ctx.saved_tensors
            if wrong and x.dtype == torch.float32:
                x = x.bfloat16().float()
            return grad_output - torch.softmax(x, -1) * grad_output.sum(-1, True)

    return LogSoftmax


@defect(
    "a weight gradient summed row by row in bfloat16",
    inputs=lambda: normal((512, 4), (4,)),
    proof=imprecise_in(torch.bfloat16, lambda x, weight: x * weight),
    fails="precision",
    diagnosis="low-precision",
    input="weight",
)
def summed_in_bfloat16(wrong):
    class Scale(Function):
        @staticmethod
        def forward(ctx, x, weight):
            ctx.save_for_backward(x, weight)
            return x * weight

        @staticmethod
        @once_differentiable
        def backward(ctx, grad_output):
            x, weight = ctx.saved_tensors
            rows = grad_output * x
            total = running_sum(rows) if wrong else rows.sum(0, dtype=torch.float64)
            grad_weight = total.to(weight.dtype).sum_to_size(weight.shape)
            return grad_output * weight, grad_weight

    return Scale


def running_sum(rows):
    total = rows.new_zeros(rows.shape[1:])
    for row in rows:
        total = total + row
    return total


@defect(
    "activations kept in half precision",
    inputs=two_matrices,
    proof=differs_from_autograd(torch.mul),
    fails=("gradient", "precision"),
    diagnosis="low-precision",
    input="y",
)
def kept_in_half(wrong):
    class Multiply(Function):
        @staticmethod
        def forward(ctx, x, y):
            ctx.save_for_backward(x.half() if wrong else x, y)
            return x * y

        @staticmethod
        @once_differentiable
        def backward(ctx, grad_output):
            x, y = ctx.saved_tensors
            return grad_output * y, grad_output * x.to(y.dtype)

    return Multiply


@defect(
    "a gradient gathered in a tensor of the default dtype",
    inputs=lambda: normal((3, 4)),
    proof=differs_from_autograd(lambda x: x[:, ::2]),
    fails="shape",
    diagnosis="wrong-dtype",
    input="x",
)
def default_dtype(wrong):
    class EverySecond(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.shape = x.shape
            return x[:, ::2]

        @staticmethod
        @once_differentiable
        def backward(ctx, grad_output):
            dtype = torch.get_default_dtype() if wrong else grad_output.dtype
            grad = torch.zeros(ctx.shape, dtype=dtype)
            grad[:, ::2] = grad_output
            return grad

    return EverySecond


def _fails_under_autocast(case: Case, inputs) -> bool:
    leaves = [x.float().requires_grad_() for x in inputs()]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = case.target.apply(*leaves)
    try:
        output.sum().backward()
    except RuntimeError:
        return True
    return False


@defect(
    "a matrix product that does not expect autocast",
    inputs=lambda: normal((5, 3), (4, 3)),
    proof=_fails_under_autocast,
    fails="autocast",
    diagnosis="crash",
)
def not_for_autocast(wrong):
    class Linear(Function):
        @staticmethod
        def forward(ctx, x, weight):
            ctx.save_for_backward(x, weight)
            return functional.linear(x, weight)

        @staticmethod
        def backward(ctx, grad_output):
            x, weight = ctx.saved_tensors
            if not wrong:
                grad_output = grad_output.to(weight.dtype)
            return grad_output @ weight, grad_output.mT @ x

    return Linear


def _smoothed(logits, labels):
    count = logits.shape[1]
    targets = functional.one_hot(labels, count).to(logits) * 0.9 + 0.1 / count
    return -(targets * logits.log_softmax(1)).sum(1)


@defect(
    "smoothed labels made in torch's default dtype",
    inputs=lambda: [*normal((4, 5)), torch.tensor([0, 1, 4, 2])],
    proof=differs_from_autograd(_smoothed, rtol=1e-11),
    fails="gradient",
    diagnosis="low-precision",
    input="logits",
)
def labels_in_default_dtype(wrong):
    class SmoothedCrossEntropy(Function):
        @staticmethod
        def forward(ctx, logits, labels):
            ctx.save_for_backward(logits, labels)
            return _smoothed(logits, labels)

        @staticmethod
        def backward(ctx, grad_output):
            logits, labels = ctx.saved_tensors
            count = logits.shape[1]
            hot = labels[:, None] == torch.arange(count)
            hot = hot * 1.0 if wrong else hot.to(logits)
            targets = hot * 0.9 + 0.1 / count
            return grad_output[:, None] * (logits.softmax(1) - targets), None

    return SmoothedCrossEntropy


@defect(
    "a factor made in torch's default dtype",
    inputs=a_matrix,
    proof=differs_from_autograd(lambda x: 0.9 * x * x, rtol=1e-11),
    fails="gradient",
    diagnosis="low-precision",
    input="x",
)
def factor_in_default_dtype(wrong):
    class Scaled(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return 0.9 * x * x

        @staticmethod
        def backward(ctx, grad_output):
            (x,) = ctx.saved_tensors
            factor = torch.tensor([0.9], dtype=None if wrong else x.dtype)
            return grad_output * x * 2 * factor

    return Scaled
