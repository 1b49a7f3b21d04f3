"""What losses are made of: the entry of a label, one-hot rows, robust distances."""

from __future__ import annotations

from typing import Any

from gradproof.derive import infer
from gradproof.derive.emit.expressions import ATOM, COMPARISON, Text, Writer
from gradproof.derive.ir import Type, Value
from gradproof.derive.rules._define import (
    REALS,
    elementwise,
    operation,
    without_gradient,
)
from gradproof.derive.rules.elementwise import log
from gradproof.derive.rules.shape import expand_dims


def class_axis(x: Value) -> int:
    """Where torch has the classes: second, or first where there is no batch."""
    return min(x.ndim - 1, 1)


def _picked(x: Value, labels: Value) -> Type:
    axis = class_axis(x)
    expected = x.shape[:axis] + x.shape[axis + 1 :]
    if labels.shape != expected:
        problem = f"labels of shape {labels.shape} do not fit {x.shape}"
        raise infer.SizesDifferError(problem, labels.shape, expected, broadcasts=True)
    return Type(expected, x.dtype)


def _spell_picked(writer: Writer, value: Value) -> Text:
    """x[np.arange(len(labels)), labels]: an entry a row."""
    x, labels = value.operands
    code, index = writer.code(x, ATOM), writer.code(labels, ATOM)
    if x.ndim == 1:
        return Text(f"{code}[{writer.code(labels)}]")
    if writer.form == "torch":
        return Text(f"{code}.gather(1, {index}[:, None])[:, 0]")
    if x.ndim == 2:
        rows = f"{writer.module}.arange({writer.shape(labels)}[0])"
        return Text(f"{code}[{rows}, {writer.code(labels)}]")
    chosen = f"({writer.code(x)}, {index}[:, None], axis=1)[:, 0]"
    return Text(f"{writer.module}.take_along_axis{chosen}")


@operation(_picked, numpy=_spell_picked, latex=r"{0:9}_{{{1:0}}}")
def picked(grad: Value, output: Value, x: Value, labels: Value) -> Any:
    """d x_y = dx_y: only the entry of the label gets a gradient"""
    if x.ndim > 1:
        grad = expand_dims(grad, axis=(1,))
    return grad * is_label(labels, x), None


def _is_label(labels: Value, like: Value) -> Type:
    return Type(like.shape, "bool")


def _spell_is_label(writer: Writer, value: Value) -> Text:
    """labels[:, None] == np.arange(classes)"""
    labels, like = value.operands
    axis = class_axis(like)
    classes = f"{writer.shape(like)}[{axis}]"
    if writer.form == "torch":
        code = f"torch.nn.functional.one_hot({writer.code(labels)}, {classes})"
        return Text(f"{code}.movedim(-1, 1)" if like.ndim > 2 else code)
    column = "[:, None]" if axis else ""
    numbers = f"{writer.module}.arange({classes})"
    if like.ndim > 2:
        numbers += f"[{', '.join([':', *['None'] * (like.ndim - 2)])}]"
    level = ATOM if column else 4
    return Text(f"{writer.code(labels, level)}{column} == {numbers}", COMPARISON)


is_label = without_gradient(
    "is_label",
    _is_label,
    shape_only=(1,),
    cheap=True,
    numpy=_spell_is_label,
    latex=r"e_{{{0:0}}}",
)


_HUBER = """\
{out} = np.minimum(np.abs({0}), {delta})
{out} = {out} * (np.abs({0}) - 0.5 * {out})"""

_TORCH_HUBER = """\
{out} = torch.clamp(torch.abs({0}), max={delta})
{out} = {out} * (torch.abs({0}) - 0.5 * {out})"""

_BINARY_CROSS_ENTROPY = """\
{out} = {1:6} * np.maximum(np.log({0}), -100)
{out} = -{out} - (1 - {1:6}) * np.maximum(np.log(1 - {0:6}), -100)"""


@elementwise(REALS, numpy=_HUBER, torch=_TORCH_HUBER, latex=r"\mathrm{{huber}}({0:0})")
def huber(grad: Value, output: Value, x: Value, *, delta: float) -> Any:
    """d huber = clip(x, -δ, δ)·dx"""
    return grad * clipped(x, delta=delta)


def _like_itself(x: Value, *, delta: float) -> Type:
    return infer.floating(x)


clipped = without_gradient(
    "clipped",
    _like_itself,
    numpy="np.clip({0}, -{delta}, {delta})",
    torch="torch.clamp({0}, -{delta}, {delta})",
    latex=r"\mathrm{{clip}}({0:0})",
)


@elementwise(
    (0.1, 0.9),
    (0.0, 1.0),
    numpy=_BINARY_CROSS_ENTROPY,
    torch='torch.nn.functional.binary_cross_entropy({0}, {1}, reduction="none")',
    latex=r"-{1:6} \log {0:7} - (1 - {1:6}) \log(1 - {0:6})",
)
def binary_cross_entropy(grad: Value, output: Value, p: Value, t: Value) -> Any:
    """d ℓ = (p - t) / (p·(1 - p))·dp + (log(1 - p) - log p)·dt"""
    return grad * (p - t) / (p * (1 - p)), grad * (log(1 - p) - log(p))
