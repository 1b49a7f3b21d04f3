"""A wrong formula: a factor, a sign, a missing term, a transpose, the wrong slot."""

from __future__ import annotations

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
    gradients_of_function,
    normal,
    normal_arrays,
    positive,
    two_matrices,
)


@defect(
    "softmax without the sum over the row",
    inputs=a_matrix,
    proof=differs_from_autograd(lambda x: torch.softmax(x, -1)),
    fails="gradient",
    input="x",
)
def softmax(wrong):
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
            if wrong:
                return grad - output * output * grad_output
            return grad - output * grad.sum(-1, keepdim=True)

    return Softmax


@defect(
    "a mean divided by the size of its result",
    inputs=a_matrix,
    proof=differs_from_autograd(lambda x: x.mean(1)),
    fails="gradient",
    diagnosis="scale",
    input="x",
)
def mean(wrong):
    class Mean(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.shape = x.shape
            return x.mean(1)

        @staticmethod
        def backward(ctx, grad_output):
            count = ctx.shape[0 if wrong else 1]
            return (grad_output / count).unsqueeze(1).expand(ctx.shape)

    return Mean


@defect(
    "layer norm without the term of the variance",
    inputs=lambda: normal((3, 4), (4,), (4,)),
    proof=differs_from_autograd(lambda x, w, b: functional.layer_norm(x, (4,), w, b)),
    fails="gradient",
    input="x",
)
def layer_norm(wrong):
    def normalised(x):
        centred = x - x.mean(-1, keepdim=True)
        rstd = torch.rsqrt((centred * centred).mean(-1, keepdim=True) + 1e-5)
        return centred * rstd, rstd

    class LayerNorm(Function):
        @staticmethod
        def forward(ctx, x, weight, bias):
            ctx.save_for_backward(x, weight)
            return normalised(x)[0] * weight + bias

        @staticmethod
        def backward(ctx, grad_output):
            x, weight = ctx.saved_tensors
            normal, rstd = normalised(x)
            g = grad_output * weight
            inner = g - g.mean(-1, keepdim=True)
            if not wrong:
                inner = inner - normal * (g * normal).mean(-1, keepdim=True)
            grad_weight = (grad_output * normal).sum_to_size(weight.shape)
            return rstd * inner, grad_weight, grad_output.sum_to_size(weight.shape)

    return LayerNorm


@defect(
    "rms norm with the root mean square of the wrong power",
    inputs=lambda: normal((3, 4), (4,)),
    proof=differs_from_autograd(lambda x, w: functional.rms_norm(x, (4,), w, 1e-6)),
    fails="gradient",
    input="x",
)
def rms_norm(wrong):
    class RMSNorm(Function):
        @staticmethod
        def forward(ctx, x, weight):
            rstd = torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-6)
            ctx.save_for_backward(x, weight, rstd)
            return x * rstd * weight

        @staticmethod
        @once_differentiable
        def backward(ctx, grad_output):
            x, weight, rstd = ctx.saved_tensors
            g = grad_output * weight
            power = 2 if wrong else 3
            shared = (g * x).mean(-1, keepdim=True)
            grad_weight = (grad_output * x * rstd).sum_to_size(weight.shape)
            return g * rstd - x * shared * rstd**power, grad_weight

    return RMSNorm


@defect(
    "half of a cross term",
    inputs=lambda: [*positive((3,), (3,), (3,)), *normal((3,), (3,))],
    proof=differs_from_autograd(
        lambda a, b, c, x, y: torch.exp(-0.5 * (a * x * x + c * y * y) - b * x * y)
    ),
    fails="gradient",
    diagnosis="scale",
    input="b",
)
def splat(wrong):
    """Of a Gaussian splat, whose conic has its middle entry twice."""

    class Splat(Function):
        @staticmethod
        def forward(ctx, a, b, c, x, y):
            output = torch.exp(-0.5 * (a * x * x + c * y * y) - b * x * y)
            ctx.save_for_backward(a, b, c, x, y, output)
            return output

        @staticmethod
        def backward(ctx, grad_output):
            a, b, c, x, y, output = ctx.saved_tensors
            g = -grad_output * output
            half = 0.5 if wrong else 1.0
            return (
                0.5 * g * x * x,
                half * g * x * y,
                0.5 * g * y * y,
                g * (a * x + b * y),
                g * (c * y + b * x),
            )

    return Splat


