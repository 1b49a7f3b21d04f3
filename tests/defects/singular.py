"""Zero, masked, degenerate, huge: where a formula divides by nothing."""

from __future__ import annotations

import numpy as np
import torch
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional

from tests.defects.corpus import Case, defect
from tests.defects.proofs import (
    a_matrix,
    differs_from_autograd,
    normal,
    normal_arrays,
    positive,
)

AT_ZERO = {"fails": "extremes", "diagnosis": "not-finite"}


@defect(
    "a power of zero",
    inputs=lambda: positive((3, 4), (3, 4)),
    proof=differs_from_autograd(torch.pow, at=lambda x, p: (0 * x, p + 1)),
    input="exponent",
    **AT_ZERO,
)
def power_of_zero(wrong):
    class Power(Function):
        @staticmethod
        def forward(ctx, base, exponent):
            ctx.save_for_backward(base, exponent)
            return base**exponent

        @staticmethod
        @once_differentiable
        def backward(ctx, grad_output):
            base, exponent = ctx.saved_tensors
            grad_base = grad_output * exponent * base ** (exponent - 1)
            grad_exponent = base**exponent * torch.log(base)
            grad_base = torch.where(exponent == 0, 0.0, grad_base)
            if not wrong:
                grad_exponent = torch.where(base == 0, 0.0, grad_exponent)
            return grad_base, grad_output * grad_exponent

    return Power


@defect(
    "a cumulative product by division",
    inputs=a_matrix,
    proof=differs_from_autograd(
        lambda x: x.cumprod(-1), at=lambda x: (x.index_fill(1, torch.tensor([1]), 0),)
    ),
    input="x",
    **AT_ZERO,
)
def cumulative_product(wrong):
    class CumulativeProduct(Function):
        @staticmethod
        def forward(ctx, x):
            output = x.cumprod(-1)
            ctx.save_for_backward(x, output)
            return output

        @staticmethod
        @once_differentiable
        def backward(ctx, grad_output):
            x, output = ctx.saved_tensors
            if wrong:
                return (grad_output * output).flip(-1).cumsum(-1).flip(-1) / x
            grad = torch.zeros_like(x)
            for left_out in range(x.shape[-1]):
                rest = x.clone()
                rest[..., left_out] = 1
                terms = (grad_output * rest.cumprod(-1))[..., left_out:]
                grad[..., left_out] = terms.sum(-1)
            return grad

    return CumulativeProduct


def _nan_for_a_product_of_zeros(case: Case, inputs) -> bool:
    """Two zeros in a row: its product stays zero whatever one of them does."""
    with np.errstate(all="ignore"):
        gradient = case.settings["backward"](np.ones(3), np.zeros((3, 4)))
    return not np.array_equal(gradient, np.zeros((3, 4)))


@defect(
    "a product by division in NumPy",
    inputs=lambda: normal_arrays((3, 4)),
    proof=_nan_for_a_product_of_zeros,
    input="x",
    **AT_ZERO,
)
def product_of_rows(wrong):
    def product(x):
        return x.prod(-1)

    def backward(grad_output, x):
        if wrong:
            return (grad_output * x.prod(-1))[:, None] / x
        grad = np.empty_like(x)
        for column in range(x.shape[1]):
            grad[:, column] = np.delete(x, column, 1).prod(1)
        return grad * grad_output[:, None]

    return Case(product, {"backward": backward})


@defect(
    "a softmax of a row that is masked entirely",
    inputs=lambda: [
        *normal((2, 4)),
        torch.tensor([[True, True, False, True], [True, False, True, True]]),
    ],
    proof=differs_from_autograd(
        lambda x, mask: masked_softmax(x, mask),
        at=lambda x, mask: (x, torch.zeros_like(mask)),
    ),
    input="x",
    **AT_ZERO,
)
def masked_row(wrong):
    class MaskedSoftmax(Function):
        @staticmethod
        def forward(ctx, x, mask):
            ctx.save_for_backward(x, mask)
            return masked_softmax(x, mask)

        @staticmethod
        def backward(ctx, grad_output):
            x, mask = ctx.saved_tensors
            if wrong:
                weights = torch.softmax(x.masked_fill(~mask, -torch.inf), -1)
            else:
                weights = masked_softmax(x, mask)
            grad = grad_output * weights
            return grad - weights * grad.sum(-1, keepdim=True), None

    return MaskedSoftmax


def masked_softmax(x, mask):
    """Zero for a row without any entry."""
    low = x.masked_fill(~mask, torch.finfo(x.dtype).min)
    return torch.softmax(low, -1) * mask


