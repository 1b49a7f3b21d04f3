"""Names of layers: what normalises, attends, drops out and looks up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradproof.derive.calls._table import call
from gradproof.derive.infer import Axes, axes_of
from gradproof.derive.ir import Size, Value, make, scalar
from gradproof.derive.rules import elementwise, linalg, normalisers, selection, shape

RANDOM = "draws random numbers: draw them outside and make the mask an input"


def one_axis(x: Value, axis: Any) -> int:
    """An axis that must be given and be one."""
    if axis is None or not x.ndim:
        raise ValueError("it needs an axis: give dim= or axis=")
    axes_of(int(axis), x.ndim)
    return int(axis)


@call("softmax")
def softmax(
    x: Value, axis: Any = None, dtype: Any = None, _stacklevel: int = 3
) -> Value:
    return normalisers.softmax(x, axis=one_axis(x, axis))


@call("log_softmax")
def log_softmax(
    x: Value, axis: Any = None, dtype: Any = None, _stacklevel: int = 3
) -> Value:
    return normalisers.log_softmax(x, axis=one_axis(x, axis))


@call("softmin")
def softmin(
    x: Value, axis: Any = None, dtype: Any = None, _stacklevel: int = 3
) -> Value:
    return normalisers.softmax(-x, axis=one_axis(x, axis))


@call("logsumexp")
def logsumexp(x: Value, axis: Axes = None, keepdims: bool = False) -> Value:
    if not x.ndim:
        raise ValueError("a single number has no axis to add over")
    if not isinstance(axis, int):
        axes = axes_of(axis, x.ndim)
        axis = axes if len(axes) > 1 else axes[0]
    if keepdims:
        return normalisers.logsumexp_keepdims(x, axis=axis)
    return normalisers.logsumexp(x, axis=axis)


@call("linear")
def linear(x: Value, weight: Value, bias: Value | None = None) -> Value:
    product = linalg.matmul(x, shape.swap_last(weight))
    return product if bias is None else product + bias


def affine(x: Value, weight: Value | None, bias: Value | None) -> Value:
    """Scaled and shifted, where these are given."""
    x = x if weight is None else x * weight
    return x if bias is None else x + bias


def per_channel(x: Value, parameter: Value | None) -> Value | None:
    """A number a channel, axis 1, so that it broadcasts against x."""
    if parameter is None or x.ndim == 2:
        return parameter
    return shape.expand_dims(parameter, axis=tuple(range(1, x.ndim - 1)))


def _trailing(x: Value, sizes: Sequence[int]) -> int | tuple[int, ...]:
    if isinstance(sizes, int):
        sizes = (sizes,)
    if tuple(x.shape[x.ndim - len(sizes) :]) != tuple(map(int, sizes)):
        raise ValueError(f"the last axes of shape {x.shape} are not {tuple(sizes)}")
    return -1 if len(sizes) == 1 else tuple(range(-len(sizes), 0))


def standardise(x: Value, axis: Axes, eps: float) -> Value:
    """Mean zero and variance one over these axes."""
    scale = normalisers.deviation(x, axis=axis, eps=eps)
    return normalisers.standardise(x, scale, axis=axis)


@call("layer_norm")
def layer_norm(
    x: Value,
    normalized_shape: Sequence[int],
    weight: Value | None = None,
    bias: Value | None = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> Value:
    axis = _trailing(x, normalized_shape)
    return affine(standardise(x, axis, eps), weight, bias)


@call("rms_norm")
def rms_norm(
    x: Value,
    normalized_shape: Sequence[int],
    weight: Value | None = None,
    eps: float | None = None,
) -> Value:
    axis = _trailing(x, normalized_shape)
    eps = 2.220446049250313e-16 if eps is None else eps  # torch's, of float64
    scale = normalisers.root_mean_square(x, axis=axis, eps=eps)
    normal = normalisers.over_root_mean_square(x, scale, axis=axis)
    return affine(normal, weight, None)


@call("group_norm")
def group_norm(
    x: Value,
    num_groups: int,
    weight: Value | None = None,
    bias: Value | None = None,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Value:
    if x.shape[1] % num_groups:
        raise ValueError(f"{x.shape[1]} channels do not make {num_groups} groups")
    batch = make("size", x, axis=0)
    groups = shape.reshape(x, shape=(Size(x.shape[0], batch), num_groups, -1))
    normal = shape.reshape_like(standardise(groups, -1, eps), x)
    return affine(normal, per_channel(x, weight), per_channel(x, bias))


@call("instance_norm")
def instance_norm(
    x: Value,
    running_mean: Value | None = None,
    running_var: Value | None = None,
    weight: Value | None = None,
    bias: Value | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Value:
    if not use_input_stats or running_mean is not None:
        raise ValueError("running statistics are not supported: leave them out")
    axes = tuple(range(2, x.ndim))
    axis = axes if len(axes) > 1 else axes[0]
    normal = standardise(x, axis, eps)
    return affine(normal, per_channel(x, weight), per_channel(x, bias))


@call("batch_norm")
def batch_norm(
    x: Value,
    running_mean: Value | None,
    running_var: Value | None,
    weight: Value | None = None,
    bias: Value | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Value:
    if training or running_mean is None or running_var is None:
        raise ValueError(
            "training=True updates running statistics in place: pass training=False "
            "and the statistics, or standardise with mean and var yourself"
        )
    mean, variance = per_channel(x, running_mean), per_channel(x, running_var)
    assert mean is not None
    assert variance is not None
    normal = (x - mean) / elementwise.sqrt(variance + eps)
    return affine(normal, per_channel(x, weight), per_channel(x, bias))


@call("scaled_dot_product_attention")
def attention(
    query: Value,
    key: Value,
    value: Value,
    attn_mask: Value | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Value:
    if dropout_p:
        raise ValueError(f"dropout_p={dropout_p} {RANDOM}")
    if enable_gqa:
        raise ValueError("enable_gqa=True is not supported: repeat the heads yourself")
    scores = query @ shape.swap_last(key)
    if scale is None:
        root = make("size", query, axis=query.ndim - 1) ** 0.5
        root.name = "root"
        scores = scores / root
    else:
        scores = scores * scalar(scale)
    if is_causal:
        attn_mask = normalisers.causal(scores)
    if attn_mask is not None and attn_mask.dtype == "bool":
        scores = elementwise.where(attn_mask, scores, scalar(float("-inf")))
    elif attn_mask is not None:
        scores = scores + attn_mask
    return normalisers.softmax(scores, axis=-1) @ value


@call("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout")
def dropout(x: Value, p: float = 0.5, training: bool = True) -> Value:
    if training and p:
        raise ValueError(f"training=True {RANDOM}, or pass training=False")
    return x


@call("normalize")
def normalize(x: Value, p: float = 2.0, axis: Any = 1, eps: float = 1e-12) -> Value:
    if p != 2:
        raise ValueError(f"p={p} is not supported, only the Euclidean norm")
    return _direction(x, one_axis(x, axis), eps)


@call("cosine_similarity")
def cosine_similarity(x: Value, y: Value, axis: Any = 1, eps: float = 1e-8) -> Value:
    axis = one_axis(x, axis)
    return make("sum", _direction(x, axis, eps) * _direction(y, axis, eps), axis=axis)


def _direction(x: Value, axis: int, eps: float) -> Value:
    scale = normalisers.length(x, axis=axis, eps=eps)
    return normalisers.over_length(x, scale, axis=axis, eps=eps)


@call("embedding")
def embedding(
    x: Value,
    weight: Value,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Value:
    if padding_idx is not None or max_norm is not None or scale_grad_by_freq or sparse:
        raise ValueError("only the indices and the table are supported")
    return selection.getitem(weight, x, index=(("array", 0),))
