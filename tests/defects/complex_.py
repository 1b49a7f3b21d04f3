"""Complex numbers: a conjugate forgotten, or one too many."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import torch
from torch.autograd import Function

from tests.defects.corpus import defect
from tests.defects.proofs import differs_from_autograd, differs_from_jax, normal


def two_complex():
    return normal((3, 4), (3, 4), dtype=torch.complex128)


@defect(
    "a complex product without conjugates",
    inputs=two_complex,
    proof=differs_from_autograd(torch.mul),
    fails="gradient",
    diagnosis="conjugated",
    input="x",
)
def product(wrong):
    class Multiply(Function):
        @staticmethod
        def forward(ctx, x, y):
            ctx.save_for_backward(x, y)
            return x * y

        @staticmethod
        def backward(ctx, grad_output):
            x, y = ctx.saved_tensors
            grad_x = grad_output * (y if wrong else y.conj())
            return grad_x, grad_output * x.conj()

    return Multiply


@defect(
    "the absolute value of a complex number",
    inputs=lambda: normal((3, 4), dtype=torch.complex128),
    proof=differs_from_autograd(torch.abs),
    fails="gradient",
    diagnosis="conjugated",
    input="z",
)
def absolute(wrong):
    class Absolute(Function):
        @staticmethod
        def forward(ctx, z):
            ctx.save_for_backward(z)
            return z.abs()

        @staticmethod
        def backward(ctx, grad_output):
            (z,) = ctx.saved_tensors
            return grad_output * torch.sgn(z.conj() if wrong else z)

    return Absolute


@defect(
    "a conjugate whose gradient is not conjugated",
    inputs=lambda: normal((3, 4), dtype=torch.complex128),
    proof=differs_from_autograd(torch.conj_physical),
    fails="gradient",
    diagnosis="conjugated",
    input="z",
)
def conjugate(wrong):
    class Conjugate(Function):
        @staticmethod
        def forward(ctx, z):
            return z.conj().resolve_conj()

        @staticmethod
        def backward(ctx, grad_output):
            return grad_output if wrong else grad_output.conj().resolve_conj()

    return Conjugate


@defect(
    "a complex matrix product transposed, not conjugated",
    inputs=lambda: normal((3, 4), (4, 2), dtype=torch.complex128),
    proof=differs_from_autograd(torch.matmul),
    fails="gradient",
    input="x",
)
def matrix_product(wrong):
    class Product(Function):
        @staticmethod
        def forward(ctx, x, y):
            ctx.save_for_backward(x, y)
            return x @ y

        @staticmethod
        def backward(ctx, grad_output):
            x, y = ctx.saved_tensors
            return grad_output @ (y.mT if wrong else y.mH), x.mH @ grad_output

    return Product


@defect(
    "a JAX rule that conjugates as torch does",
    inputs=lambda: [
        jnp.asarray(z.numpy()).astype(jnp.complex64)
        for z in normal((3, 4), dtype=torch.complex128)
    ],
    proof=differs_from_jax(lambda z: z * z),
    fails="gradient",
    diagnosis="conjugated",
    input="z",
)
def jax_square(wrong):
    @jax.custom_vjp
    def square(z):
        return z * z

    def backward(z, grad_output):
        return (2 * grad_output * (jnp.conj(z) if wrong else z),)

    square.defvjp(lambda z: (z * z, z), backward)
    return square
