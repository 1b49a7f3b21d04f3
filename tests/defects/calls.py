"""Other ways to write one and to be called: lists, ops, one dtype only, pooling."""

from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import torch
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional

import gradproof as gp
from tests.defects.corpus import Case, defect
from tests.defects.proofs import (
    a_matrix,
    backward_differs_from_autograd,
    differs_from_autograd,
    differs_from_jax,
    normal,
    normal_arrays,
    positive,
    two_matrices,
)


@defect(
    "tensors in a list, cut at the wrong place",
    inputs=lambda: normal((2, 3), (2, 4)),
    proof=differs_from_autograd(lambda a, b: torch.cat([a, b], 1)),
    fails="gradient",
    input="b",
)
def concatenation(wrong):
    class Concatenate(Function):
        @staticmethod
        def forward(ctx, *parts):
            ctx.widths = [part.shape[1] for part in parts]
            return torch.cat(parts, 1)

        @staticmethod
        def backward(ctx, grad_output):
            parts = grad_output.split(ctx.widths, 1)
            if wrong:
                parts = [*parts[:-1], grad_output[:, : ctx.widths[-1]]]
            return tuple(parts)

    def concatenate(a, b):
        return Concatenate.apply(a, b)

    return concatenate


@defect(
    "values and indices, where the index is one too far",
    inputs=a_matrix,
    proof=differs_from_autograd(lambda x: x.max(-1).values),
    fails="gradient",
    input="x",
)
def values_and_indices(wrong):
    class Maximum(Function):
        @staticmethod
        def forward(ctx, x):
            values, indices = x.max(-1)
            ctx.mark_non_differentiable(indices)
            ctx.save_for_backward(indices)
            ctx.shape = x.shape
            return values, indices

        @staticmethod
        def backward(ctx, grad_values, grad_indices):
            (indices,) = ctx.saved_tensors
            if wrong:
                indices = (indices + 1) % ctx.shape[-1]
            grad = grad_values.new_zeros(ctx.shape)
            return grad.scatter(-1, indices.unsqueeze(-1), grad_values.unsqueeze(-1))

    return Maximum


@defect(
    "float32 only, and a thousandth too large",
    inputs=lambda: [x.float() for x in two_matrices()],
    proof=differs_from_autograd(torch.mul, rtol=1e-5),
    fails="gradient",
    diagnosis="scale",
    input="x",
)
def single_only(wrong):
    class Multiply(Function):
        @staticmethod
        def forward(ctx, x, y):
            if x.dtype != torch.float32:
                raise TypeError("expected float32")
            ctx.save_for_backward(x, y)
            return x * y

        @staticmethod
        @once_differentiable
        def backward(ctx, grad_output):
            x, y = ctx.saved_tensors
            factor = 1.01 if wrong else 1
            return factor * grad_output * y, grad_output * x

    return Multiply


@defect(
    "bfloat16 only, and twice too large",
    inputs=lambda: [x.bfloat16() for x in two_matrices()],
    proof=differs_from_autograd(torch.mul, rtol=1e-2),
    fails="gradient",
    diagnosis="scale",
    input="x",
)
def half_only(wrong):
    class Multiply(Function):
        @staticmethod
        def forward(ctx, x, y):
            if x.dtype != torch.bfloat16:
                raise TypeError("expected bfloat16")
            ctx.save_for_backward(x, y)
            return x * y

        @staticmethod
        @once_differentiable
        def backward(ctx, grad_output):
            x, y = ctx.saved_tensors
            return (2 if wrong else 1) * grad_output * y, grad_output * x

    return Multiply


numbers = itertools.count()


@defect(
    "a library op whose gradient misses a factor",
    inputs=a_matrix,
    proof=differs_from_autograd(lambda x: torch.sin(2 * x)),
    fails="gradient",
    diagnosis="scale",
    input="x",
)
def library_op(wrong):
    @torch.library.custom_op(f"gradproof_corpus::sin{next(numbers)}", mutates_args=())
    def sine(x: torch.Tensor) -> torch.Tensor:
        return torch.sin(2 * x)

    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return (1 if wrong else 2) * grad_output * torch.cos(2 * x)

    sine.register_autograd(backward, setup_context=setup_context)
    return sine


@defect(
    "a reversal of the gradient that forgets its strength",
    inputs=a_matrix,
    proof=differs_from_autograd(lambda x: -0.1 * x),
    fails="gradient",
    diagnosis="scale",
    input="x",
)
def gradient_reversal(wrong):
    class Reverse(Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, grad_output):
            return -grad_output if wrong else -0.1 * grad_output

    return Case(Reverse, {"gradient_of": lambda x: -0.1 * x})


