"""What one call leaves for another: overwritten, cached, drawn again, counted twice."""

from __future__ import annotations

import torch
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional

from tests.defects.corpus import Case, defect
from tests.defects.proofs import (
    a_matrix,
    call,
    differs_from_autograd,
    normal,
    two_matrices,
    writes,
    wrong_after_other_calls,
    wrong_the_second_time,
)


@defect(
    "a cross entropy that writes its gradient into the saved logits",
    inputs=lambda: [*normal((3, 4)), torch.tensor([1, 0, 3])],
    proof=wrong_the_second_time,
    fails=("repeat", "mutation"),
)
def gradient_into_logits(wrong):
    class CrossEntropy(Function):
        @staticmethod
        def forward(ctx, logits, target):
            ctx.save_for_backward(logits, target)
            return functional.cross_entropy(logits, target)

        @staticmethod
        @once_differentiable
        def backward(ctx, grad_output):
            logits, target = ctx.saved_tensors
            grad = logits.data if wrong else logits.clone()
            grad.copy_(torch.softmax(grad, 1))
            grad[torch.arange(len(target)), target] -= 1
            return grad.mul_(grad_output / len(target)), None

    return CrossEntropy


@defect(
    "an in-place activation that takes the sign of what it wrote",
    inputs=a_matrix,
    proof=differs_from_autograd(
        lambda x: functional.leaky_relu(x, -0.5), at=lambda x: (x,)
    ),
    fails="gradient",
    input="x",
)
def sign_of_what_it_wrote(wrong):
    class LeakyReLU(Function):
        @staticmethod
        def forward(ctx, x):
            output = functional.leaky_relu(x, -0.5)
            ctx.save_for_backward(output if wrong else x)
            return output

        @staticmethod
        @once_differentiable
        def backward(ctx, grad_output):
            (kept,) = ctx.saved_tensors
            return torch.where(kept > 0, grad_output, -0.5 * grad_output)

    return LeakyReLU


@defect(
    "an activation in place that does not say so",
    inputs=a_matrix,
    proof=writes(),
    fails="mutation",
    diagnosis="mutated",
    input="x",
)
def undeclared_in_place(wrong):
    class ReLU(Function):
        @staticmethod
        def forward(ctx, x):
            output = x.detach() if wrong else x.clone()
            output.clamp_(min=0)
            output = output.clone()
            ctx.save_for_backward(output)
            return output

        @staticmethod
        @once_differentiable
        def backward(ctx, grad_output):
            (output,) = ctx.saved_tensors
            return grad_output * (output > 0)

    return ReLU


def _another_mask(case: Case, inputs) -> bool:
    """What was dropped from the output gets a gradient."""
    x = (inputs()[0] + 5).requires_grad_()
    torch.manual_seed(0)
    (output,) = call(case.target, x)
    (gradient,) = torch.autograd.grad(output.sum(), x)
    return not torch.equal(gradient == 0, output == 0)


@defect(
    "a checkpoint that draws another dropout mask",
    inputs=a_matrix,
    proof=_another_mask,
    fails=("gradient", "repeat"),
)
def another_dropout_mask(wrong):
    class Checkpoint(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x, torch.get_rng_state())
            return torch.nn.functional.dropout(torch.tanh(x), 0.5)

        @staticmethod
        @once_differentiable
        def backward(ctx, grad_output):
            x, state = ctx.saved_tensors
            with torch.enable_grad(), torch.random.fork_rng(enabled=not wrong):
                x = x.detach().requires_grad_()
                if not wrong:
                    torch.set_rng_state(state)
                output = torch.nn.functional.dropout(torch.tanh(x), 0.5)
            return torch.autograd.grad(output, x, grad_output)

    return Checkpoint


@defect(
    "a recomputation that updates running statistics again",
    inputs=lambda: normal((5, 3)),
    proof=writes(stage="backward"),
    fails="mutation",
    diagnosis="mutated",
)
def statistics_twice(wrong):
    class Recomputed(Function):
        @staticmethod
        def forward(ctx, x, mean):
            ctx.save_for_backward(x)
            ctx.mean = mean
            mean.lerp_(x.detach().mean(0).to(mean.dtype), 0.1)
            return x - x.mean(0)

        @staticmethod
        @once_differentiable
        def backward(ctx, grad_output):
            (x,) = ctx.saved_tensors
            if wrong:
                ctx.mean.lerp_(x.mean(0).to(ctx.mean.dtype), 0.1)
            return grad_output - grad_output.mean(0), None

    class Centre(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("running_mean", torch.zeros(3))

        def forward(self, x):
            return Recomputed.apply(x, self.running_mean)

    return Centre()


@defect(
    "an adjoint that is computed once and kept",
    inputs=a_matrix,
    proof=wrong_after_other_calls(torch.exp),
    fails=("repeat", "gradient"),
    diagnosis="stateful",
    input="x",
)
def kept_adjoint(wrong):
    kept = {}

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
            key = (output.shape, output.dtype)
            if wrong:
                output = kept.setdefault(key, output.clone())
            return grad_output * output

    return Exp


@defect(
    "a buffer of gradients that is added to, never cleared",
    inputs=two_matrices,
    proof=wrong_the_second_time,
    fails="repeat",
    diagnosis="stateful",
)
def added_to(wrong):
    class Multiply(Function):
        @staticmethod
        def forward(ctx, x, y):
            ctx.save_for_backward(x, y, torch.zeros_like(x))
            return x * y

        @staticmethod
        @once_differentiable
        def backward(ctx, grad_output):
            x, y, total = ctx.saved_tensors
            total = total.data if wrong else total.clone()
            total += grad_output * y
            return total.clone(), grad_output * x

    return Multiply


@defect(
    "a backward that frees what it was given",
    inputs=two_matrices,
    proof=wrong_the_second_time,
    fails="repeat",
    diagnosis="crash",
)
def freed(wrong):
    class Multiply(Function):
        @staticmethod
        def forward(ctx, x, y):
            ctx.inputs = (x.detach(), y.detach())
            return x * y

        @staticmethod
        @once_differentiable
        def backward(ctx, grad_output):
            x, y = ctx.inputs
            if wrong:
                ctx.inputs = None
            return grad_output * y, grad_output * x

    return Multiply


@defect(
    "a workspace that grows and is not cleared",
    inputs=a_matrix,
    proof=wrong_after_other_calls(lambda x: x.cumsum(-1)),
    fails=("repeat", "gradient", "linearity"),
)
def not_cleared(wrong):
    workspace = {}

    class CumulativeSum(Function):
        @staticmethod
        def forward(ctx, x):
            return x.cumsum(-1)

        @staticmethod
        @once_differentiable
        def backward(ctx, grad_output):
            key = (grad_output.shape, grad_output.dtype)
            total = workspace.setdefault(key, torch.zeros_like(grad_output))
            if not wrong:
                total.zero_()
            total += grad_output.flip(-1).cumsum(-1).flip(-1)
            return total.clone()

    return CumulativeSum