@defect(
    "sin for -sin, as in the documentation",
    inputs=lambda: [jnp.asarray(a) for a in normal_arrays((3, 4))],
    proof=differs_from_jax(jnp.cos),
    fails="gradient",
    diagnosis="sign",
    input="x",
)
def jax_cos(wrong):
    @jax.custom_vjp
    def cos(x):
        return jnp.cos(x)

    def backward(x, grad_output):
        sine = jnp.sin(x)
        return (grad_output * (sine if wrong else -sine),)

    cos.defvjp(lambda x: (jnp.cos(x), x), backward)
    return cos


@defect(
    "an adjoint that runs forwards in time",
    inputs=lambda: normal_arrays((3,), (4, 3, 3)),
    proof=backward_differs_from_autograd(
        lambda state, rates: (
            (torch.eye(3) + 0.1 * rates[3])
            @ (torch.eye(3) + 0.1 * rates[2])
            @ (torch.eye(3) + 0.1 * rates[1])
            @ (torch.eye(3) + 0.1 * rates[0])
            @ state
        )
    ),
    fails="gradient",
    input="state",
)
def adjoint_of_euler(wrong):
    """It is right as long as the system does not change with time."""

    def states(state, rates):
        seen = [state]
        for rate in rates:
            seen.append(seen[-1] + 0.1 * rate @ seen[-1])
        return seen

    def euler(state, rates):
        return states(state, rates)[-1]

    def backward(grad_output, state, rates):
        seen = states(state, rates)
        grad_rates = np.empty_like(rates)
        adjoint = grad_output
        for step in reversed(range(len(rates))):
            grad_rates[step] = 0.1 * np.outer(adjoint, seen[step])
            adjoint = adjoint + 0.1 * rates[step].T @ adjoint
        if wrong:
            adjoint = grad_output
            for rate in rates:
                adjoint = adjoint + 0.1 * rate.T @ adjoint
        return adjoint, grad_rates

    return Case(euler, {"backward": backward})


@defect(
    "linear attention without the gradient of its denominator",
    inputs=lambda: positive((5, 3), (5, 3), (5, 4)),
    proof=differs_from_autograd(
        lambda q, k, v: (q @ k.T @ v) / (q @ k.sum(0)).unsqueeze(-1)
    ),
    fails="gradient",
    input="k",
)
def linear_attention(wrong):
    def attend(q, k, v):
        total = k.detach().sum(0) if wrong else k.sum(0)
        return (q @ (k.mT @ v)) / (q @ total).unsqueeze(-1)

    return Case(
        attend,
        {"reference": lambda q, k, v: (q @ (k.mT @ v)) / (q @ k.sum(0)).unsqueeze(-1)},
    )


@defect(
    "a fast path that is detached from its input",
    inputs=lambda: normal((3, 4), (4,)),
    proof=differs_from_autograd(lambda x, w: functional.layer_norm(x, (4,), w)),
    fails="gradient",
    diagnosis="missing",
    input="x",
)
def detached_path(wrong):
    def layer_norm(x, weight):
        x = x.detach() if wrong else x
        return functional.layer_norm(x, x.shape[-1:], weight)

    return layer_norm


@defect(
    "a transpose too many in the gradient of an inverse",
    inputs=lambda: [torch.eye(3, dtype=torch.float64) * 3 + normal((3, 3))[0]],
    proof=differs_from_autograd(torch.linalg.inv),
    fails="gradient",
    diagnosis="transposed",
    input="x",
)
def inverse(wrong):
    """It is right where the incoming gradient is symmetric."""

    class Inverse(Function):
        @staticmethod
        def forward(ctx, x):
            output = torch.linalg.inv(x)
            ctx.save_for_backward(output)
            return output

        @staticmethod
        def backward(ctx, grad_output):
            (output,) = ctx.saved_tensors
            grad_output = grad_output.mT if wrong else grad_output
            return -output.mT @ grad_output @ output.mT

    return Inverse