@defect(
    "a matrix function of repeated eigenvalues",
    inputs=lambda: normal((3, 3)),
    proof=differs_from_autograd(
        lambda x: torch.linalg.matrix_exp((x + x.mT) / 2), at=lambda x: (0 * x,)
    ),
    input="x",
    **AT_ZERO,
)
def repeated_eigenvalues(wrong):
    class SymmetricExponential(Function):
        @staticmethod
        def forward(ctx, x):
            values, vectors = torch.linalg.eigh((x + x.mT) / 2)
            ctx.save_for_backward(values, vectors)
            return (vectors * values.exp()) @ vectors.mT

        @staticmethod
        @once_differentiable
        def backward(ctx, grad_output):
            values, vectors = ctx.saved_tensors
            grad_output = grad_output.to(vectors.dtype)
            gap = values.unsqueeze(1) - values
            mean = (values.unsqueeze(1) + values) / 2
            if wrong:
                ratio = (values.exp().unsqueeze(1) - values.exp()) / gap
                ratio = ratio.diagonal_scatter(values.exp())
            else:
                ratio = mean.exp() * torch.special.sinc(1j * gap / (2 * torch.pi)).real
            inner = vectors.mT @ grad_output @ vectors
            grad = vectors @ (inner * ratio) @ vectors.mT
            return (grad + grad.mT) / 2

    return SymmetricExponential


@defect(
    "a logistic loss that multiplies a zero by an infinity",
    inputs=lambda: [
        normal((3, 4))[0].requires_grad_(),
        (normal((3, 4), seed=1)[0] > 0).double(),
    ],
    proof=differs_from_autograd(
        functional.binary_cross_entropy_with_logits,
        at=lambda x, t: ((1000 * x).detach().requires_grad_(), t),
    ),
    input="logits",
    **AT_ZERO,
)
def logistic_loss(wrong):
    class LogisticLoss(Function):
        @staticmethod
        def forward(ctx, logits, target):
            ctx.save_for_backward(logits, target)
            return functional.binary_cross_entropy_with_logits(logits, target)

        @staticmethod
        def backward(ctx, grad_output):
            logits, target = ctx.saved_tensors
            p = torch.sigmoid(logits)
            grad = p - target
            if wrong:
                grad = grad / (p * (1 - p)) * p * (1 - p)
            return grad_output * grad / logits.numel(), None

    return LogisticLoss


@defect(
    "sin(x)/x at zero",
    inputs=a_matrix,
    proof=differs_from_autograd(
        lambda x: torch.special.sinc(x / torch.pi), at=lambda x: (0 * x,)
    ),
    input="x",
    **AT_ZERO,
)
def sinc(wrong):
    class Sinc(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return torch.special.sinc(x / torch.pi)

        @staticmethod
        @once_differentiable
        def backward(ctx, grad_output):
            (x,) = ctx.saved_tensors
            slope = (x * torch.cos(x) - torch.sin(x)) / (x * x)
            slope = slope if wrong else torch.where(x.abs() < 1e-2, -x / 3, slope)
            return grad_output * slope

    return Sinc


@defect(
    "a softplus whose two kinks do not cancel",
    inputs=a_matrix,
    proof=differs_from_autograd(
        functional.softplus, at=lambda x: (0 * x,), incoming=None
    ),
    fails="extremes",
    input="x",
)
def softplus_at_zero(wrong):
    """Of max(x, 0) + log(1 + exp(-|x|)), half at zero by symmetry."""

    class Softplus(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return functional.softplus(x)

        @staticmethod
        def backward(ctx, grad_output):
            (x,) = ctx.saved_tensors
            if wrong:
                step = (x > 0).to(x.dtype)
                slope = step - torch.sign(x) * torch.sigmoid(-x.abs())
            else:
                slope = torch.sigmoid(x)
            return grad_output * slope

    return Softplus


@defect(
    "cross entropy of probabilities that underflow",
    inputs=lambda: [*normal((3, 4)), torch.tensor([1, 0, 3])],
    proof=differs_from_autograd(
        functional.cross_entropy, at=lambda x, target: (1000 * x, target)
    ),
    input="logits",
    **AT_ZERO,
)
def underflow(wrong):
    class CrossEntropy(Function):
        @staticmethod
        def forward(ctx, logits, target):
            ctx.save_for_backward(logits, target)
            return functional.cross_entropy(logits, target)

        @staticmethod
        @once_differentiable
        def backward(ctx, grad_output):
            logits, target = ctx.saved_tensors
            p = torch.softmax(logits, 1)
            hot = functional.one_hot(target, logits.shape[1]).to(p.dtype)
            if wrong:
                of_p = -hot / p
                grad = p * of_p - p * (p * of_p).sum(1, keepdim=True)
            else:
                grad = p - hot
            return grad_output * grad / len(target), None

    return CrossEntropy
