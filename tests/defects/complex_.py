"""Complex numbers: a conjugate forgotten, or one too many."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import torch
from torch.autograd import Function

from tests.defects.corpus import defect
from tests.defects.proofs import (
    differs_from_autograd,
    differs_from_jax,
    gradients,
    normal,
    some_incoming,
)


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


SINGLE = {torch.float64: torch.float32, torch.complex128: torch.complex64}


def _imprecise_in_single(plain):
    """The gradient of single numbers is far from that of double ones."""

    def proof(case, inputs):
        low = [x.to(SINGLE[x.dtype]) for x in inputs()]
        high = [x.to(y.dtype) for x, y in zip(low, inputs(), strict=True)]

        def incoming(outputs):
            drawn = some_incoming([o.to(torch.complex128) for o in outputs])
            singles = [g.to(torch.complex64) for g in drawn]
            return [g.to(o.dtype) for g, o in zip(singles, outputs, strict=True)]

        (true,) = gradients(None, plain, high, incoming)
        (ours,) = gradients(None, case.target, low, incoming)
        return bool((ours - true).abs().max() > 1e-4 * true.abs().max())

    return proof


@defect(
    "the imaginary part of an incoming gradient rounded to bfloat16",
    inputs=lambda: normal((3, 4)),
    proof=_imprecise_in_single(lambda x: torch.complex(x, x * x)),
    fails="precision",
    diagnosis="low-precision",
    input="x",
)
def rounded_imaginary_part(wrong):
    class Curve(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return torch.complex(x, x * x)

        @staticmethod
        def backward(ctx, grad_output):
            (x,) = ctx.saved_tensors
            imaginary = grad_output.imag
            if wrong and x.dtype == torch.float32:
                imaginary = imaginary.bfloat16().float()
            return grad_output.real + 2 * x * imaginary

    return Curve


@defect(
    "a complex gradient whose imaginary part is rounded in single precision",
    inputs=lambda: normal((3, 4), dtype=torch.complex128),
    proof=_imprecise_in_single(torch.square),
    fails="precision",
    diagnosis="low-precision",
    input="z",
)
def rounded_complex_gradient(wrong):
    class Square(Function):
        @staticmethod
        def forward(ctx, z):
            ctx.save_for_backward(z)
            return z * z

        @staticmethod
        def backward(ctx, grad_output):
            (z,) = ctx.saved_tensors
            grad = grad_output * 2 * z.conj()
            if wrong and z.dtype == torch.complex64:
                grad = torch.complex(grad.real, grad.imag.bfloat16().float())
            return grad

    return Square
