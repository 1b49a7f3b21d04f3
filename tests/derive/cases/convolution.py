"""Convolution and pooling, in torch's names."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional as F

from tests.derive.cases._case import case


@case(x=(2, 3, 7), w=(4, 3, 3), b=(4,))
def conv1d_with_bias(x: Any, w: Any, b: Any) -> Any:
    return F.conv1d(x, w, b)


@case(x=(2, 4, 9), w=(6, 2, 3))
def conv1d_strided_dilated_groups(x: Any, w: Any) -> Any:
    return F.conv1d(x, w, stride=2, padding=1, dilation=2, groups=2)


@case(x=(3, 7), w=(4, 3, 2))
def conv1d_without_batch(x: Any, w: Any) -> Any:
    return torch.tanh(F.conv1d(x, w))


@case(x=(2, 3, 6, 5), w=(4, 3, 3, 2), b=(4,))
def conv2d_with_bias(x: Any, w: Any, b: Any) -> Any:
    return F.conv2d(x, w, b)


@case(x=(2, 3, 6, 6), w=(4, 3, 3, 3))
def conv2d_same(x: Any, w: Any) -> Any:
    return F.conv2d(x, w, padding="same")


@case(x=(2, 4, 7, 8), w=(4, 2, 2, 3), b=(4,))
def conv2d_everything(x: Any, w: Any, b: Any) -> Any:
    return F.conv2d(x, w, b, stride=(2, 3), padding=(1, 2), dilation=(2, 1), groups=2)


@case(x=(2, 3, 6, 6), w=(3, 1, 3, 3))
def conv2d_depthwise(x: Any, w: Any) -> Any:
    return torch.sum(torch.relu(F.conv2d(x, w, groups=3)))


@case(x=(2, 3, 7))
def avg_pool1d_of_three(x: Any) -> Any:
    return F.avg_pool1d(x, 3, stride=2, padding=1)


@case(x=(2, 3, 6, 7))
def avg_pool2d_of_two(x: Any) -> Any:
    return F.avg_pool2d(x, 2)


@case(x=(2, 3, 7))
def max_pool1d_overlapping(x: Any) -> Any:
    return F.max_pool1d(x, 3, stride=1, padding=1)


@case(x=(2, 3, 6, 7))
def max_pool2d_of_two(x: Any) -> Any:
    return F.max_pool2d(x, 2)


@case(x=(3, 7, 7))
def max_pool2d_dilated_without_batch(x: Any) -> Any:
    return F.max_pool2d(x, (2, 3), stride=2, dilation=2)


@case(x=(2, 2, 4, 4))
def max_pool2d_of_ties(x: Any) -> Any:
    return F.max_pool2d(torch.relu(x), 2, stride=1)
