"""The 27 classes of wrong backward that gradient checkers were measured on.

Torch's gradcheck accepts all of them on these inputs, and 19 are accepted by every
checker of torch's together.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from tests.defects import kernels
from tests.defects.corpus import defect
from tests.defects.proofs import (
    Case,
    differs_from_autograd,
    imprecise_in,
    keeps_more_than,
    normal,
    output_outlives_its_graph,
    raises,
    transposed,
    two_matrices,
    with_one_frozen,
    writes,
    wrong_after_other_calls,
    wrong_second_derivative,
)


def product(x, y):
    return x * y


class Multiply(Function):
    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(x, y)
        return x * y

    @staticmethod
    def backward(ctx, grad_output):
        x, y = ctx.saved_tensors
        return grad_output * y, grad_output * x


@defect(
    "1: takes its input for contiguous",
    inputs=two_matrices,
    proof=differs_from_autograd(product, at=lambda x, y: (x, transposed(y))),
    fails="layout",
    input="x",
)
def contiguous_input(wrong):
    class ByKernel(Multiply):
        @staticmethod
        @once_differentiable
        def backward(ctx, grad_output):
            x, y = ctx.saved_tensors
            y = y if wrong else y.contiguous()
            return grad_output * kernels.read(y), grad_output * x

    return ByKernel


@defect(
    "2: takes the incoming gradient for contiguous",
    inputs=two_matrices,
    proof=differs_from_autograd(
        product, incoming=lambda outputs: [transposed(*normal(outputs[0].shape))]
    ),
    fails="layout",
)
def contiguous_grad_output(wrong):
    class ByKernel(Multiply):
        @staticmethod
        @once_differentiable
        def backward(ctx, grad_output):
            x, y = ctx.saved_tensors
            grad_output = grad_output if wrong else grad_output.contiguous()
            return kernels.read(grad_output) * y, grad_output * x

    return ByKernel


@defect(
    "3: wrong where one input is frozen",
    inputs=two_matrices,
    proof=with_one_frozen(product, frozen=1),
    fails="subsets",
    input="x",
)
def wrong_subset(wrong):
    class Frozen(Multiply):
        @staticmethod
        def backward(ctx, grad_output):
            x, y = ctx.saved_tensors
            if wrong and not ctx.needs_input_grad[1]:
                return grad_output * x, None
            return grad_output * y, grad_output * x

    return Frozen


@defect(
    "4: writes into the incoming gradient",
    inputs=two_matrices,
    proof=writes(),
    fails="mutation",
    diagnosis="mutated",
)
def writes_grad_output(wrong):
    class InPlace(Multiply):
        @staticmethod
        @once_differentiable
        def backward(ctx, grad_output):
            x, y = ctx.saved_tensors
            grad_y = grad_output * x
            return grad_output.mul_(y) if wrong else grad_output.mul(y), grad_y

    return InPlace


@defect(
    "5: a workspace that two calls share",
    inputs=two_matrices,
    proof=wrong_after_other_calls(product, in_between=True),
    fails="repeat",
    diagnosis="stateful",
)
def shared_workspace(wrong):
    class Buffered(Function):
        workspace: ClassVar[list[torch.Tensor]] = []

        @staticmethod
        def forward(ctx, x, y):
            ctx.save_for_backward(x, y)
            Buffered.workspace = [x.detach().clone(), y.detach().clone()]
            return x * y

        @staticmethod
        @once_differentiable
        def backward(ctx, grad_output):
            x, y = Buffered.workspace if wrong else ctx.saved_tensors
            return grad_output * y, grad_output * x

    return Buffered


@defect(
    "6: right for a batch of 1 only",
    inputs=lambda: normal((1, 4), (3, 4)),
    proof=differs_from_autograd(
        lambda x, weight: x @ weight.T, at=lambda *_: normal((8, 4), (3, 4))
    ),
    fails="sizes",
    input="weight",
)
def batch_of_one(wrong):
    class Linear(Function):
        @staticmethod
        def forward(ctx, input, weight):
            ctx.save_for_backward(input, weight)
            return input @ weight.T

        @staticmethod
        def backward(ctx, grad_output):
            input, weight = ctx.saved_tensors
            grad_output = grad_output.to(weight.dtype)
            if wrong:
                return grad_output @ weight, grad_output[:1].T @ input[:1]
            return grad_output @ weight, grad_output.T @ input

    return Linear


@defect(
    "7: the tail after a block of 32 is left out",
    inputs=two_matrices,
    proof=differs_from_autograd(product, at=lambda *_: normal((5, 9), (5, 9))),
    fails="sizes",
    input="x",
)
def tail_of_a_block(wrong):
    class Blocked(Multiply):
        @staticmethod
        def backward(ctx, grad_output):
            x, y = ctx.saved_tensors
            inside = torch.arange(y.numel()).reshape(y.shape) < 32
            grad_x = grad_output * y
            return grad_x * inside if wrong else grad_x, grad_output * x

    return Blocked


@defect(
    "8: overflows where the forward does not",
    inputs=lambda: normal((3, 4)),
    proof=differs_from_autograd(
        lambda x: torch.logsumexp(x, -1), at=lambda x: (x + 800,)
    ),
    fails="extremes",
    diagnosis="not-finite",
    input="x",
)
def overflow(wrong):
    class LogSumExp(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return torch.logsumexp(x, -1)

        @staticmethod
        def backward(ctx, grad_output):
            (x,) = ctx.saved_tensors
            if wrong:
                weights = torch.exp(x) / torch.exp(x).sum(-1, keepdim=True)
            else:
                weights = torch.softmax(x, -1)
            return grad_output.unsqueeze(-1) * weights

    return LogSumExp


@defect(
    "9: the norm at zero",
    inputs=lambda: normal((3, 4)),
    proof=differs_from_autograd(
        lambda x: torch.linalg.vector_norm(x, dim=-1), at=lambda x: (0 * x,)
    ),
    fails="extremes",
    diagnosis="not-finite",
    input="x",
)
def norm_at_zero(wrong):
    class Norm(Function):
        @staticmethod
        def forward(ctx, x):
            norm = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
            ctx.save_for_backward(x, norm)
            return norm.squeeze(-1)

        @staticmethod
        @once_differentiable
        def backward(ctx, grad_output):
            x, norm = ctx.saved_tensors
            unit = x / norm
            unit = unit if wrong else torch.where(norm == 0, 0.0, unit)
            return grad_output.unsqueeze(-1) * unit

    return Norm


@defect(
    "10: zero where the true gradient is small",
    inputs=lambda: normal((3, 4)),
    proof=differs_from_autograd(lambda x: 1e-6 * x * x),
    fails="gradient",
    diagnosis="zero",
    input="x",
)
def small_and_zero(wrong):
    class Small(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return 1e-6 * x * x

        @staticmethod
        def backward(ctx, grad_output):
            (x,) = ctx.saved_tensors
            return 0 * x * grad_output if wrong else 2e-6 * x * grad_output

    return Small


@defect(
    "11: the second derivative takes a saved intermediate for constant",
    inputs=lambda: normal((3, 4)),
    proof=wrong_second_derivative(torch.nn.functional.silu),
    fails="second-order",
    input="x",
)
def saved_intermediate(wrong):
    class SiLU(Function):
        @staticmethod
        def forward(ctx, x):
            sigmoid = torch.sigmoid(x)
            ctx.save_for_backward(x, sigmoid)
            return x * sigmoid

        @staticmethod
        def backward(ctx, grad_output):
            x, sigmoid = ctx.saved_tensors
            sigmoid = sigmoid if wrong else torch.sigmoid(x)
            return grad_output * sigmoid * (1 + x * (1 - sigmoid))

    return SiLU


@defect(
    "12: the output on ctx, a reference cycle",
    inputs=lambda: normal((3, 4)),
    proof=output_outlives_its_graph,
    fails="memory",
    diagnosis="leak",
)
def output_on_ctx(wrong):
    class Exp(Function):
        @staticmethod
        def forward(ctx, x):
            output = torch.exp(x)
            if wrong:
                ctx.output = output
            else:
                ctx.save_for_backward(output)
            return output

        @staticmethod
        def backward(ctx, grad_output):
            output = ctx.output if wrong else ctx.saved_tensors[0]
            return grad_output * output

    return Exp


@defect(
    "13: wrong below float64 only",
    inputs=two_matrices,
    proof=imprecise_in(torch.float32, product),
    fails="precision",
    diagnosis="low-precision",
    input="x",
)
def wrong_in_single(wrong):
    class Rounded(Multiply):
        @staticmethod
        def backward(ctx, grad_output):
            x, y = ctx.saved_tensors
            is_double = grad_output.dtype == torch.float64
            if wrong and not is_double:
                return (grad_output.half() * y.half()).to(y.dtype), grad_output * x
            return grad_output * y, grad_output * x

    return Rounded


def _not_float64(case: Case, inputs) -> bool:
    saved = type("ctx", (), {"saved_tensors": tuple(inputs())})
    returned = case.target.backward(saved, torch.ones(3, 4, dtype=torch.float64))
    return returned[0].dtype != torch.float64


@defect(
    "14: returns a gradient of lower precision",
    inputs=two_matrices,
    proof=_not_float64,
    fails="shape",
    diagnosis="wrong-dtype",
    input="x",
)
def lower_precision(wrong):
    class Lossy(Multiply):
        @staticmethod
        def backward(ctx, grad_output):
            x, y = ctx.saved_tensors
            grad_x = grad_output * y
            return grad_x.float() if wrong else grad_x, grad_output * x

    return Lossy


@defect(
    "15: wrong where an input is broadcast",
    inputs=two_matrices,
    proof=differs_from_autograd(product, at=lambda *_: normal((3, 4), (1, 4))),
    fails=("sizes", "shape", "gradient"),
    input="y",
)
def wrong_when_broadcast(wrong):
    class Broadcast(Multiply):
        @staticmethod
        def backward(ctx, grad_output):
            x, y = ctx.saved_tensors
            grad_x, grad_y = grad_output * y, grad_output * x
            if wrong and grad_y.shape != y.shape:
                grad_y = grad_y.mean(0, keepdim=True)
            return grad_x.sum_to_size(x.shape), grad_y.sum_to_size(y.shape)

    return Broadcast


def spoilt(spoil):
    class Spoilt(Multiply):
        @staticmethod
        def backward(ctx, grad_output):
            x, y = ctx.saved_tensors
            return spoil(grad_output) * y, grad_output * x

    return Spoilt


NONLINEAR = {
    "inputs": two_matrices,
    "proof": differs_from_autograd(product),
    "fails": "linearity",
    "diagnosis": "nonlinear",
    "input": "x",
}


@defect("16: the incoming gradient squared", **NONLINEAR)
def squared(wrong):
    return spoilt(lambda g: g * g if wrong else g)


@defect("17: the incoming gradient clamped", **NONLINEAR)
def clamped(wrong):
    return spoilt(lambda g: g.clamp(-1, 1) if wrong else g)


@defect("18: negative incoming gradients dropped", **NONLINEAR)
def negative_dropped(wrong):
    return spoilt(lambda g: g.relu() if wrong else g)


@defect(
    "19: a cross term between two outputs",
    inputs=two_matrices,
    proof=differs_from_autograd(lambda x, y: (x * y, x + y)),
    fails="linearity",
    diagnosis="nonlinear",
    input="x",
)
def cross_term(wrong):
    class ProductAndSum(Function):
        @staticmethod
        def forward(ctx, x, y):
            ctx.save_for_backward(x, y)
            return x * y, x + y

        @staticmethod
        def backward(ctx, grad_product, grad_sum):
            x, y = ctx.saved_tensors
            grad_x = grad_product * y + grad_sum
            if wrong:
                grad_x = grad_x + grad_product * grad_sum
            return grad_x, grad_product * x + grad_sum

    return ProductAndSum


@defect(
    "20: wrong for f(x, x)",
    inputs=two_matrices,
    proof=differs_from_autograd(product, at=lambda x, y: (x, x)),
    fails="aliasing",
)
def wrong_for_the_same_twice(wrong):
    class ByAddress(Multiply):
        @staticmethod
        def backward(ctx, grad_output):
            x, y = ctx.saved_tensors
            if wrong and x.data_ptr() == y.data_ptr():
                return grad_output * y, None
            return grad_output * y, grad_output * x

    return ByAddress


def _another_value_without_gradients(case: Case, inputs) -> bool:
    recorded = case.target.apply(*[x.requires_grad_() for x in inputs()])
    with torch.no_grad():
        return not torch.equal(case.target.apply(*inputs()), recorded)


@defect(
    "21: another value under no_grad",
    inputs=two_matrices,
    proof=_another_value_without_gradients,
    fails="grad-mode",
)
def another_value_without_gradients(wrong):
    class Fast(Multiply):
        @staticmethod
        def forward(ctx, x, y):
            ctx.save_for_backward(x, y)
            if wrong and not any(ctx.needs_input_grad):
                return x * (y + 0.1)
            return x * y

    return Fast


def _writes_the_mask(case: Case, inputs) -> bool:
    mask = inputs()[1]
    case.target.apply(inputs()[0], mask)
    return not torch.equal(mask, inputs()[1])


@defect(
    "22: writes a mask through NumPy",
    inputs=lambda: (*normal((3, 4)), torch.tensor([True, False, True, True])),
    proof=_writes_the_mask,
    fails="mutation",
    diagnosis="mutated",
)
def writes_a_buffer(wrong):
    class Masked(Function):
        @staticmethod
        def forward(ctx, x, mask):
            keep = mask if wrong else mask.clone()
            keep.numpy()[..., -1:] = False
            ctx.save_for_backward(keep)
            return x * keep

        @staticmethod
        def backward(ctx, grad_output):
            (keep,) = ctx.saved_tensors
            return grad_output * keep, None

    return Masked


@defect(
    "23: backward crashes on an empty batch",
    inputs=two_matrices,
    proof=raises(IndexError, at=lambda *_: normal((0, 4), (0, 4))),
    fails="sizes",
    diagnosis="crash",
)
def empty_batch(wrong):
    class Rows(Multiply):
        @staticmethod
        @once_differentiable
        def backward(ctx, grad_output):
            x, y = ctx.saved_tensors
            grad_x = torch.empty_like(y)
            for row in range(len(y)):
                grad_x[row] = grad_output[row] * y[row]
            if wrong:
                grad_x[0] = grad_output[0] * y[0]
            return grad_x, grad_output * x

    return Rows


@defect(
    "24: keeps ten times the memory",
    inputs=lambda: normal((30, 40), (30, 40)),
    proof=keeps_more_than(3),
    fails="memory",
    diagnosis="leak",
)
def ten_times_the_memory(wrong):
    class Hoarder(Multiply):
        @staticmethod
        def forward(ctx, x, y):
            powers = [x.detach() ** k for k in range(2, 20)] if wrong else []
            ctx.save_for_backward(x, y, *powers)
            return x * y

        @staticmethod
        def backward(ctx, grad_output):
            x, y, *_ = ctx.saved_tensors
            return grad_output * y, grad_output * x

    return Hoarder


@defect(
    "25: duplicate indices overwrite each other",
    inputs=lambda: (*normal((5, 4)), torch.tensor([2, 0, 3])),
    proof=differs_from_autograd(
        lambda x, index: x[index], at=lambda x, _: (x, torch.tensor([1, 1, 3]))
    ),
    fails="sizes",
    input="x",
)
def duplicate_indices(wrong):
    class Rows(Function):
        @staticmethod
        def forward(ctx, x, index):
            ctx.save_for_backward(index)
            ctx.shape = x.shape
            return x[index]

        @staticmethod
        def backward(ctx, grad_output):
            (index,) = ctx.saved_tensors
            grad_x = grad_output.new_zeros(ctx.shape)
            if wrong:
                return grad_x.index_copy(0, index, grad_output), None
            return grad_x.index_add(0, index, grad_output), None

    return Rows


@defect(
    "26: 0.09 % wrong everywhere",
    inputs=two_matrices,
    proof=differs_from_autograd(product),
    fails="gradient",
    diagnosis="scale",
    input="x",
)
def slightly_scaled(wrong):
    return spoilt(lambda g: g * 1.0009 if wrong else g)


@defect(
    "27: 9e-6 too much everywhere",
    inputs=two_matrices,
    proof=differs_from_autograd(product),
    fails=("linearity", "gradient"),
    input="x",
)
def slightly_shifted(wrong):
    class Shifted(Multiply):
        @staticmethod
        def backward(ctx, grad_output):
            x, y = ctx.saved_tensors
            grad_x = grad_output * y
            return grad_x + 9e-6 if wrong else grad_x, grad_output * x

    return Shifted
