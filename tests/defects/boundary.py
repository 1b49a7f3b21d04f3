"""Right in the middle: the last tile, an odd length, a border, the other mode."""

from __future__ import annotations

import numpy as np
import torch
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional

from tests.defects.corpus import Case, defect
from tests.defects.layout import causal
from tests.defects.proofs import (
    a_matrix,
    backward_differs_from_autograd,
    differs_from_autograd,
    normal,
    normal_arrays,
)


@defect(
    "a causal convolution shorter than its kernel",
    inputs=lambda: normal((6, 5), (3, 5)),
    proof=differs_from_autograd(causal, at=lambda *_: normal((1, 5), (3, 5))),
    fails="sizes",
)
def shorter_than_the_kernel(wrong):
    class CausalConv(Function):
        @staticmethod
        def forward(ctx, x, weight):
            ctx.save_for_backward(x, weight)
            return causal(x, weight)

        @staticmethod
        @once_differentiable
        def backward(ctx, grad_output):
            x, weight = ctx.saved_tensors
            grad_x, grad_weight = torch.zeros_like(x), torch.zeros_like(weight)
            for tap in range(min(len(weight), len(x))):
                slot = tap
                if wrong and len(x) < len(weight):
                    slot = tap + len(weight) - len(x)
                grad_x[: len(x) - tap] += weight[slot] * grad_output[tap:]
                grad_weight[slot] = (grad_output[tap:] * x[: len(x) - tap]).sum(0)
            return grad_x, grad_weight

    return CausalConv


@defect(
    "a softmax whose gradient sees one block of 16 columns",
    inputs=a_matrix,
    proof=differs_from_autograd(
        lambda x: torch.softmax(x, -1), at=lambda _: normal((3, 20))
    ),
    fails="sizes",
    input="x",
)
def one_block(wrong):
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
            block = grad[..., :16] if wrong else grad
            return grad - output * block.sum(-1, keepdim=True)

    return Softmax


@defect(
    "pairs pooled from an odd length",
    inputs=lambda: normal((3, 6)),
    proof=differs_from_autograd(
        lambda x: functional.avg_pool1d(x, 2, ceil_mode=True),
        at=lambda _: normal((3, 5)),
    ),
    fails="sizes",
    input="x",
)
def odd_length(wrong):
    """The last one stands alone, and is not half of anything."""

    class PairMeans(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.width = x.shape[-1]
            return functional.avg_pool1d(x, 2, ceil_mode=True)

        @staticmethod
        def backward(ctx, grad_output):
            share = grad_output.new_full((ctx.width,), 0.5)
            if ctx.width % 2 and not wrong:
                share[-1] = 1.0
            pairs = grad_output.repeat_interleave(2, -1)[..., : ctx.width]
            return pairs * share

    return PairMeans


@defect(
    "a shift to the middle that is its own inverse for even lengths only",
    inputs=lambda: normal((3, 6)),
    proof=differs_from_autograd(
        lambda x: torch.roll(x, x.shape[-1] // 2, -1), at=lambda _: normal((3, 5))
    ),
    fails="sizes",
    input="x",
)
def shift_to_the_middle(wrong):
    class Shift(Function):
        @staticmethod
        def forward(ctx, x):
            return torch.roll(x, x.shape[-1] // 2, -1)

        @staticmethod
        def backward(ctx, grad_output):
            half = grad_output.shape[-1] // 2
            return torch.roll(grad_output, half if wrong else -half, -1)

    return Shift


@defect(
    "samples just outside the image",
    inputs=lambda: [*normal((5,)), torch.tensor([-0.4, 0.7, 2.3, 4.6]).double()],
    proof=differs_from_autograd(lambda image, at: sample(image, at)),
    fails="gradient",
    input="position",
)
def outside_the_image(wrong):
    class Sample(Function):
        @staticmethod
        def forward(ctx, image, position):
            ctx.save_for_backward(image, position)
            return sample(image, position)

        @staticmethod
        def backward(ctx, grad_output):
            image, position = ctx.saved_tensors
            low, part, left, right = neighbours(image, position)
            grad_image = image.new_zeros(len(image) + 2)
            grad_image = grad_image.index_add(0, low + 1, grad_output * (1 - part))
            grad_image = grad_image.index_add(0, low + 2, grad_output * part)
            grad_position = grad_output * (right - left)
            if wrong:
                inside = (position >= 0) & (position <= len(image) - 1)
                grad_position = grad_position * inside
            return grad_image[1:-1], grad_position

    return Sample


def neighbours(image, position):
    """The two pixels around each position, zero outside the image."""
    padded = functional.pad(image, (1, 1))
    low = position.detach().floor().long().clamp(-1, len(image) - 1)
    return low, position - low, padded[low + 1], padded[low + 2]


def sample(image, position):
    _, part, left, right = neighbours(image, position)
    return (1 - part) * left + part * right


@defect(
    "attention that is wrong unless causal",
    inputs=lambda: normal((4, 4), (4, 3)),
    proof=differs_from_autograd(lambda scores, v: torch.softmax(scores, -1) @ v),
    fails="gradient",
    input="scores",
)
def unless_causal(wrong):
    class Weighted(Function):
        @staticmethod
        def forward(ctx, scores, v, is_causal):
            seen = torch.ones_like(scores, dtype=torch.bool)
            ctx.seen = seen.tril() if is_causal else seen
            scores = scores.masked_fill(~ctx.seen, -torch.inf)
            weights = torch.softmax(scores, -1)
            ctx.save_for_backward(v, weights)
            return weights.to(v.dtype) @ v

        @staticmethod
        @once_differentiable
        def backward(ctx, grad_output):
            v, weights = ctx.saved_tensors
            grad = weights * (grad_output.to(v.dtype) @ v.mT)
            grad = grad - weights * grad.sum(-1, keepdim=True)
            grad_v = weights.mT.to(v.dtype) @ grad_output.to(v.dtype)
            return (grad.tril() if wrong else grad), grad_v, None

    def attend(scores, v):
        return Weighted.apply(scores, v, False)

    return attend


@defect(
    "a sum over packed sequences that never moves to the next",
    inputs=lambda: [*normal_arrays((7, 2)), np.array([0, 3, 7])],
    proof=backward_differs_from_autograd(
        lambda x, offsets: torch.stack([(x[:3] ** 2).sum(0), (x[3:] ** 2).sum(0)])
    ),
    fails="gradient",
    input="x",
)
def packed_sequences(wrong):
    def energy(x, offsets):
        parts = np.split(x, offsets[1:-1])
        return np.stack([(part**2).sum(0) for part in parts])

    def backward(grad_output, x, offsets):
        which = np.searchsorted(offsets[1:], np.arange(len(x)), side="right")
        which = 0 * which if wrong else which
        return 2 * x * grad_output[which]

    return Case(energy, {"backward": backward})
