"""Broadcasting, several axes at once, a rank or a square taken for granted."""

from __future__ import annotations

import numpy as np
import torch
from torch.autograd import Function

from tests.defects.corpus import Case, defect
from tests.defects.proofs import (
    backward_differs_from_autograd,
    differs_from_autograd,
    normal,
    normal_arrays,
)


@defect(
    "an einsum that forgets a dimension of size 1",
    inputs=lambda: normal_arrays((3, 1), (3, 4)),
    proof=backward_differs_from_autograd(lambda x, y: (x * y).sum(-1)),
    fails="shape",
    diagnosis="missing-reduction",
    input="x",
)
def einsum(wrong):
    def contract(x, y):
        return np.einsum("ij,ij->i", np.broadcast_to(x, y.shape), y)

    def backward(grad_output, x, y):
        grad_x = np.einsum("i,ij->ij", grad_output, y)
        if not wrong:
            grad_x = grad_x.sum(1, keepdims=True)
        return grad_x, np.einsum("i,ij->ij", grad_output, np.broadcast_to(x, y.shape))

    return Case(contract, {"backward": backward})


@defect(
    "a mean over two axes, put back in the wrong place",
    inputs=lambda: normal_arrays((2, 3, 3)),
    proof=backward_differs_from_autograd(lambda x: x.mean((0, 2))),
    fails="gradient",
    diagnosis="transposed",
    input="images",
)
def mean_over_axes(wrong):
    def channel_means(images):
        return images.mean((0, 2))

    def backward(grad_output, images):
        if not wrong:
            grad_output = grad_output[:, None]
        count = images.shape[0] * images.shape[2]
        return np.broadcast_to(grad_output / count, images.shape).copy()

    return Case(channel_means, {"backward": backward})


@defect(
    "a NumPy layer norm that takes its input for a matrix",
    inputs=lambda: normal_arrays((2, 3, 4), (4,)),
    proof=backward_differs_from_autograd(
        lambda x, w: torch.nn.functional.layer_norm(x, (4,), w)
    ),
    fails="shape",
    diagnosis="missing-reduction",
    input="weight",
)
def layer_norm_of_rank_3(wrong):
    def normalised(x):
        centred = x - x.mean(-1, keepdims=True)
        rstd = 1 / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
        return centred * rstd, rstd

    def layer_norm(x, weight):
        return normalised(x)[0] * weight

    def backward(grad_output, x, weight):
        normal, rstd = normalised(x)
        g = grad_output * weight
        inner = g - g.mean(-1, keepdims=True)
        inner -= normal * (g * normal).mean(-1, keepdims=True)
        axes = 0 if wrong else tuple(range(x.ndim - 1))
        return rstd * inner, (grad_output * normal).sum(axes)

    return Case(layer_norm, {"backward": backward})


@defect(
    "a sparsemax along the wrong dimension of three",
    inputs=lambda: normal((2, 3, 4)),
    proof=differs_from_autograd(lambda x: torch.softmax(x, -1)),
    fails="gradient",
    input="x",
)
def softmax_of_rank_3(wrong):
    """Right for matrices, whose dimension 1 is the last."""

    class Softmax(Function):
        @staticmethod
        def forward(ctx, x):
            output = torch.softmax(x, -1)
            ctx.save_for_backward(output)
            return output

        @staticmethod
        def backward(ctx, grad_output):
            (output,) = ctx.saved_tensors
            grad = grad_output * output
            return grad - output * grad.sum(1 if wrong else -1, keepdim=True)

    return Softmax


