"""Pooling: the mean or the largest of what a kernel covers."""

from __future__ import annotations

from typing import Any

from gradproof.derive.emit.expressions import Text, Writer
from gradproof.derive.ir import Type, Value
from gradproof.derive.rules._define import REALS, operation, without_gradient
from gradproof.derive.rules.convolution import Sizes, _options, positions


def _pooled(
    x: Value,
    *,
    kernel: Sizes,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes | None = None,
) -> Type:
    spread = dilation or (1,) * len(kernel)
    if any(2 * p > k for p, k in zip(padding, kernel, strict=True)):
        raise ValueError("padding must be at most half of the kernel")
    places = positions(x.shape[2:], kernel, stride, padding, spread)
    return Type((*x.shape[:2], *places), x.dtype)


def _geometry(value: Value, writer: Writer) -> str:
    kernel, stride = value.parameters["kernel"], value.parameters["stride"]
    rest = _options(value, "padding", "dilation")
    return f"{writer.literal(kernel)}, {writer.literal(stride)}{rest}"


def _spell_pool(writer: Writer, value: Value) -> Text:
    (x,) = value.operands
    name = value.operation
    if writer.form == "torch":
        kind = "avg" if name == "average_pool" else "max"
        name = f"torch.nn.functional.{kind}_pool{x.ndim - 2}d"
    return Text(f"{name}({writer.code(x)}, {_geometry(value, writer)})")


def _spell_average_gradient(writer: Writer, value: Value) -> Text:
    grad, like = value.operands
    operands = f"{writer.code(grad)}, {writer.shape(like)}"
    return Text(f"average_pool_gradient({operands}, {_geometry(value, writer)})")


def _spell_max_gradient(writer: Writer, value: Value) -> Text:
    grad, x = map(writer.code, value.operands)
    return Text(f"max_pool_gradient({grad}, {x}, {_geometry(value, writer)})")


@operation(_pooled, domain=(REALS,), numpy=_spell_pool, latex=r"\mathrm{{mean}}({0:0})")
def average_pool(grad: Value, output: Value, x: Value, **geometry: Any) -> Any:
    """Every element of a window gets an equal share of its gradient"""
    return average_pool_gradient(grad, x, **geometry)


@operation(_pooled, domain=(REALS,), numpy=_spell_pool, latex=r"\max({0:0})")
def max_pool(grad: Value, output: Value, x: Value, **geometry: Any) -> Any:
    """The first of the largest in a window gets its gradient"""
    return max_pool_gradient(grad, x, **geometry)


def _like_last(grad: Value, like: Value, **_: Any) -> Type:
    return Type(like.shape, grad.dtype)


average_pool_gradient = without_gradient(
    "average_pool_gradient",
    _like_last,
    shape_only=(1,),
    numpy=_spell_average_gradient,
    latex=r"\mathrm{{mean}}^\top({0:0})",
)
max_pool_gradient = without_gradient(
    "max_pool_gradient",
    _like_last,
    numpy=_spell_max_gradient,
    latex=r"\max^\top({0:0})",
)
