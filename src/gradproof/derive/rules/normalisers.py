"""What is made to add up to one, or to have mean zero and variance one."""

from __future__ import annotations

from typing import Any

from gradproof.derive import infer
from gradproof.derive.infer import Axes
from gradproof.derive.ir import Type, Value, make
from gradproof.derive.rules._define import REALS, operation, without_gradient
from gradproof.derive.rules.elementwise import exp
from gradproof.derive.rules.reductions import spread

_SOFTMAX = """\
{out} = np.exp({0} - np.max({0}, axis={axis}, keepdims=True))
{out} = {out} / np.sum({out}, axis={axis}, keepdims=True)"""

_LOG_SOFTMAX = """\
{out} = {0} - np.max({0}, axis={axis}, keepdims=True)
{out} = {out} - np.log(np.sum(np.exp({out}), axis={axis}, keepdims=True))"""

_LOGSUMEXP = """\
{out} = np.max({0}, axis={axis}, keepdims=True)
{out} = {out} + np.log(np.sum(np.exp({0} - {out}), axis={axis}, keepdims=True))"""


def _sum(x: Value, axis: Axes) -> Value:
    return make("sum", x, axis=axis, keepdims=True)


def _mean(x: Value, axis: Axes) -> Value:
    return make("mean", x, axis=axis, keepdims=True)


def _floating(x: Value, *_: Value, **__: Any) -> Type:
    return infer.floating(x)


@operation(
    _floating,
    domain=(REALS,),
    numpy=_SOFTMAX,
    torch="torch.softmax({0}, dim={axis})",
    jax="jax.nn.softmax({0}, axis={axis})",
    latex=r"\mathrm{{softmax}}({0:0})",
)
def softmax(grad: Value, output: Value, x: Value, *, axis: int) -> Any:
    """d softmax x = p·(dx - Σ p·dx)"""
    return output * (grad - _sum(output * grad, axis))


@operation(
    _floating,
    domain=(REALS,),
    numpy=_LOG_SOFTMAX,
    torch="torch.log_softmax({0}, dim={axis})",
    jax="jax.nn.log_softmax({0}, axis={axis})",
    latex=r"\log\mathrm{{softmax}}({0:0})",
)
def log_softmax(grad: Value, output: Value, x: Value, *, axis: int) -> Any:
    """d log softmax x = dx - Σ p·dx, so the gradient is grad - p·Σgrad"""
    return grad - exp(output) * _sum(grad, axis)


@operation(
    infer.mean,
    domain=(REALS,),
    numpy=f"{_LOGSUMEXP}\n{{out}} = np.squeeze({{out}}, axis={{axis}})",
    torch="torch.logsumexp({0}, dim={axis})",
    jax="jax.nn.logsumexp({0}, axis={axis})",
    latex=r"\log\sum{_axis} e^{{{0:0}}}",
)
def logsumexp(grad: Value, output: Value, x: Value, *, axis: Axes) -> Any:
    """d log Σeˣ = Σ p·dx with p = softmax x"""
    output = spread(output, x, axis, keepdims=False)
    return spread(grad, x, axis, keepdims=False) * exp(x - output)


def _kept(x: Value, *, axis: Axes) -> Type:
    return infer.mean(x, axis=axis, keepdims=True)


@operation(
    _kept,
    domain=(REALS,),
    numpy=_LOGSUMEXP,
    torch="torch.logsumexp({0}, dim={axis}, keepdim=True)",
    jax="jax.nn.logsumexp({0}, axis={axis}, keepdims=True)",
    latex=r"\log\sum{_axis} e^{{{0:0}}}",
)
def logsumexp_keepdims(grad: Value, output: Value, x: Value, *, axis: Axes) -> Any:
    """d log Σeˣ = Σ p·dx with p = softmax x"""
    return grad * exp(x - output)


# Standardised values. The scale is a value of its own, without a gradient: the rule of
# the quotient accounts for both, as one does on paper.


def _narrow(x: Value, *, axis: Axes, eps: float) -> Type:
    return infer.mean(x, axis=axis, keepdims=True)


deviation = without_gradient(
    "deviation",
    _narrow,
    numpy="np.sqrt(np.var({0}, axis={axis}, keepdims=True) + {eps})",
    torch="torch.sqrt(torch.var({0}, dim={axis}, correction=0, keepdim=True) + {eps})",
    latex=r"\sqrt{{\mathrm{{var}}({0:0}) + \epsilon}}",
)

root_mean_square = without_gradient(
    "root_mean_square",
    _narrow,
    numpy="np.sqrt(np.mean({0:9}**2, axis={axis}, keepdims=True) + {eps})",
    torch="torch.sqrt(torch.mean({0:9}**2, dim={axis}, keepdim=True) + {eps})",
    latex=r"\sqrt{{\mathrm{{mean}}({0:0}^2) + \epsilon}}",
)


@operation(
    _floating,
    numpy=("({0:5} - np.mean({0}, axis={axis}, keepdims=True)) / {1:7}", 6),
    torch=("({0:5} - torch.mean({0}, dim={axis}, keepdim=True)) / {1:7}", 6),
    latex=r"\frac{{{0:5} - \mathrm{{mean}}({0:0})}}{{{1:0}}}",
)
def standardise(
    grad: Value, output: Value, x: Value, scale: Value, *, axis: Axes
) -> Any:
    """d y = (dx - mean(dx) - y·mean(y·dx)) / scale"""
    along = output * _mean(grad * output, axis)
    return (grad - _mean(grad, axis) - along) / scale, None


@operation(_floating, numpy="/", latex=r"\frac{{{0:0}}}{{{1:0}}}")
def over_root_mean_square(
    grad: Value, output: Value, x: Value, scale: Value, *, axis: Axes
) -> Any:
    """d y = (dx - y·mean(y·dx)) / scale"""
    return (grad - output * _mean(grad * output, axis)) / scale, None


length = without_gradient(
    "length",
    _narrow,
    numpy="np.maximum(np.linalg.norm({0}, axis={axis}, keepdims=True), {eps})",
    torch="torch.clamp(torch.linalg.vector_norm({0}, dim={axis}, keepdim=True), {eps})",
    latex=r"\|{0:0}\|",
)


@operation(_floating, numpy="/", latex=r"\frac{{{0:0}}}{{{1:0}}}")
def over_length(
    grad: Value, output: Value, x: Value, scale: Value, *, axis: int, eps: float
) -> Any:
    """d y = (dx - y·Σ y·dx) / scale, without the second term where scale is eps"""
    along = _sum(grad * output, axis) * (scale > eps)
    return (grad - output * along) / scale, None


def _causal(scores: Value) -> Type:
    return Type(scores.shape[-2:], "bool")


causal = without_gradient(
    "causal",
    _causal,
    shape_only=(0,),
    cheap=True,
    numpy="np.tri(*{0:9}.shape[-2:], dtype=bool)",
    torch="torch.ones_like({0}, dtype=torch.bool).tril()",
    latex=r"\mathrm{{causal}}",
)