@defect(
    "relu with its two operands exchanged",
    inputs=a_matrix,
    proof=differs_from_autograd(torch.relu),
    fails=("linearity", "gradient"),
    input="x",
)
def relu(wrong):
    def relu_backward(grad_output, x):
        return grad_output * (x > 0)

    class ReLU(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return torch.relu(x)

        @staticmethod
        def backward(ctx, grad_output):
            (x,) = ctx.saved_tensors
            if wrong:
                return relu_backward(x, grad_output)
            return relu_backward(grad_output, x)

    return ReLU


@defect(
    "swiglu with its two gradients exchanged",
    inputs=two_matrices,
    proof=differs_from_autograd(lambda gate, up: functional.silu(gate) * up),
    fails="gradient",
    diagnosis="swapped",
    input="gate",
)
def swiglu(wrong):
    class SwiGLU(Function):
        @staticmethod
        def forward(ctx, gate, up):
            ctx.save_for_backward(gate, up)
            return functional.silu(gate) * up

        @staticmethod
        def backward(ctx, grad_output):
            gate, up = ctx.saved_tensors
            sigmoid = torch.sigmoid(gate)
            grad_up = grad_output * gate * sigmoid
            grad_gate = grad_output * up * sigmoid * (1 + gate * (1 - sigmoid))
            return (grad_up, grad_gate) if wrong else (grad_gate, grad_up)

    return SwiGLU


@defect(
    "a likelihood with the gradient of its logits, not of its log-probabilities",
    inputs=lambda: [
        torch.log_softmax(normal((3, 4))[0], -1),
        torch.tensor([1, 0, 3]),
    ],
    proof=differs_from_autograd(lambda x, target: functional.nll_loss(x, target)),
    fails="gradient",
    input="log_probs",
)
def likelihood(wrong):
    """It is right behind log_softmax, which projects the error out."""

    class NegativeLogLikelihood(Function):
        @staticmethod
        def forward(ctx, log_probs, target):
            ctx.save_for_backward(log_probs, target)
            return -log_probs.gather(1, target.unsqueeze(1)).mean()

        @staticmethod
        def backward(ctx, grad_output):
            log_probs, target = ctx.saved_tensors
            hot = functional.one_hot(target, log_probs.shape[1]).to(log_probs.dtype)
            grad = log_probs.exp() - hot if wrong else -hot
            return grad_output * grad / len(target), None

    return NegativeLogLikelihood


@defect(
    "batch norm in eval mode with the gradient of training",
    inputs=lambda: normal((5, 3)),
    proof=differs_from_autograd(
        lambda module, x: functional.batch_norm(x, module.mean, module.variance)
    ),
    fails="gradient",
    input="x",
)
def batch_norm(wrong):
    class Normalise(Function):
        @staticmethod
        def forward(ctx, x, mean, variance):
            rstd = torch.rsqrt(variance + 1e-5)
            ctx.save_for_backward(x, mean, rstd)
            return (x - mean) * rstd

        @staticmethod
        @once_differentiable
        def backward(ctx, grad_output):
            x, mean, rstd = ctx.saved_tensors
            grad = grad_output * rstd
            if wrong:
                normal = (x - mean) * rstd
                grad = grad - grad.mean(0) - normal * (grad * normal).mean(0)
            return grad, None, None

    class BatchNorm(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("mean", normal((3,), seed=5)[0])
            self.register_buffer("variance", positive((3,))[0])

        def forward(self, x):
            return Normalise.apply(x, self.mean, self.variance)

    return BatchNorm().eval()


@defect(
    "straight-through rounding that forgets where it clamps",
    inputs=lambda: [3 * x for x in normal((3, 4))],
    proof=differs_from_autograd(lambda x: x.clamp(-2, 2)),
    fails="gradient",
    input="x",
)
def straight_through(wrong):
    class Quantise(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x.clamp(-2, 2).round()

        @staticmethod
        def backward(ctx, grad_output):
            (x,) = ctx.saved_tensors
            inside = (x.abs() <= 2) | wrong
            return grad_output * inside

    return Case(Quantise, {"gradient_of": lambda x: x.clamp(-2, 2)})


@defect(
    "attention whose keys miss the scale",
    inputs=lambda: normal((5, 3), (5, 3), (5, 4)),
    proof=differs_from_autograd(functional.scaled_dot_product_attention),
    fails="gradient",
    diagnosis="scale",
    input="k",
)
def attention(wrong):
    class Attention(Function):
        @staticmethod
        def forward(ctx, q, k, v):
            scale = q.shape[-1] ** -0.5
            weights = torch.softmax(scale * q @ k.mT, -1)
            ctx.save_for_backward(q, k, v, weights)
            return weights.to(v.dtype) @ v

        @staticmethod
        @once_differentiable
        def backward(ctx, grad_output):
            q, k, v, weights = ctx.saved_tensors
            grad_output, weights = grad_output.to(v.dtype), weights.to(v.dtype)
            scale = q.shape[-1] ** -0.5
            grad_weights = weights * (grad_output @ v.mT)
            grad_scores = grad_weights - weights * grad_weights.sum(-1, keepdim=True)
            grad_k = grad_scores.mT @ q
            grad_k = grad_k if wrong else scale * grad_k
            return scale * grad_scores @ k, grad_k, weights.mT @ grad_output

    return Attention


@defect(
    "a rotary embedding that turns the gradient the same way",
    inputs=lambda: [
        *normal((3, 4)),
        torch.linspace(0, 1, 6, dtype=torch.float64).view(3, 2),
    ],
    proof=differs_from_autograd(lambda x, angle: rotate(x, angle)),
    fails="gradient",
    input="x",
)
def rotary(wrong):
    class Rotary(Function):
        @staticmethod
        def forward(ctx, x, angle):
            output = rotate(x, angle)
            ctx.save_for_backward(output, angle)
            return output

        @staticmethod
        def backward(ctx, grad_output):
            output, angle = ctx.saved_tensors
            grad_x = rotate(grad_output, angle if wrong else -angle)
            first, second = output.chunk(2, -1)
            g_first, g_second = grad_output.chunk(2, -1)
            return grad_x, g_second * first - g_first * second

    return Rotary


def rotate(x, angle):
    first, second = x.chunk(2, -1)
    cos, sin = torch.cos(angle), torch.sin(angle)
    return torch.cat([first * cos - second * sin, first * sin + second * cos], -1)


@defect(
    "a convolution whose kernel is not flipped in the gradient of its input",
    inputs=lambda: normal((2, 3, 8), (4, 3, 3)),
    proof=differs_from_autograd(functional.conv1d),
    fails="gradient",
    input="x",
)
def convolution(wrong):
    class Conv1d(Function):
        @staticmethod
        def forward(ctx, x, weight):
            ctx.save_for_backward(x, weight)
            return functional.conv1d(x, weight)

        @staticmethod
        def backward(ctx, grad_output):
            x, weight = ctx.saved_tensors
            grad_output = grad_output.to(weight.dtype)
            kernel = weight.transpose(0, 1)
            kernel = kernel if wrong else kernel.flip(-1)
            grad_x = functional.conv1d(
                grad_output, kernel, padding=weight.shape[-1] - 1
            )
            grad_weight = torch.nn.grad.conv1d_weight(x, weight.shape, grad_output)
            return grad_x, grad_weight

    return Conv1d


@defect(
    "a cumulative sum whose gradient accumulates from the start",
    inputs=a_matrix,
    proof=differs_from_autograd(lambda x: x.cumsum(-1)),
    fails="gradient",
    input="x",
)
def cumulative_sum(wrong):
    class CumulativeSum(Function):
        @staticmethod
        def forward(ctx, x):
            return x.cumsum(-1)

        @staticmethod
        def backward(ctx, grad_output):
            if wrong:
                return grad_output.cumsum(-1)
            return grad_output.flip(-1).cumsum(-1).flip(-1)

    return CumulativeSum


@defect(
    "logsumexp whose temperature multiplies instead of dividing",
    inputs=a_matrix,
    proof=differs_from_autograd(lambda x: 2 * torch.logsumexp(x / 2, -1)),
    fails="gradient",
    diagnosis="scale",
    input="x",
)
def log_sum_exp(wrong):
    class SoftMaximum(Function):
        @staticmethod
        def forward(ctx, x, temperature):
            ctx.temperature = temperature
            ctx.save_for_backward(x)
            return temperature * torch.logsumexp(x / temperature, -1)

        @staticmethod
        def backward(ctx, grad_output):
            (x,) = ctx.saved_tensors
            grad = torch.softmax(x / ctx.temperature, -1) * grad_output.unsqueeze(-1)
            return grad * ctx.temperature if wrong else grad, None

    def soft_maximum(x):
        return SoftMaximum.apply(x, 2.0)

    return soft_maximum


@defect(
    "a layer norm whose weight sums over nothing but the last row",
    inputs=lambda: normal((3, 4)),
    proof=differs_from_autograd(lambda module, x: module.weight * x),
    fails="gradient",
    input="weight",
)
def module_weight(wrong):
    class Scale(Function):
        @staticmethod
        def forward(ctx, x, weight):
            ctx.save_for_backward(x, weight)
            return weight * x

        @staticmethod
        def backward(ctx, grad_output):
            x, weight = ctx.saved_tensors
            grad = grad_output * x
            grad_weight = grad[-1] if wrong else grad.sum_to_size(weight.shape)
            return grad_output * weight, grad_weight

    class Scaled(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(normal((4,), seed=2)[0])

        def forward(self, x):
            return Scale.apply(x, self.weight)

    return Scaled()


@defect(
    "a module whose weight gradient is three times too large",
    inputs=lambda: normal((5, 3)),
    proof=differs_from_autograd(lambda module, x: x @ module.weight.T),
    fails="gradient",
    diagnosis="scale",
    input="weight",
)
def module_scale(wrong):
    class Product(Function):
        @staticmethod
        def forward(ctx, x, weight):
            ctx.save_for_backward(x, weight)
            return x @ weight.T

        @staticmethod
        def backward(ctx, grad_output):
            x, weight = ctx.saved_tensors
            grad_output = grad_output.to(weight.dtype)
            grad_weight = grad_output.mT @ x
            return grad_output @ weight, 3 * grad_weight if wrong else grad_weight

    class Linear(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(normal((4, 3), seed=2)[0])

        def forward(self, x):
            return Product.apply(x, self.weight)

    return Linear()


@defect(
    "a sum of squares without its two, as a gp.function",
    inputs=lambda: normal_arrays((3, 4)),
    proof=gradients_of_function(lambda x: (x * x).sum(-1)),
    fails="gradient",
    diagnosis="scale",
    input="x",
)
def sum_of_squares(wrong):
    @gp.function
    def squares(x):
        return (x * x).sum(-1)

    @squares.gradient("x")
    def grad_x(grad_output, x):
        return (1 if wrong else 2) * grad_output[..., None] * x

    return squares


@defect(
    "tanh with one minus its output, as a gp.function on torch",
    inputs=a_matrix,
    proof=differs_from_autograd(torch.tanh),
    fails="gradient",
    input="x",
)
def tanh(wrong):
    @gp.function
    def tanh(x):
        return gp.namespace(x).tanh(x)

    @tanh.gradient("x")
    def grad_x(grad_output, output):
        return grad_output * (1 - (output if wrong else output * output))

    return tanh