@defect(
    "a trace that goes on below a tall matrix",
    inputs=lambda: normal((3, 3)),
    proof=differs_from_autograd(
        lambda x: torch.diagonal(x).sum(), at=lambda _: normal((5, 3))
    ),
    fails="sizes",
    input="x",
)
def trace(wrong):
    class Trace(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.shape = x.shape
            return torch.diagonal(x).sum()

        @staticmethod
        def backward(ctx, grad_output):
            rows, columns = ctx.shape
            every = torch.arange(rows * columns) % (columns + 1) == 0
            diagonal = every.reshape(ctx.shape)
            if not wrong:
                diagonal = diagonal & (torch.arange(rows) < columns).unsqueeze(1)
            return grad_output * diagonal

    return Trace


@defect(
    "attention scaled by its length instead of its width",
    inputs=lambda: normal((4, 4), (4, 4)),
    proof=differs_from_autograd(
        lambda q, k: q @ k.mT / q.shape[-1] ** 0.5,
        at=lambda *_: normal((6, 4), (6, 4)),
    ),
    fails="sizes",
    diagnosis="scale",
    input="q",
)
def attention_scores(wrong):
    class Scores(Function):
        @staticmethod
        def forward(ctx, q, k):
            ctx.save_for_backward(q, k)
            return q @ k.mT / q.shape[-1] ** 0.5

        @staticmethod
        def backward(ctx, grad_output):
            q, k = ctx.saved_tensors
            grad_output = grad_output.to(q.dtype)
            scale = q.shape[-1] ** -0.5
            scale_q = len(q) ** -0.5 if wrong else scale
            return scale_q * grad_output @ k, scale * grad_output.mT @ q

    return Scores


@defect(
    "a product over groups that reaches values in no group",
    inputs=lambda: [*normal((4,)), torch.tensor([0, 1, 0])],
    proof=differs_from_autograd(
        lambda x, group: torch.stack([x[:3][group == g].prod() for g in (0, 1)])
    ),
    fails="gradient",
    input="x",
)
def scattered_product(wrong):
    class GroupProduct(Function):
        @staticmethod
        def forward(ctx, x, group):
            product = x.new_ones(2).scatter_reduce(0, group, x[: len(group)], "prod")
            ctx.save_for_backward(x, group, product)
            return product

        @staticmethod
        def backward(ctx, grad_output):
            x, group, _ = ctx.saved_tensors
            grad_x = torch.zeros_like(x)
            for i in range(len(group)):
                others = (group == group[i]) & (torch.arange(len(group)) != i)
                rest = torch.where(others, x[: len(group)], 1.0).prod()
                grad_x = grad_x.index_put(
                    (torch.tensor(i),), grad_output[group[i]] * rest
                )
            if wrong:
                grad_x = grad_x.index_put((torch.tensor(-1),), grad_output[0] / x[-1])
            return grad_x, None

    return GroupProduct


@defect(
    "a broadcast product in NumPy that is averaged, not summed",
    inputs=lambda: normal_arrays((3, 4), (4,)),
    proof=backward_differs_from_autograd(lambda x, y: x * y),
    fails="gradient",
    diagnosis="scale",
    input="y",
)
def broadcast_product(wrong):
    def multiply(x, y):
        return x * y

    def backward(grad_output, x, y):
        reduce = np.mean if wrong else np.sum
        return grad_output * y, reduce(grad_output * x, axis=0)

    return Case(multiply, {"backward": backward})


@defect(
    "a softmax that sums along dimension 1 for the last",
    inputs=lambda: normal((4, 5)),
    proof=differs_from_autograd(
        lambda x: torch.softmax(x, -1), at=lambda x: (torch.stack([x, 2 * x]),)
    ),
    fails="sizes",
    input="x",
)
def softmax_of_matrices_only(wrong):
    class Softmax(Function):
        @staticmethod
        def forward(ctx, x):
            output = torch.softmax(x, -1)
            ctx.save_for_backward(output)
            return output

        @staticmethod
        def backward(ctx, grad_output):
            (output,) = ctx.saved_tensors
            mean = (output * grad_output).sum(1 if wrong else -1, keepdim=True)
            return output * (grad_output - mean)

    return Softmax


@defect(
    "a normalisation that divides by the columns of a matrix",
    inputs=lambda: [*normal((4, 5)), *normal((5,), seed=1)],
    proof=differs_from_autograd(
        lambda x, scale: (x - x.mean(-1, keepdim=True)) * scale,
        at=lambda x, scale: (torch.stack([x, 2 * x]), scale),
    ),
    fails="sizes",
    input="x",
)
def centre_of_matrices_only(wrong):
    class Centre(Function):
        @staticmethod
        def forward(ctx, x, scale):
            ctx.save_for_backward(x, scale)
            return (x - x.mean(-1, keepdim=True)) * scale

        @staticmethod
        def backward(ctx, grad_output):
            x, scale = ctx.saved_tensors
            centred = x - x.mean(-1, keepdim=True)
            scaled = grad_output * scale
            count = scaled.shape[1 if wrong else -1]
            grad_x = scaled - scaled.sum(-1, keepdim=True) / count
            return grad_x, (grad_output * centred).flatten(0, -2).sum(0)

    return Centre


@defect(
    "a mean squared error that counts rows and columns only",
    inputs=lambda: normal((4, 5), (4, 5)),
    proof=differs_from_autograd(
        torch.nn.functional.mse_loss,
        at=lambda x, y: (torch.stack([x, 2 * x]), torch.stack([y, y])),
    ),
    fails="sizes",
)
def error_of_matrices_only(wrong):
    class SquaredError(Function):
        @staticmethod
        def forward(ctx, prediction, target):
            ctx.save_for_backward(prediction, target)
            return ((prediction - target) ** 2).mean()

        @staticmethod
        def backward(ctx, grad_output):
            prediction, target = ctx.saved_tensors
            count = prediction.numel()
            if wrong:
                count = prediction.shape[0] * prediction.shape[1]
            grad = grad_output * 2 * (prediction - target) / count
            return grad, -grad

    return SquaredError
