"""Names of what makes arrays from shapes and numbers, and of what changes dtypes."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradproof.derive.calls._table import call
from gradproof.derive.calls.shapes import listed
from gradproof.derive.ir import LARGEST, Size, Value, constant, scalar
from gradproof.derive.rules import creation, shape

_PYTHON = {float: "float64", int: "int64", bool: "bool", complex: "complex128"}
_SHORT = {
    "float": "float32",
    "double": "float64",
    "half": "float16",
    "bfloat16": "bfloat16",
    "long": "int64",
    "int": "int32",
    "bool": "bool",
    "cfloat": "complex64",
    "cdouble": "complex128",
}


def dtype_name(dtype: Any) -> str:
    """The name of a dtype, NumPy's, torch's, Python's or by name."""
    if dtype in _PYTHON:
        return _PYTHON[dtype]
    if str(dtype).startswith("torch."):
        return str(dtype).removeprefix("torch.")
    return str(np.dtype(dtype).name)


@call("astype", "type", "type_as")
def astype(x: Value, dtype: Any, copy: bool = True) -> Value:
    name = dtype.dtype if isinstance(dtype, Value) else dtype_name(dtype)
    return x if x.dtype == name else shape.cast(x, dtype=name)


@call("to")
def to(x: Value, *targets: Any, dtype: Any = None, device: Any = None) -> Value:
    for target in (*targets, dtype):
        if isinstance(target, Value) or str(target).startswith("torch."):
            x = astype(x, target)
    return x


def _short(name: str) -> Any:
    return lambda x: x if x.dtype == name else shape.cast(x, dtype=name)


for _method, _name in _SHORT.items():
    call(_method, library="torch")(_short(_name))


@call("full_like")
def full_like(x: Value, fill_value: Any, dtype: Any = None) -> Value:
    spread = shape.broadcast_like(fill_value, x)
    return spread if dtype is None else astype(spread, dtype)


@call("zeros_like")
def zeros_like(x: Value, dtype: Any = None) -> Value:
    return full_like(x, 0.0 if x.is_differentiable else 0, dtype)


@call("ones_like")
def ones_like(x: Value, dtype: Any = None) -> Value:
    return full_like(x, 1.0 if x.is_differentiable else 1, dtype)


@call("empty_like", "empty", "new_empty")
def empty_like(*_: Any, **__: Any) -> Value:
    raise ValueError("an empty array is for writing into: use zeros, concat or stack")


def _filled(number: int, sizes: tuple[Any, ...], dtype: Any) -> Value:
    return shape.full(number, shape=listed(sizes), dtype=dtype_name(dtype))


@call("zeros")
def zeros(size: Any, *more: int, dtype: Any = None) -> Value:
    return _filled(0, (size, *more), dtype or float)


@call("ones")
def ones(size: Any, *more: int, dtype: Any = None) -> Value:
    return _filled(1, (size, *more), dtype or float)


@call("full")
def full(size: Any, fill_value: Any, *, dtype: Any = None) -> Value:
    number = fill_value if isinstance(fill_value, Value) else scalar(fill_value)
    name = number.dtype if number.dtype not in ("float", "int") else "float64"
    sizes = (size,) if isinstance(size, int) else tuple(size)
    return shape.full(number, shape=sizes, dtype=dtype_name(dtype) if dtype else name)


@call("new_zeros")
def new_zeros(x: Value, size: Any, *more: int, dtype: Any = None) -> Value:
    return _filled(0, (size, *more), dtype or x.dtype)


@call("new_ones")
def new_ones(x: Value, size: Any, *more: int, dtype: Any = None) -> Value:
    return _filled(1, (size, *more), dtype or x.dtype)


@call("new_full")
def new_full(x: Value, size: Any, fill_value: Any, dtype: Any = None) -> Value:
    name = dtype_name(dtype) if dtype else x.dtype
    return shape.full(fill_value, shape=tuple(size), dtype=name)


def _written_out(array: Any) -> Value:
    """What NumPy makes, as a constant."""
    if array.size > LARGEST:
        raise ValueError(
            f"it makes {array.size} numbers, more than source can hold: "
            "make the array an input"
        )
    return constant(array)


def _plain(number: Any) -> Any:
    return int(number) if isinstance(number, Size) else number


@call("arange")
def arange(start: Any, stop: Any = None, step: Any = 1, *, dtype: Any = None) -> Value:
    bounds = (0, start) if stop is None else (start, stop)
    kind = dtype_name(dtype) if dtype else None
    if (
        isinstance(bounds[1], int)
        and (bounds[0], step) == (0, 1)
        and kind in (None, "int64")
    ):
        return creation.arange(stop=bounds[1])
    first, last = map(_plain, bounds)
    return _written_out(np.arange(first, last, step, dtype=kind))


@call("linspace")
def linspace(start: Any, stop: Any, num: int = 50, *, endpoint: bool = True) -> Value:
    return _written_out(np.linspace(start, stop, int(num), endpoint=endpoint))


@call("eye")
def eye(
    n_rows: int, n_cols: int | None = None, *, k: int = 0, dtype: Any = None
) -> Value:
    if n_cols is None and k == 0:
        return creation.eye(size=n_rows, dtype=dtype_name(dtype or float))
    columns = None if n_cols is None else int(n_cols)
    kind = dtype_name(dtype or float)
    return _written_out(np.eye(int(n_rows), columns, k=k, dtype=kind))