@defect(
    "a NumPy backward that works in the incoming gradient",
    inputs=lambda: normal_arrays((3, 4)),
    proof=lambda case, inputs: _writes_its_gradient(case, inputs),
    fails="mutation",
    diagnosis="mutated",
)
def numpy_in_place(wrong):
    def relu(x):
        return np.maximum(x, 0)

    def backward(grad_output, x):
        gradient = grad_output if wrong else grad_output.copy()
        gradient *= x > 0
        return gradient

    return Case(relu, {"backward": backward})


def _writes_its_gradient(case, inputs) -> bool:
    incoming = np.ones((3, 4))
    case.settings["backward"](incoming, *inputs())
    return not (incoming == 1).all()


@defect(
    "two inputs of a NumPy backward in the wrong order",
    inputs=lambda: normal_arrays((3, 4), (3, 4)),
    proof=backward_differs_from_autograd(lambda x, y: x * torch.exp(y)),
    fails="gradient",
    diagnosis="swapped",
)
def numpy_order(wrong):
    def scaled(x, log_scale):
        return x * np.exp(log_scale)

    def backward(grad_output, x, log_scale):
        grad_x = grad_output * np.exp(log_scale)
        grad_scale = grad_x * x
        return (grad_scale, grad_x) if wrong else (grad_x, grad_scale)

    return Case(scaled, {"backward": backward})


@defect(
    "a JAX softmax without its second term",
    inputs=lambda: [jnp.asarray(a) for a in normal_arrays((3, 4))],
    proof=differs_from_jax(lambda x: jax.nn.softmax(x, -1)),
    fails="gradient",
    input="x",
)
def jax_softmax(wrong):
    @jax.custom_vjp
    def softmax(x):
        return jax.nn.softmax(x, -1)

    def forward(x):
        output = softmax(x)
        return output, output

    def backward(output, grad_output):
        grad = output * grad_output
        return (grad if wrong else grad - output * grad.sum(-1, keepdims=True),)

    softmax.defvjp(forward, backward)
    return softmax


@defect(
    "a custom_jvp with a factor too many",
    inputs=lambda: [jnp.asarray(a) for a in normal_arrays((3, 4))],
    proof=differs_from_jax(lambda x: x * x),
    fails="gradient",
    diagnosis="scale",
    input="x",
)
def jax_jvp(wrong):
    @jax.custom_jvp
    def square(x):
        return x * x

    @square.defjvp
    def jvp(primals, tangents):
        (x,), (tangent,) = primals, tangents
        return square(x), (4 if wrong else 2) * x * tangent

    return square


