"""Convolution and pooling, in any number of axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradproof.derive.emit import helpers_convolution as helpers_convolution
from gradproof.derive.emit.expressions import Text, Writer
from gradproof.derive.ir import Type, Value, promoted
from gradproof.derive.rules._define import REALS, operation, without_gradient

Sizes = tuple[int, ...]
DEFAULTS = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}


def positions(
    sizes: Sizes, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes
) -> Sizes:
    """How many places a kernel has along every axis."""
    places = tuple(
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip(sizes, kernel, stride, padding, dilation, strict=True)
    )
    if any(n < 1 for n in places):
        raise ValueError(f"a kernel of size {kernel} does not fit into {sizes}")
    return places


def _options(value: Value, *names: str) -> str:
    """The parameters that say something; one number where all axes have the same."""
    text = ""
    for name in names:
        given = value.parameters.get(name)
        if isinstance(given, tuple) and len({*given}) == 1:
            given = given[0]
        if given is not None and given != DEFAULTS[name]:
            text += f", {name}={given}"
    return text


# Convolution.


def _convolution(
    x: Value,
    weight: Value,
    *,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    groups: int,
) -> Type:
    outputs, channels, *kernel = weight.shape
    if x.ndim != weight.ndim or x.shape[1] != channels * groups or outputs % groups:
        raise ValueError(f"a weight of {weight.shape} does not fit {x.shape}")
    places = positions(x.shape[2:], tuple(kernel), stride, padding, dilation)
    return Type((x.shape[0], outputs, *places), promoted([x, weight]))


_GEOMETRY = ("stride", "padding", "dilation", "groups")


def _spell_convolution(writer: Writer, value: Value) -> Text:
    x, weight = map(writer.code, value.operands)
    axes = x_axes(value.operands[0])
    name = f"torch.nn.functional.conv{axes}d" if writer.form == "torch" else "convolve"
    return Text(f"{name}({x}, {weight}{_options(value, *_GEOMETRY)})")


def x_axes(x: Value) -> int:
    """How many axes a kernel moves along."""
    return x.ndim - 2


def _spell_gradient(of: str) -> Callable[[Writer, Value], Text]:
    def spell(writer: Writer, value: Value) -> Text:
        grad, other, like = value.operands
        first, second = writer.code(grad), writer.code(other)
        size = writer.shape(like)
        options = _options(value, *_GEOMETRY)
        if writer.form != "torch":
            name = f"convolution_{of}_gradient"
            return Text(f"{name}({first}, {second}, {size}{options})")
        name = f"torch.nn.grad.conv{x_axes(grad)}d_{of}"
        operands = f"{size}, {second}" if of == "input" else f"{second}, {size}"
        return Text(f"{name}({operands}, {first}{options})")

    return spell


@operation(
    _convolution,
    domain=(REALS, REALS),
    numpy=_spell_convolution,
    latex=r"{0:9} \star {1:9}",
)
def convolution(
    grad: Value, output: Value, x: Value, weight: Value, **geometry: Any
) -> Any:
    """d(x ⋆ w) = dx ⋆ w + x ⋆ dw"""
    return (
        convolution_input_gradient(grad, weight, x, **geometry),
        convolution_weight_gradient(grad, x, weight, **geometry),
    )


def _like_last(grad: Value, other: Value, like: Value, **_: Any) -> Type:
    return Type(like.shape, promoted([grad, other]))


convolution_input_gradient = without_gradient(
    "convolution_input_gradient",
    _like_last,
    shape_only=(2,),
    numpy=_spell_gradient("input"),
    latex=r"{0:9} \star^\top {1:9}",
)
convolution_weight_gradient = without_gradient(
    "convolution_weight_gradient",
    _like_last,
    shape_only=(2,),
    numpy=_spell_gradient("weight"),
    latex=r"{0:9} \star^\top {1:9}",
)
