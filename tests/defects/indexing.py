"""Repeated indices, the wrong index space, a permutation for its inverse."""

from __future__ import annotations

import numpy as np
import torch
from torch.autograd import Function
from torch.nn import functional

from tests.defects.corpus import Case, defect
from tests.defects.proofs import differs_from_autograd, normal, normal_arrays


@defect(
    "an embedding where repeated tokens overwrite each other",
    inputs=lambda: [torch.tensor([3, 1, 3, 0]), *normal((5, 4))],
    proof=differs_from_autograd(functional.embedding),
    fails="gradient",
    input="table",
)
def embedding(wrong):
    class Embedding(Function):
        @staticmethod
        def forward(ctx, tokens, table):
            ctx.save_for_backward(tokens)
            ctx.shape = table.shape
            return table[tokens]

        @staticmethod
        def backward(ctx, grad_output):
            (tokens,) = ctx.saved_tensors
            grad = grad_output.new_zeros(ctx.shape)
            return None, grad.index_put((tokens,), grad_output, accumulate=not wrong)

    return Embedding


@defect(
    "an embedding that is right while no token comes twice",
    inputs=lambda: [torch.tensor([3, 1, 0]), *normal((5, 4))],
    proof=differs_from_autograd(
        functional.embedding, at=lambda tokens, table: (torch.tensor([3, 1, 3]), table)
    ),
    fails="sizes",
    input="table",
)
def embedding_of_other_tokens(wrong):
    return embedding(wrong)


def _both_writers_get_a_gradient(case, inputs) -> bool:
    """Of two writes to one row only the last is in the output."""
    source, _ = inputs()
    index = np.array([1, 1, 0])
    gradient = case.settings["backward"](np.ones((4, 2)), source, index)
    moved = source + np.array([[1.0], [0.0], [0.0]])
    unchanged = np.array_equal(case.target(source, index), case.target(moved, index))
    return unchanged and bool(gradient[0].any())


@defect(
    "rows written twice, where only the last one stays",
    inputs=lambda: [*normal_arrays((3, 2)), np.array([2, 0, 3])],
    proof=_both_writers_get_a_gradient,
    fails="sizes",
    input="source",
)
def rows_written_twice(wrong):
    def put(source, index):
        output = np.zeros((4, *source.shape[1:]))
        for row, at in zip(source, index, strict=True):
            output[at] = row
        return output

    def backward(grad_output, source, index):
        gradient = grad_output[index]
        later = index[None, :] == index[:, None]
        overwritten = np.triu(later, 1).any(1)
        return gradient if wrong else gradient * ~overwritten[:, None]

    return Case(put, {"backward": backward})


@defect(
    "a base that still counts where it was overwritten",
    inputs=lambda: [*normal((3, 4), (3, 4)), torch.tensor([True, False, True, False])],
    proof=differs_from_autograd(lambda x, other, mask: torch.where(mask, other, x)),
    fails="gradient",
    input="x",
)
def overwritten_base(wrong):
    class Replace(Function):
        @staticmethod
        def forward(ctx, x, other, mask):
            ctx.save_for_backward(mask)
            return torch.where(mask, other, x)

        @staticmethod
        def backward(ctx, grad_output):
            (mask,) = ctx.saved_tensors
            grad_x = grad_output if wrong else grad_output * ~mask
            return grad_x, grad_output * mask, None

    return Replace


@defect(
    "a gradient of the visible read by the index of all",
    inputs=lambda: [*normal((5, 3)), torch.tensor([False, True, True, False, True])],
    proof=differs_from_autograd(lambda x, visible: x[visible] ** 2),
    fails="gradient",
    input="x",
)
def wrong_index_space(wrong):
    """Right where all are visible, or one."""

    class Visible(Function):
        @staticmethod
        def forward(ctx, x, visible):
            ctx.save_for_backward(x, visible)
            return x[visible] ** 2

        @staticmethod
        def backward(ctx, grad_output):
            x, visible = ctx.saved_tensors
            rows = visible.nonzero().squeeze(1)
            values = x[: len(rows)] if wrong else x[rows]
            grad = grad_output.new_zeros(x.shape)
            return grad.index_put((rows,), 2 * values * grad_output), None

    return Visible


