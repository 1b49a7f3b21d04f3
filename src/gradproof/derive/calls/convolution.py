"""Names of convolution and pooling, torch's."""

from __future__ import annotations

from typing import Any

from gradproof.derive.calls._table import Call, call
from gradproof.derive.ir import Value
from gradproof.derive.rules import convolution as rules
from gradproof.derive.rules import pooling, shape


def per_axis(number: Any, axes: int) -> rules.Sizes:
    """One number for every axis."""
    if isinstance(number, int):
        return (int(number),) * axes
    numbers = tuple(map(int, number))
    if len(numbers) == 1:
        return numbers * axes
    if len(numbers) != axes:
        raise ValueError(f"{numbers} is not a number for each of {axes} axes")
    return numbers


def _padding(padding: Any, weight: Value, stride: Any, dilation: Any) -> rules.Sizes:
    axes = weight.ndim - 2
    if padding == "valid":
        return (0,) * axes
    if padding != "same":
        return per_axis(padding, axes)
    gaps = [
        d * (k - 1)
        for d, k in zip(per_axis(dilation, axes), weight.shape[2:], strict=True)
    ]
    if {*per_axis(stride, axes)} != {1} or any(gap % 2 for gap in gaps):
        raise ValueError('padding="same" is supported for stride 1 and odd kernels')
    return tuple(gap // 2 for gap in gaps)


def _convolution(axes: int) -> Call:
    def convolution(
        x: Value,
        weight: Value,
        bias: Value | None = None,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Value:
        batched = x.ndim == axes + 2
        if not batched:
            x = shape.expand_dims(x, axis=(0,))
        result = rules.convolution(
            x,
            weight,
            stride=per_axis(stride, axes),
            padding=_padding(padding, weight, stride, dilation),
            dilation=per_axis(dilation, axes),
            groups=int(groups),
        )
        if bias is not None:
            result = result + shape.expand_dims(bias, axis=tuple(range(1, axes + 1)))
        return result if batched else shape.squeeze(result, axis=(0,))

    return convolution


def _average_pool(axes: int) -> Call:
    def average_pool(
        x: Value,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> Value:
        if ceil_mode or not count_include_pad or divisor_override is not None:
            raise ValueError(
                "ceil_mode=, count_include_pad=False and divisor_override= are not "
                "supported: pad the input yourself"
            )
        return _pool(pooling.average_pool, axes, x, kernel_size, stride, padding)

    return average_pool


def _max_pool(axes: int) -> Call:
    def max_pool(
        x: Value,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Value:
        if ceil_mode or return_indices:
            raise ValueError("ceil_mode= and return_indices= are not supported")
        more = {"dilation": per_axis(dilation, axes)}
        return _pool(pooling.max_pool, axes, x, kernel_size, stride, padding, **more)

    return max_pool


def _pool(
    rule: Call,
    axes: int,
    x: Value,
    kernel: Any,
    stride: Any,
    padding: Any,
    **more: rules.Sizes,
) -> Value:
    batched = x.ndim == axes + 2
    if not batched:
        x = shape.expand_dims(x, axis=(0,))
    strides = kernel if stride is None or stride in ((), []) else stride
    result: Value = rule(
        x,
        kernel=per_axis(kernel, axes),
        stride=per_axis(strides, axes),
        padding=per_axis(padding, axes),
        **more,
    )
    return result if batched else shape.squeeze(result, axis=(0,))


for _axes in (1, 2, 3):
    call(f"conv{_axes}d")(_convolution(_axes))
    call(f"avg_pool{_axes}d")(_average_pool(_axes))
    call(f"max_pool{_axes}d")(_max_pool(_axes))