@defect(
    "group norm that divides by the number of groups",
    inputs=lambda: normal((2, 6)),
    proof=differs_from_autograd(lambda x: functional.group_norm(x, 3)),
    fails="gradient",
    input="x",
)
def group_norm(wrong):
    def normalised(x):
        groups = x.reshape(len(x), 3, x.shape[1] // 3)
        centred = groups - groups.mean(-1, keepdim=True)
        rstd = torch.rsqrt((centred * centred).mean(-1, keepdim=True) + 1e-5)
        return centred * rstd, rstd

    class GroupNorm(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return normalised(x)[0].reshape(x.shape)

        @staticmethod
        def backward(ctx, grad_output):
            (x,) = ctx.saved_tensors
            normal, rstd = normalised(x)
            g = grad_output.reshape(normal.shape)
            count = 3 if wrong else normal.shape[-1]
            inner = g - g.sum(-1, keepdim=True) / count
            inner = inner - normal * (g * normal).sum(-1, keepdim=True) / count
            return (rstd * inner).reshape(x.shape)

    return GroupNorm


@defect(
    "max pooling that counts places within the window, not the image",
    inputs=lambda: normal((2, 8)),
    proof=differs_from_autograd(lambda x: functional.max_pool1d(x, 2)),
    fails="gradient",
    input="x",
)
def max_pooling(wrong):
    class MaxPool(Function):
        @staticmethod
        def forward(ctx, x):
            output, at = functional.max_pool1d(x, 2, return_indices=True)
            ctx.save_for_backward(at % 2 if wrong else at)
            ctx.shape = x.shape
            return output

        @staticmethod
        def backward(ctx, grad_output):
            (at,) = ctx.saved_tensors
            return grad_output.new_zeros(ctx.shape).scatter_add(-1, at, grad_output)

    return MaxPool


@defect(
    "the logarithm of a determinant without the transpose",
    inputs=lambda: [3 * torch.eye(3, dtype=torch.float64) + normal((3, 3))[0]],
    proof=differs_from_autograd(torch.logdet),
    fails="gradient",
    diagnosis="transposed",
    input="x",
)
def log_determinant(wrong):
    """Right for the symmetric matrices that it is mostly used on."""

    class LogDeterminant(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return torch.logdet(x)

        @staticmethod
        def backward(ctx, grad_output):
            (x,) = ctx.saved_tensors
            inverse = torch.linalg.inv(x)
            return grad_output * (inverse if wrong else inverse.mT)

    return LogDeterminant


@defect(
    "a root of a symmetric matrix that divides by one eigenvalue, not by two",
    inputs=lambda: [
        (lambda a: a @ a.T + torch.eye(3, dtype=torch.float64))(normal((3, 3))[0])
    ],
    proof=differs_from_autograd(lambda x: symmetric_root(x)),
    fails="gradient",
    input="x",
)
def matrix_root(wrong):
    class Root(Function):
        @staticmethod
        def forward(ctx, x):
            values, vectors = torch.linalg.eigh((x + x.mT) / 2)
            ctx.save_for_backward(values, vectors)
            return (vectors * values.sqrt()) @ vectors.mT

        @staticmethod
        @once_differentiable
        def backward(ctx, grad_output):
            values, vectors = ctx.saved_tensors
            root = values.sqrt()
            total = 2 * root.unsqueeze(0) if wrong else root.unsqueeze(1) + root
            inner = vectors.mT @ grad_output.to(vectors.dtype) @ vectors / total
            grad = vectors @ inner @ vectors.mT
            return (grad + grad.mT) / 2

    return Root


def symmetric_root(x):
    values, vectors = torch.linalg.eigh((x + x.mT) / 2)
    return (vectors * values.sqrt()) @ vectors.mT


@defect(
    "a rule whose result is transposed, as a gp.function",
    inputs=lambda: normal_arrays((3, 4), (2, 4)),
    proof=lambda case, inputs: _is_refused(case, inputs),
    fails=("shape", "gradient", "linearity"),
    diagnosis="transposed",
    input="weight",
)
def transposed_rule(wrong):
    @gp.function
    def product(x, weight):
        return x @ weight.T

    @product.gradient("x")
    def grad_x(grad_output, weight):
        return grad_output @ weight

    @product.gradient("weight")
    def grad_weight(grad_output, x):
        return x.T @ grad_output if wrong else grad_output.T @ x

    return product


def _is_refused(case, inputs) -> bool:
    """The gradient of a (2, 4) weight has shape (2, 4)."""
    try:
        gradients = case.target.gradients(*inputs(), grad_output=np.ones((3, 2)))
    except gp.GradproofError:
        return True
    return gradients.weight.shape != (2, 4)


@defect(
    "a Huber loss whose slope keeps growing",
    inputs=lambda: [3 * x for x in two_matrices()],
    proof=differs_from_autograd(lambda x, y: functional.huber_loss(x, y)),
    fails="gradient",
    input="prediction",
)
def huber(wrong):
    class Huber(Function):
        @staticmethod
        def forward(ctx, prediction, target):
            ctx.save_for_backward(prediction, target)
            return functional.huber_loss(prediction, target)

        @staticmethod
        def backward(ctx, grad_output):
            prediction, target = ctx.saved_tensors
            gap = prediction - target
            slope = grad_output * gap.clamp(-1, 1) / gap.numel()
            steep = grad_output * gap / gap.numel()
            return steep if wrong else slope, -slope

    return Huber


@defect(
    "dropout whose gradient is not scaled",
    inputs=lambda: normal((5, 6)),
    proof=differs_from_autograd(
        lambda module, x: _dropped_like(x), at=lambda x: (x,), incoming=None
    ),
    fails="gradient",
    diagnosis="scale",
    input="x",
)
def dropout(wrong):
    class Drop(Function):
        @staticmethod
        def forward(ctx, x, generator_seed):
            keep = _mask(x)
            ctx.save_for_backward(keep)
            return x * keep * 2

        @staticmethod
        def backward(ctx, grad_output):
            (keep,) = ctx.saved_tensors
            return grad_output * keep * (1 if wrong else 2), None

    class Dropout(torch.nn.Module):
        def forward(self, x):
            return Drop.apply(x, 0)

    return Dropout()


def _mask(x):
    torch.manual_seed(0)
    return torch.rand(x.shape) < 0.5


def _dropped_like(x):
    return x * _mask(x) * 2


@defect(
    "a convolution in two dimensions whose gradient swaps height and width",
    inputs=lambda: normal((1, 1, 5, 5), (1, 1, 3, 3)),
    proof=differs_from_autograd(functional.conv2d),
    fails="gradient",
    diagnosis="transposed",
    input="weight",
)
def height_and_width(wrong):
    class Conv2d(Function):
        @staticmethod
        def forward(ctx, x, weight):
            ctx.save_for_backward(x, weight)
            return functional.conv2d(x, weight)

        @staticmethod
        def backward(ctx, grad_output):
            x, weight = ctx.saved_tensors
            grad_output = grad_output.to(weight.dtype)
            grad_x = torch.nn.grad.conv2d_input(x.shape, weight, grad_output)
            grad_weight = torch.nn.grad.conv2d_weight(x, weight.shape, grad_output)
            return grad_x, grad_weight.mT if wrong else grad_weight

    return Conv2d


@defect(
    "weighted mean whose weights are taken for normalised",
    inputs=lambda: [*normal((3, 4)), *positive((4,))],
    proof=differs_from_autograd(lambda x, w: (x * w).sum(-1) / w.sum()),
    fails="gradient",
    input="weight",
)
def weighted_mean(wrong):
    class WeightedMean(Function):
        @staticmethod
        def forward(ctx, x, weight):
            mean = (x * weight).sum(-1) / weight.sum()
            ctx.save_for_backward(x, weight, mean)
            return mean

        @staticmethod
        @once_differentiable
        def backward(ctx, grad_output):
            x, weight, mean = ctx.saved_tensors
            g = grad_output / weight.sum()
            grad_x = (g.unsqueeze(-1) * weight).expand(x.shape)
            grad_weight = (g.unsqueeze(-1) * x).sum_to_size(weight.shape)
            return grad_x, grad_weight if wrong else grad_weight - (g * mean).sum()

    return WeightedMean


@defect(
    "a backward that reads the parameter from its module",
    inputs=lambda: normal((4, 3)),
    proof=differs_from_autograd(lambda module, x: x * module.weight),
    fails="gradient",
    input="x",
)
def parameter_read_in_backward(wrong):
    class Scale(Function):
        @staticmethod
        def forward(ctx, x, weight, module):
            ctx.save_for_backward(x)
            ctx.module = module
            return x * weight

        @staticmethod
        def backward(ctx, grad_output):
            (x,) = ctx.saved_tensors
            weight = ctx.module.weight
            grad_x = grad_output * (weight.abs() if wrong else weight)
            return grad_x, (grad_output * x).sum(0), None

    class Layer(torch.nn.Module):
        def __init__(self):
            super().__init__()
            start = torch.tensor([1.0, -2.0, 3.0], dtype=torch.float64)
            self.weight = torch.nn.Parameter(start)

        def forward(self, x):
            return Scale.apply(x, self.weight, self)

    return Layer()


@defect(
    "a single-precision factor that is not differentiated",
    inputs=lambda: [
        normal((4, 3), dtype=torch.float32)[0].requires_grad_(),
        *normal((3,), seed=1, dtype=torch.float32),
    ],
    proof=differs_from_autograd(torch.mul, rtol=1e-5),
    fails="gradient",
    input="x",
)
def single_factor(wrong):
    class Scale(Function):
        @staticmethod
        def forward(ctx, x, factor):
            ctx.save_for_backward(factor)
            return x * factor

        @staticmethod
        def backward(ctx, grad_output):
            (factor,) = ctx.saved_tensors
            zeros = torch.zeros_like(factor)
            # An output in the factor's own dtype, as one that hands it through has.
            return (zeros + (factor**2 if wrong else factor)) * grad_output, None

    return Scale


@defect(
    "an output that was computed elsewhere and comes as an input",
    inputs=lambda: [
        normal((4, 3), dtype=torch.float32)[0].requires_grad_(),
        *normal((4, 3), seed=1, dtype=torch.float32),
    ],
    proof=differs_from_autograd(lambda x, _: x, rtol=1e-5),
    fails="gradient",
    diagnosis="scale",
    input="x",
)
def stitched(wrong):
    class Stitch(Function):
        @staticmethod
        def forward(ctx, x, output):
            return output.clone()

        @staticmethod
        def backward(ctx, grad_output):
            return grad_output * (2 if wrong else 1), None

    return Case(Stitch, {"gradient_of": lambda x, output: x})
