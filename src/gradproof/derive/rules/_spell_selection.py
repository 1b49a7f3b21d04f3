"""Spellings of what joins arrays, and of what chooses among their elements."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from gradproof.derive import infer
from gradproof.derive.emit.expressions import ATOM, Text, Writer
from gradproof.derive.ir import Value


def concatenate(writer: Writer, value: Value) -> Text:
    """np.concatenate([x, y]) and np.stack([x, y], axis=1)."""
    arrays = ", ".join(map(writer.code, value.operands))
    axis = value.parameters["axis"]
    if writer.form == "latex":
        return Text(rf"\mathrm{{{value.operation}}}({arrays})")
    name, keyword = value.operation, "axis"
    if writer.form == "torch":
        name, keyword = ("cat" if name == "concatenate" else name), "dim"
    option = f", {keyword}={axis}" if axis else ""
    return Text(f"{writer.module}.{name}([{arrays}]{option})")


def pad(writer: Writer, value: Value) -> Text:
    """Pairs of widths; torch's go from the last axis to the first."""
    (x,) = value.operands
    widths, number = value.parameters["widths"], value.parameters.get("value", 0)
    if writer.form == "torch":
        axes = list(widths)
        while len(axes) > 1 and axes[0] == (0, 0):
            axes.pop(0)
        flat = tuple(width for pair in axes[::-1] for width in pair)
        option = f", value={writer.literal(number)}" if number else ""
        code = f"{writer.code(x)}, {writer.literal(flat)}{option}"
        return Text(f"torch.nn.functional.pad({code})")
    option = f", constant_values={writer.literal(number)}" if number else ""
    code = f"{writer.code(x)}, {writer.literal(tuple(widths))}{option}"
    return Text(f"{writer.module}.pad({code})")


def index(writer: Writer, value: Value, arrays: Sequence[Value]) -> str:
    """What stands in the brackets of x[...]."""
    return brackets(writer, value.parameters["index"], arrays)


def brackets(writer: Writer, index: Sequence[Any], arrays: Sequence[Value]) -> str:
    """An index as it is written."""
    parts = []
    for part in index:
        if isinstance(part, tuple) and part[0] == "slice":
            parts.append(_slice(writer, *part[1:]))
        elif isinstance(part, tuple):
            parts.append(writer.code(arrays[part[1]]))
        else:
            parts.append(part if part == "..." else writer.literal(part))
    return ", ".join(parts) or "..."


_SIMPLE = re.compile(r"-?\w*")


def _slice(writer: Writer, start: Any, stop: Any, step: Any) -> str:
    """A slice, with the spaces that ruff leaves around long bounds."""
    first, last = ("" if n is None else writer.literal(n) for n in (start, stop))
    bounds = [first, last] if step is None else [first, last, writer.literal(step)]
    if all(_SIMPLE.fullmatch(bound) for bound in bounds):
        return ":".join(bounds)
    return " : ".join(bounds).strip() if first else f": {' : '.join(bounds[1:])}"


def getitem(writer: Writer, value: Value) -> Text:
    """x[:, 0]"""
    x, *arrays = value.operands
    return Text(f"{writer.code(x, ATOM)}[{index(writer, value, arrays)}]")


def zeros_like(writer: Writer, like: Value, grad: Value) -> str:
    """Zeros in a shape, whose array need not be at hand."""
    if writer.is_at_hand(like):
        return f"{writer.module}.zeros_like({writer.code(like)})"
    shape, code = writer.shape(like), writer.code(grad, ATOM)
    if writer.form == "torch":
        return f"{code}.new_zeros({shape})"
    return f"{writer.module}.zeros({shape}, {code}.dtype)"


def at_index_jax(writer: Writer, value: Value) -> Text:
    """zeros.at[:, 0].add(grad)"""
    grad, like, *arrays = value.operands
    zeros, where = zeros_like(writer, like, grad), index(writer, value, arrays)
    return Text(f"{zeros}.at[{where}].add({writer.code(grad)})")


def at_index(writer: Writer, value: Value) -> Text:
    """Zeros, then the elements set; or added, where one may be there twice."""
    grad, like, *arrays = value.operands
    zeros, where = zeros_like(writer, like, grad), index(writer, value, arrays)
    code = writer.code(grad)
    if not arrays or _all_different(arrays):
        return Text(f"{{out}} = {zeros}\n{{out}}[{where}] = {code}")
    kinds = [part[0] for part in value.parameters["index"] if isinstance(part, tuple)]
    only_arrays = kinds == ["array"] * len(value.parameters["index"])
    if writer.form == "numpy":
        if not only_arrays:
            where = f"np.s_[{where}]"
        elif len(arrays) > 1:
            where = f"({where})"
        return Text(f"{{out}} = {zeros}\nnp.add.at({{out}}, {where}, {code})")
    if only_arrays:
        where = f"({where},)" if len(arrays) == 1 else f"({where})"
        return Text(f"{zeros}.index_put({where}, {code}, accumulate=True)")
    if kinds == ["slice"] * (len(kinds) - 1) + ["array"] and arrays[0].ndim == 1:
        parts = value.parameters["index"]
        if parts[:-1] == (("slice", None, None, None),) * (len(parts) - 1):
            places = writer.code(arrays[0])
            return Text(f"{zeros}.index_add({len(kinds) - 1}, {places}, {code})")
    shape, device = writer.shape(like), f"{writer.code(grad, ATOM)}.device"
    return Text(
        f"{{out}} = torch.arange({shape}.numel(), device={device}).reshape({shape})\n"
        f"{{out}} = {zeros}.put({{out}}[{where}], {code}, accumulate=True)"
    )


def at_several(writer: Writer, value: Value) -> Text:
    """Zeros, then each part added where it belongs."""
    like, *grads = value.operands
    zeros = zeros_like(writer, like, grads[0])
    places = [brackets(writer, one, ()) for one in value.parameters["indices"]]
    pairs = zip(places, map(writer.code, grads), strict=True)
    if writer.form == "jax":
        chain = "".join(f"\n{{out}} = {{out}}.at[{p}].add({g})" for p, g in pairs)
        return Text(f"{{out}} = {zeros}{chain}")
    lines = "".join(f"\n{{out}}[{place}] += {grad}" for place, grad in pairs)
    return Text(f"{{out}} = {zeros}{lines}")


def _all_different(arrays: Sequence[Value]) -> bool:
    """Whether constants among the index arrays say that no element is there twice."""
    shape = infer.broadcast(*arrays)
    for array in arrays:
        if array.operation == "arange" and array.shape == shape:
            return True
        if array.operation == "constant" and array.shape == shape:
            values = array.parameters["array"]
            if (values >= 0).all() and len(np.unique(values)) == values.size:
                return True
    return False


def add_along_axis(writer: Writer, value: Value) -> Text:
    """The gradient of take_along_axis, and of sort."""
    grad, like, indices = value.operands
    zeros, axis = zeros_like(writer, like, grad), value.parameters["axis"]
    code, places = writer.code(grad), writer.code(indices)
    if writer.form == "torch":
        return Text(f"{zeros}.scatter_add({axis}, {places}, {code})")
    name = "np.put_along_axis" if indices.operation == "argsort" else "add_along_axis"
    call = f"{name}({{out}}, {places}, {code}, axis={axis})"
    return Text(f"{{out}} = {zeros}\n{call}")


at_index.is_statement = True  # type: ignore[attr-defined]
at_several.is_statement = True  # type: ignore[attr-defined]
add_along_axis.is_statement = True  # type: ignore[attr-defined]
