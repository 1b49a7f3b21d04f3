"""The same layers as they should be."""

import torch
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional

import gradproof as gp


class Shape(Function):
    @staticmethod
    def forward(ctx, x, bias):
        ctx.shape = bias.shape
        return x + bias

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output, grad_output.sum_to_size(ctx.shape)


class Linearity(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return 2 * x * grad_output


class Gradient(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return 3 * grad_output * x**2


class Product(Function):
    """The right twin of Repeat, Subsets, Aliasing and GradMode."""

    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(x, y)
        return x * y

    @staticmethod
    def backward(ctx, grad_output):
        x, y = ctx.saved_tensors
        return grad_output * y, grad_output * x


class Mutation(Function):
    """The right twin of Layout too."""

    @staticmethod
    def forward(ctx, x):
        return 3 * x

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output.mul(3)


class Sizes(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.rows = x.shape[0]
        return x.mean(0)

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output.expand(ctx.rows, *grad_output.shape) / ctx.rows


class Extremes(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return functional.softplus(x)

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return grad_output * torch.sigmoid(x)


class Undefined(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x, 3 * x

    @staticmethod
    def backward(ctx, grad_square, grad_triple):
        (x,) = ctx.saved_tensors
        return 2 * x * grad_square + 3 * grad_triple


class Precision(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.log_softmax(x, -1)

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return grad_output - torch.softmax(x, -1) * grad_output.sum(-1, True)


class Autocast(Function):
    @staticmethod
    def forward(ctx, x, weight):
        ctx.save_for_backward(x, weight)
        return x @ weight.T

    @staticmethod
    def backward(ctx, grad_output):
        x, weight = ctx.saved_tensors
        grad = grad_output.to(x.dtype)
        return grad @ weight, grad.T @ x


class SecondOrder(Function):
    """The right twin of Memory too."""

    @staticmethod
    def forward(ctx, x):
        y = torch.tanh(x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, grad_output):
        (y,) = ctx.saved_tensors
        return grad_output * (1 - y * y)


class ForwardMode(Function):
    @staticmethod
    def forward(x):
        return x**3

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return 3 * x**2 * grad_output

    @staticmethod
    def jvp(ctx, tangent):
        (x,) = ctx.saved_tensors
        return 3 * x**2 * tangent


class Vmap(Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x):
        return x - x.mean()

    @staticmethod
    def setup_context(ctx, inputs, output):
        pass

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output - grad_output.mean()


class Classes(Function):
    """Cross entropy, whose labels have no gradient."""

    @staticmethod
    def forward(ctx, logits, labels):
        log_p = torch.log_softmax(logits, -1)
        ctx.save_for_backward(logits, labels)
        return -log_p[torch.arange(len(labels)), labels].sum()

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_output):
        logits, labels = ctx.saved_tensors
        p = torch.softmax(logits, -1)
        p[torch.arange(len(labels)), labels] -= 1
        return grad_output * p, None


class Heads(Function):
    """A transposition that takes four dimensions apart."""

    @staticmethod
    def forward(ctx, q, scale=0.5):
        batch, heads, time, width = q.shape
        ctx.shape, ctx.scale = q.shape, scale
        return q.transpose(1, 2).reshape(batch, time, heads * width) * scale

    @staticmethod
    def backward(ctx, grad_output):
        batch, heads, time, width = ctx.shape
        grad = grad_output.reshape(batch, time, heads, width)
        return grad.transpose(1, 2) * ctx.scale, None


@gp.function
def doubled(x):
    return 2 * x


@doubled.gradient("x")
def grad_x(grad_output):
    return 2 * grad_output
