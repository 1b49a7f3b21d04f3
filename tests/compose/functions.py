"""Functions of every kind, each beside the same in PyTorch's own operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch

import gradproof as gp
from tests.backends.test_torch_ import (
    exp,
    half_saved,
    partly,
    plain_polar,
    polar,
    sigmoid,
    softmax,
)
from tests.test_function import linear


class Case(NamedTuple):
    """A gp.function, the same natively, and inputs: floating ones first."""

    function: Callable[..., Any]
    native: Callable[..., Any]
    inputs: tuple[torch.Tensor, ...]


@gp.function
def scale(x, *, factor=2.0):
    return x * factor


@scale.gradient("x")
def scale_x(grad_output, factor):
    return grad_output * factor


@gp.function
def add(x, y):
    return x + y


@add.gradient("x")
def add_x(grad_output):
    return grad_output


@add.gradient("y")
def add_y(grad_output):
    return grad_output


@gp.function
def multiply(x, y):
    return x * y


@multiply.gradient("x")
def multiply_x(grad_output, y):
    return grad_output * y


@multiply.gradient("y")
def multiply_y(grad_output, x):
    return grad_output * x


@gp.function
def derived(x, y):
    """No rule at all."""
    return torch.tanh(x) * y


@gp.function
def take(table, rows):
    """An integer input."""
    return table[rows] ** 2


@take.gradient("table")
def take_table(grad_output, table, rows):
    return torch.zeros_like(table).index_put(
        (rows,), 2 * grad_output * table[rows], accumulate=True
    )


@gp.function
def largest(x):
    """An output that has no gradient beside one that has."""
    return x.amax(-1), x.argmax(-1)


@largest.gradient("x")
def largest_x(grad_output, x):
    values, _ = grad_output
    hit = x.argmax(-1, keepdim=True) == torch.arange(x.shape[-1])
    return values.unsqueeze(-1) * hit.to(x.dtype)


@gp.function
def weighted(z, w):
    """Complex and real meet."""
    return z * z.conj() * w


@weighted.gradient("z")
def weighted_z(grad_output, z, w):
    return z * w * (grad_output + grad_output.conj())


@weighted.gradient("w")
def weighted_w(grad_output, z):
    return grad_output * (z * z.conj()).conj()


@gp.function
def nested(x):
    """One gp.function inside another, in its rule too."""
    return sigmoid(x) * x


@nested.gradient("x")
def nested_x(grad_output, x):
    s = sigmoid(x)
    return grad_output * (s + x * s * (1 - s))


@gp.function
def views(x, y):
    """An input as it is, a view of one, and both beside one another."""
    return x, y.T, (x * y)[::2]


@views.gradient("x")
def views_x(grad_output, y):
    same, _, product = grad_output
    return same + _spread(product) * y


@views.gradient("y")
def views_y(grad_output, x):
    _, turned, product = grad_output
    return turned.T + _spread(product) * x


def _spread(rows: torch.Tensor) -> torch.Tensor:
    """The rows with zeros in between."""
    return torch.stack([rows, torch.zeros_like(rows)], 1).flatten(0, 1)


@gp.function
def chosen(x, *, axes=(0,), weights=None, scales=None):
    """Options that hold others: a tuple or a list, a tensor, a dictionary."""
    centred = x - x.sum(tuple(axes), keepdim=True)
    return centred * weights * scales["all"]


@chosen.gradient("x")
def chosen_x(grad_output, axes, *, weights, scales):
    scaled = grad_output * weights * scales["all"]
    return scaled - scaled.sum(tuple(axes), keepdim=True)


@gp.function
def ordered(x):
    """Integers first; the rule asks for the outputs."""
    values, places = x.sort(-1)
    return places, values, values > 0


@ordered.gradient("x")
def ordered_x(grad_output, output):
    gradient = grad_output[1]
    return torch.zeros_like(gradient).scatter(-1, output[0], gradient)


@gp.function
def busy(x):
    """It writes to what is its own, and saves an input, integers and a view."""
    work = x.clone()
    work.mul_(x).add_(1)
    same, first = gp.save(same=x, first=x[:1])
    gp.save(order=x.argsort())
    square = work * 1
    work[...] = 0
    return square * same * first


@busy.gradient("x")
def busy_x(grad_output, same, first, order):
    gradient = grad_output * (3 * same * same + 1) * first
    more = (grad_output * (same * same + 1) * same).sum().expand(1)
    return gradient + torch.cat([more, torch.zeros_like(same[1:])])


@gp.function
def twice_nested(x, y):
    """Rules that ask another gp.function for its gradients."""
    return multiply(multiply(x, y), x)


@twice_nested.gradient("x")
def twice_nested_x(grad_output, x, y):
    outer = multiply.gradients(x * y, x, grad_output=grad_output)
    return outer.y + multiply.gradients(x, y, grad_output=outer.x).x


@twice_nested.gradient("y")
def twice_nested_y(grad_output, x, y):
    outer = multiply.gradients(x * y, x, grad_output=grad_output)
    return multiply.gradients(x, y, grad_output=outer.x).y


@gp.function
def wave(x):
    """Real in, complex out."""
    return torch.exp(1j * x)


@wave.gradient("x")
def wave_x(grad_output, output):
    return grad_output * (1j * output).conj()


def _random(*shape: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(shape, generator=_generator, dtype=dtype)


_generator = torch.Generator().manual_seed(0)
_rows = torch.tensor([0, 2, 2])
_weights = _random(3)

CASES = {
    "linear": Case(
        linear,
        torch.nn.functional.linear,
        (_random(5, 3), _random(4, 3), _random(4)),
    ),
    "softmax": Case(softmax, lambda x: torch.softmax(x, -1), (_random(3, 4),)),
    "softmax along 0": Case(
        lambda x: softmax(x, axis=0), lambda x: torch.softmax(x, 0), (_random(3, 4),)
    ),
    "scale": Case(lambda x: scale(x, factor=3.0), lambda x: 3 * x, (_random(3),)),
    "add": Case(add, torch.add, (_random(2, 3), _random(3))),
    "multiply": Case(multiply, torch.mul, (_random(2, 3), _random(2, 1))),
    "partly": Case(partly, lambda x, y: x * y.sin(), (_random(3, 4), _random(4))),
    "derived": Case(derived, lambda x, y: x.tanh() * y, (_random(3, 4), _random(4))),
    "exp": Case(exp, torch.exp, (_random(3),)),
    "sigmoid": Case(sigmoid, torch.sigmoid, (_random(3),)),
    "polar": Case(polar, plain_polar, (_random(2, 3), _random(3))),
    "half saved": Case(
        half_saved, lambda x, y: (x * y).exp() * y, (_random(2, 3), _random(3))
    ),
    "take": Case(take, lambda t, rows: t[rows] ** 2, (_random(4, 2), _rows)),
    "largest": Case(largest, lambda x: (x.amax(-1), x.argmax(-1)), (_random(3, 4),)),
    "weighted": Case(
        weighted,
        lambda z, w: z * z.conj() * w,
        (_random(3, dtype=torch.complex128), _random(2, 3)),
    ),
    "nested": Case(nested, torch.nn.functional.silu, (_random(3),)),
    "views": Case(
        views,
        lambda x, y: (x * 1, y.T, (x * y)[::2]),
        (_random(4, 2), _random(4, 2)),
    ),
    "options that hold others": Case(
        lambda x: chosen(x, axes=[0, 1], weights=_weights, scales={"all": 2.0}),
        lambda x: (x - x.sum()) * _weights * 2,
        (_random(2, 3),),
    ),
    "ordered": Case(
        ordered,
        lambda x: (x.argsort(-1), x.sort(-1).values, x.sort(-1).values > 0),
        (_random(2, 4),),
    ),
    "busy": Case(busy, lambda x: (x * x + 1) * x * x[:1], (_random(3),)),
    "twice nested": Case(
        twice_nested, lambda x, y: x * y * x, (_random(3), _random(3))
    ),
    "wave": Case(wave, lambda x: torch.exp(1j * x), (_random(3),)),
    "not contiguous, no axis": Case(
        multiply, torch.mul, (_random(3, 8).T[::2], _random())
    ),
    "the same twice, in single": Case(
        lambda x, y: multiply(x, multiply(x, y)),
        lambda x, y: x * (x * y),
        (_random(3).float(), _random(2, 3)),
    ),
}
