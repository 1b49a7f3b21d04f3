"""A forward that iterates, and a gradient of something else than where it stops."""

from __future__ import annotations

import torch
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from tests.defects.corpus import defect
from tests.defects.proofs import differs_from_autograd, normal, positive


@defect(
    "a fixed point differentiated through its last step only",
    inputs=lambda: normal((3,)),
    proof=differs_from_autograd(lambda x: fixed_point(x)),
    fails="gradient",
    input="x",
)
def last_step(wrong):
    class FixedPoint(Function):
        @staticmethod
        def forward(ctx, x):
            z = fixed_point(x)
            ctx.save_for_backward(z)
            return z

        @staticmethod
        @once_differentiable
        def backward(ctx, grad_output):
            (z,) = ctx.saved_tensors
            slope = 1 - z * z
            return grad_output * slope / (1 if wrong else 1 - 0.5 * slope)

    return FixedPoint


def fixed_point(x):
    """z = tanh(z/2 + x)."""
    z = torch.zeros_like(x)
    for _ in range(80):
        z = torch.tanh(z / 2 + x)
    return z


@defect(
    "a root that has not converged, with the gradient of one that has",
    inputs=lambda: [4 * x for x in positive((3, 4))],
    proof=differs_from_autograd(lambda x: torch.sqrt(x)),
    fails="gradient",
    input="x",
)
def not_converged(wrong):
    """The forward is what is wrong, and the gradient is held against it."""
    steps = 2 if wrong else 40

    class Root(Function):
        @staticmethod
        def forward(ctx, x):
            root = (1 + x) / 2
            for _ in range(steps):
                root = (root + x / root) / 2
            ctx.save_for_backward(root)
            return root

        @staticmethod
        @once_differentiable
        def backward(ctx, grad_output):
            (root,) = ctx.saved_tensors
            return grad_output / (2 * root)

    return Root
