"""What stays: cycles, lists that grow, intermediates that outlive their graph."""

from __future__ import annotations

import gc
import weakref

import torch
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from tests.defects.corpus import Case, defect
from tests.defects.proofs import (
    call,
    keeps_more_than,
    normal,
    output_outlives_its_graph,
)


def a_large_matrix():
    return normal((60, 50))


def _intermediate_outlives_backward(case: Case, inputs) -> bool:
    """Something of ctx is alive after a backward that keeps no graph."""
    x = inputs()[0].requires_grad_()
    (output,) = call(case.target, x)
    output.sum().backward()
    kept = [v for v in vars(output.grad_fn).values() if isinstance(v, torch.Tensor)]
    return bool(kept)


@defect(
    "an intermediate on ctx, not in save_for_backward",
    inputs=a_large_matrix,
    proof=_intermediate_outlives_backward,
    fails="memory",
    diagnosis="leak",
)
def intermediate_on_ctx(wrong):
    class SiLU(Function):
        @staticmethod
        def forward(ctx, x):
            sigmoid = torch.sigmoid(x)
            if wrong:
                ctx.save_for_backward(x)
                ctx.sigmoid = sigmoid
            else:
                ctx.save_for_backward(x, sigmoid)
            return x * sigmoid

        @staticmethod
        @once_differentiable
        def backward(ctx, grad_output):
            x = ctx.saved_tensors[0]
            sigmoid = ctx.sigmoid if wrong else ctx.saved_tensors[1]
            return grad_output * sigmoid * (1 + x * (1 - sigmoid))

    return SiLU


@defect(
    "a list of outputs that only grows",
    inputs=a_large_matrix,
    proof=output_outlives_its_graph,
    fails="memory",
    diagnosis="leak",
)
def growing_list(wrong):
    seen = []

    class Exp(Function):
        @staticmethod
        def forward(ctx, x):
            output = torch.exp(x)
            ctx.save_for_backward(output)
            if wrong:
                seen.append(output)
            return output

        @staticmethod
        def backward(ctx, grad_output):
            (output,) = ctx.saved_tensors
            return grad_output * output

    return Exp


def _input_outlives_everything(case: Case, inputs) -> bool:
    """The memory of an input that everybody has forgotten is not freed."""
    memory = inputs()[0].numpy().copy()
    alive = weakref.ref(memory)
    x = torch.from_numpy(memory).requires_grad_()
    (output,) = call(case.target, x)
    output.sum().backward()
    del memory, x, output
    gc.collect()
    return alive() is not None


@defect(
    "a cache of inputs that is filled and never emptied",
    inputs=a_large_matrix,
    proof=_input_outlives_everything,
    fails="memory",
    diagnosis="leak",
)
def cache_of_inputs(wrong):
    cache = []

    class Square(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            if wrong:
                cache.append(x.detach())
            return x * x

        @staticmethod
        def backward(ctx, grad_output):
            (x,) = ctx.saved_tensors
            return 2 * grad_output * x

    return Square


@defect(
    "a copy for every head of what is broadcast",
    inputs=lambda: normal((40, 30)),
    proof=keeps_more_than(3),
    fails="memory",
    diagnosis="leak",
)
def kept_expanded(wrong):
    class Sin(Function):
        @staticmethod
        def forward(ctx, x):
            kept = x.expand(8, *x.shape)
            ctx.save_for_backward(kept.clone() if wrong else kept)
            return torch.sin(x)

        @staticmethod
        @once_differentiable
        def backward(ctx, grad_output):
            (kept,) = ctx.saved_tensors
            return grad_output * torch.cos(kept[0])

    return Sin


@defect(
    "a recurrent layer that keeps its last output",
    inputs=lambda: normal((4, 2, 3), dtype=torch.float32),
    proof=output_outlives_its_graph,
    fails="memory",
    diagnosis="leak",
)
def recurrent(wrong):
    class Recurrent(torch.nn.LSTM):
        def forward(self, x):
            output, _ = super().forward(x)
            if wrong:
                self.last = output
            return output

    return Recurrent(3, 2)
