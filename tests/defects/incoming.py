"""The incoming gradient is left out, or meets the wrong dimension."""

from __future__ import annotations

import numpy as np
import torch
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional

from tests.defects.corpus import Case, defect
from tests.defects.proofs import (
    a_matrix,
    backward_differs_from_autograd,
    differs_from_autograd,
    normal,
    normal_arrays,
    raises,
)


def logits_and_classes():
    return [*normal((3, 4)), torch.tensor([1, 0, 3])]


@defect(
    "a loss that returns the gradient it stored in its forward",
    inputs=logits_and_classes,
    proof=differs_from_autograd(functional.cross_entropy),
    fails="linearity",
    diagnosis="nonlinear",
    input="logits",
)
def stored_gradient(wrong):
    """As long as the loss comes last and has no factor nobody notices."""

    class CrossEntropy(Function):
        @staticmethod
        def forward(ctx, logits, target):
            hot = functional.one_hot(target, logits.shape[1])
            ctx.save_for_backward((torch.softmax(logits, 1) - hot) / len(target))
            return functional.cross_entropy(logits, target)

        @staticmethod
        @once_differentiable
        def backward(ctx, grad_output):
            (grad,) = ctx.saved_tensors
            return grad if wrong else grad_output * grad, None

    return CrossEntropy


@defect(
    "one of two terms without the incoming gradient",
    inputs=logits_and_classes,
    proof=differs_from_autograd(functional.cross_entropy),
    fails="linearity",
    diagnosis="nonlinear",
    input="logits",
)
def one_term_without(wrong):
    class CrossEntropy(Function):
        @staticmethod
        def forward(ctx, logits, target):
            ctx.save_for_backward(logits, target)
            return functional.cross_entropy(logits, target)

        @staticmethod
        def backward(ctx, grad_output):
            logits, target = ctx.saved_tensors
            hot = functional.one_hot(target, logits.shape[1]).to(logits) / len(target)
            grad = grad_output * torch.softmax(logits, 1) / len(target)
            return grad - hot if wrong else grad - grad_output * hot, None

    return CrossEntropy


@defect(
    "a squared error in NumPy that ignores what comes in",
    inputs=lambda: normal_arrays((3, 4), (3, 4)),
    proof=backward_differs_from_autograd(functional.mse_loss),
    fails="linearity",
    diagnosis="nonlinear",
)
def squared_error(wrong):
    def loss(prediction, target):
        return np.mean((prediction - target) ** 2)

    def backward(grad_output, prediction, target):
        factor = 1.0 if wrong else grad_output
        grad = factor * 2 * (prediction - target) / prediction.size
        return grad, -grad

    return Case(loss, {"backward": backward})


@defect(
    "losses without reduction, all weighted like the first",
    inputs=logits_and_classes,
    proof=differs_from_autograd(
        lambda logits, target: functional.cross_entropy(
            logits, target, reduction="none"
        )
    ),
    fails="gradient",
    input="logits",
)
def weighted_like_the_first(wrong):
    class CrossEntropy(Function):
        @staticmethod
        def forward(ctx, logits, target):
            ctx.save_for_backward(logits, target)
            return functional.cross_entropy(logits, target, reduction="none")

        @staticmethod
        def backward(ctx, grad_output):
            logits, target = ctx.saved_tensors
            grad = torch.softmax(logits, 1) - functional.one_hot(
                target, logits.shape[1]
            )
            weight = grad_output[:1] if wrong else grad_output
            return weight.unsqueeze(1) * grad, None

    return CrossEntropy


@defect(
    "losses without reduction, weighted along the wrong dimension",
    inputs=logits_and_classes,
    proof=raises(RuntimeError),
    fails=("shape", "gradient"),
    diagnosis="crash",
)
def wrong_dimension(wrong):
    class CrossEntropy(Function):
        @staticmethod
        def forward(ctx, logits, target):
            ctx.save_for_backward(logits, target)
            return functional.cross_entropy(logits, target, reduction="none")

        @staticmethod
        def backward(ctx, grad_output):
            logits, target = ctx.saved_tensors
            grad = torch.softmax(logits, 1) - functional.one_hot(
                target, logits.shape[1]
            )
            return grad * (grad_output if wrong else grad_output.unsqueeze(1)), None

    return CrossEntropy


@defect(
    "a mean that takes what comes in for constant",
    inputs=a_matrix,
    proof=differs_from_autograd(lambda x: x - x.mean(0)),
    fails="gradient",
    input="x",
)
def constant_incoming(wrong):
    """Right after a sum, where every incoming gradient is 1."""

    class Centre(Function):
        @staticmethod
        def forward(ctx, x):
            return x - x.mean(0)

        @staticmethod
        def backward(ctx, grad_output):
            mean = grad_output if wrong else grad_output.mean(0)
            return grad_output - mean

    return Centre