@defect(
    "every row written to the first",
    inputs=lambda: normal((3, 4), (3, 4)),
    proof=differs_from_autograd(lambda gate, up: functional.silu(gate) * up),
    fails="gradient",
    input="up",
)
def pointer_that_does_not_move(wrong):
    class SwiGLU(Function):
        @staticmethod
        def forward(ctx, gate, up):
            ctx.save_for_backward(gate, up)
            return functional.silu(gate) * up

        @staticmethod
        def backward(ctx, grad_output):
            gate, up = ctx.saved_tensors
            sigmoid = torch.sigmoid(gate)
            grad_gate = grad_output * up * sigmoid * (1 + gate * (1 - sigmoid))
            grad_up = grad_output * gate * sigmoid
            if wrong:
                grad_up = torch.cat([grad_up[-1:], 0 * grad_up[1:]])
            return grad_gate, grad_up

    return SwiGLU


@defect(
    "a roll whose gradient goes round the same way",
    inputs=lambda: normal((3, 5)),
    proof=differs_from_autograd(lambda x: torch.roll(x, 1, -1)),
    fails="gradient",
    diagnosis="permuted",
    input="x",
)
def roll(wrong):
    class Roll(Function):
        @staticmethod
        def forward(ctx, x):
            return torch.roll(x, 1, -1)

        @staticmethod
        def backward(ctx, grad_output):
            return torch.roll(grad_output, 1 if wrong else -1, -1)

    return Roll


@defect(
    "a sort whose gradient is sorted, not put back",
    inputs=lambda: normal((3, 5)),
    proof=differs_from_autograd(lambda x: x.sort(-1).values),
    fails="gradient",
    input="x",
)
def sort(wrong):
    class Sort(Function):
        @staticmethod
        def forward(ctx, x):
            values, order = x.sort(dim=-1, stable=True)
            ctx.save_for_backward(order)
            return values

        @staticmethod
        def backward(ctx, grad_output):
            (order,) = ctx.saved_tensors
            back = order if wrong else order.argsort(-1)
            return grad_output.gather(-1, back)

    return Sort


@defect(
    "a maximum that gives every tied element the whole gradient",
    inputs=lambda: normal((3, 4)),
    proof=differs_from_autograd(
        lambda x: torch.amax(x, -1), at=lambda x: (torch.ones_like(x),)
    ),
    fails="extremes",
    input="x",
)
def ties(wrong):
    class Maximum(Function):
        @staticmethod
        def forward(ctx, x):
            output = torch.amax(x, -1, keepdim=True)
            ctx.save_for_backward(x, output)
            return output.squeeze(-1)

        @staticmethod
        def backward(ctx, grad_output):
            x, output = ctx.saved_tensors
            largest = (x == output).to(grad_output.dtype)
            if not wrong:
                largest = largest / largest.sum(-1, keepdim=True)
            return largest * grad_output.unsqueeze(-1)

    return Maximum


@defect(
    "index_add whose source reads the gradient in order, not by index",
    inputs=lambda: [*normal((4, 3), (4, 3)), torch.tensor([2, 0, 2, 1])],
    proof=differs_from_autograd(lambda x, rows, index: x.index_add(0, index, rows)),
    fails="gradient",
    input="rows",
)
def index_add(wrong):
    class IndexAdd(Function):
        @staticmethod
        def forward(ctx, x, rows, index):
            ctx.save_for_backward(index)
            return x.index_add(0, index, rows)

        @staticmethod
        def backward(ctx, grad_output):
            (index,) = ctx.saved_tensors
            grad_rows = grad_output[: len(index)] if wrong else grad_output[index]
            return grad_output, grad_rows, None

    return IndexAdd
