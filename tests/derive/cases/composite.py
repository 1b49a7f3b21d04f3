"""Layers: what normalises, attends and drops out, in torch's names."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from tests.derive.cases._case import case

MASK = np.tril(np.ones((4, 4), dtype=bool))


@case(x=(3, 4))
def softmax_last_axis(x: Any) -> Any:
    return F.softmax(x, dim=-1)


@case(x=(3, 4))
def softmax_as_a_method(x: Any) -> Any:
    return x.softmax(0)


@case(x=(2, 3, 4), y=(3, 1))
def softmax_of_an_expression(x: Any, y: Any) -> Any:
    return torch.softmax(x * y, dim=1)


@case(x=(3, 4))
def softmin_of_an_axis(x: Any) -> Any:
    return F.softmin(x, dim=1)


@case(x=(3, 4))
def log_softmax_last_axis(x: Any) -> Any:
    return F.log_softmax(x, dim=-1)


@case(x=(2, 3, 4))
def log_softmax_middle_axis(x: Any) -> Any:
    return torch.sum(x.log_softmax(1) ** 2)


@case(x=(3, 4))
def logsumexp_last_axis(x: Any) -> Any:
    return torch.logsumexp(x, dim=-1)


@case(x=(3, 4))
def logsumexp_keepdim(x: Any) -> Any:
    return x - torch.logsumexp(x, dim=1, keepdim=True)


@case(x=(2, 3, 4))
def logsumexp_two_axes(x: Any) -> Any:
    return torch.logsumexp(x, dim=(0, 2))


@case(x=(5,))
def logsumexp_of_a_vector(x: Any) -> Any:
    return torch.logsumexp(x, 0)


@case(x=(5, 3), weight=(4, 3), bias=(4,))
def linear_layer(x: Any, weight: Any, bias: Any) -> Any:
    return F.linear(x, weight, bias)


@case(x=(2, 5, 3), weight=(4, 3))
def linear_batched_without_bias(x: Any, weight: Any) -> Any:
    return F.linear(x, weight)


@case(x=(5, 4), weight=(4,), bias=(4,))
def layer_norm_affine(x: Any, weight: Any, bias: Any) -> Any:
    return F.layer_norm(x, (4,), weight, bias)


@case(x=(2, 3, 4))
def layer_norm_two_axes(x: Any) -> Any:
    return F.layer_norm(x, (3, 4), eps=1e-3)


@case(x=(5, 4), weight=(4,))
def rms_norm_scaled(x: Any, weight: Any) -> Any:
    return F.rms_norm(x, (4,), weight, eps=1e-6)


@case(x=(2, 3, 4))
def rms_norm_two_axes(x: Any) -> Any:
    return F.rms_norm(x, (3, 4))


@case(x=(2, 6, 3), weight=(6,), bias=(6,))
def group_norm_affine(x: Any, weight: Any, bias: Any) -> Any:
    return F.group_norm(x, 2, weight, bias)


@case(x=(2, 3, 4, 5), weight=(3,), bias=(3,))
def instance_norm_affine(x: Any, weight: Any, bias: Any) -> Any:
    return F.instance_norm(x, weight=weight, bias=bias)


def _batch_norm(
    x: Any, mean: Any, variance: Any, weight: Any = 1, bias: Any = 0
) -> Any:
    return (x - mean) / torch.sqrt(variance + 1e-5) * weight + bias


@case(
    _batch_norm,
    library="torch",  # torch has no gradient of the statistics
    x=(5, 3),
    mean=(3,),
    variance=((3,), (0.5, 2.0)),
    weight=(3,),
    bias=(3,),
)
def batch_norm_evaluated(
    x: Any, mean: Any, variance: Any, weight: Any, bias: Any
) -> Any:
    return F.batch_norm(x, mean, variance, weight, bias)


@case(
    lambda x, mean, variance: _batch_norm(
        x, mean[:, None, None], variance[:, None, None]
    ),
    library="torch",
    x=(2, 3, 4, 4),
    mean=(3,),
    variance=((3,), (0.5, 2.0)),
)
def batch_norm_of_images(x: Any, mean: Any, variance: Any) -> Any:
    return F.batch_norm(x, mean, variance)


@case(q=(2, 4, 3), k=(2, 4, 3), v=(2, 4, 5))
def attention_plain(q: Any, k: Any, v: Any) -> Any:
    return F.scaled_dot_product_attention(q, k, v)


@case(q=(4, 3), k=(4, 3), v=(4, 5), mask=(4, 4))
def attention_added_mask(q: Any, k: Any, v: Any, mask: Any) -> Any:
    return F.scaled_dot_product_attention(q, k, v, mask, scale=0.25)


@case(q=(2, 4, 3), k=(2, 4, 3), v=(2, 4, 5), mask=MASK)
def attention_boolean_mask(q: Any, k: Any, v: Any, mask: Any) -> Any:
    return F.scaled_dot_product_attention(q, k, v, mask)


@case(q=(4, 3), k=(4, 3), v=(4, 3))
def attention_causal(q: Any, k: Any, v: Any) -> Any:
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


@case(x=(3, 4), y=(3, 4))
def dropout_in_evaluation(x: Any, y: Any) -> Any:
    return F.dropout(x * y, p=0.5, training=False)


@case(x=(3, 4))
def normalize_rows(x: Any) -> Any:
    return F.normalize(x, dim=-1)


@case(x=(3, 4), y=(3, 4))
def cosine_similarity_of_rows(x: Any, y: Any) -> Any:
    return F.cosine_similarity(x, y, dim=1)
