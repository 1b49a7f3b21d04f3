"""Wrong targets of every kind, each with a name that a script can import."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import torch

import gradproof as gp


class Mean(torch.autograd.Function):
    """The batch size crept into the weight's gradient."""

    @staticmethod
    def forward(ctx, input, weight):
        ctx.save_for_backward(input, weight)
        return input @ weight.T

    @staticmethod
    def backward(ctx, grad_output):
        input, weight = ctx.saved_tensors
        return grad_output @ weight, grad_output.T @ input / len(input)


class Smoothed(torch.autograd.Function):
    """It divides by all rows, not by those that count; its one_hot is float32 too."""

    @staticmethod
    def forward(ctx, logits, target, divides_by_all=True):
        logp = logits.log_softmax(-1)
        keep = target >= 0
        ctx.save_for_backward(logp, target.clamp(min=0), keep)
        ctx.rows = len(keep) if divides_by_all else keep.sum()
        picked = logp.gather(1, target.clamp(min=0)[:, None])[:, 0]
        loss = -0.9 * picked - 0.1 * logp.mean(-1)
        return (loss * keep).sum() / keep.sum()

    @staticmethod
    def backward(ctx, grad_output):
        logp, target, keep = ctx.saved_tensors
        classes = logp.shape[1]
        meant = torch.nn.functional.one_hot(target, classes) * 0.9 + 0.1 / classes
        grad = (logp.exp() - meant) * keep[:, None]
        return grad_output * grad / ctx.rows, None, None


class Summed(torch.autograd.Function):
    """The sum over the batch is left to the engine."""

    @staticmethod
    def forward(ctx, input, bias):
        return input + bias

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output, grad_output


class Blocked(torch.autograd.Function):
    """What is left after the last block of 32 gets no gradient."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        grad_input = 2 * x * grad_output
        grad_input[32 * (len(x) // 32) or len(x) :] = 0
        return grad_input


class Writes(torch.autograd.Function):
    """In place, as declared, and half the gradient."""

    @staticmethod
    def forward(ctx, x, factor):
        ctx.mark_dirty(x)
        ctx.factor = factor
        return x.mul_(factor)

    @staticmethod
    def backward(ctx, grad_output):
        return ctx.factor * grad_output / 2, None


class Flat(torch.autograd.Function):
    """Reads the incoming gradient as it lies in memory."""

    @staticmethod
    def forward(ctx, x):
        return 3 * x

    @staticmethod
    def backward(ctx, grad_output):
        storage = torch.as_strided(grad_output, (grad_output.numel(),), (1,))
        return 3 * storage.view(grad_output.shape)


class Sinc(torch.autograd.Function):
    """The sine of x over x, whose gradient at zero is zero over zero."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.sinc(x / torch.pi)

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return grad_output * (x.cos() * x - x.sin()) / x**2


class Refuses(torch.autograd.Function):
    """A product that does not multiply."""

    @staticmethod
    def forward(ctx, input, weight):
        ctx.save_for_backward(input, weight)
        return input @ weight.T

    @staticmethod
    def backward(ctx, grad_output):
        input, weight = ctx.saved_tensors
        return grad_output @ weight, input @ grad_output


class _Halved(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, y):
        return x * 2, y.sum()

    @staticmethod
    def backward(ctx, grad_double, grad_sum):
        return grad_double, grad_sum.expand(3)


def nested(tensors, options):
    """From a list and a dict, to a dict."""
    double, total = _Halved.apply(tensors[0], tensors[1])
    return {"double": double * options["factor"], "total": [total]}


class Layer(torch.nn.Module):
    """Its weight gets the gradient of another sign."""

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(()))

    def forward(self, x):
        return x * 2 * self.scale - (x * self.scale).detach() + x * _Turned.apply(x)


class _Turned(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.sin()

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return -grad_output * x.cos()


layer = Layer()


@gp.function
def square(x):
    """With a third for a half."""
    return x * x


@square.gradient("x")
def _grad_x(grad_output, x):
    return 3 * grad_output * x


def products(x, y):
    """A NumPy forward with two outputs."""
    return x * y, x - y


def exchanged(grad_outputs, x, y):
    """Its backward: the second sign is lost."""
    one, two = grad_outputs
    return one * y + two, one * x + two


def first(x, steps):
    """A NumPy forward with a loop."""
    for _ in range(steps):
        x = np.sin(x)
    return x


def rough(grad_output, x, steps):
    """Its backward, one step short."""
    return {"x": grad_output * np.cos(x)}


@jax.custom_vjp
def turned(z):
    """A complex function."""
    return z * z


def _keep(z):
    return z * z, z


def _unturned(z, grad_output):
    return (2 * jnp.conj(z) * grad_output,)


turned.defvjp(_keep, _unturned)
