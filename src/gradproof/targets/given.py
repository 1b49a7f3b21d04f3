"""Inputs as they are given at the prompt: ``x=3,4``, ``labels=5:int64:0..10``."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from gradproof._errors import InputError

FORMS = "NAME=SHAPE, NAME=SHAPE:DTYPE or NAME=SHAPE:DTYPE:LOW..HIGH, or NAME=NUMBER"
_SHAPE = re.compile(r"\(\)|\d+(,\d+)*,?")
_DTYPE = re.compile(
    r"(torch\.)?(bool|u?int(?:8|16|32|64)|float(?:16|32|64)|bfloat16|complex(?:64|128))"
)


@dataclass(frozen=True, kw_only=True)
class Given:
    """An input to make up.

    Attributes:
        name: of the parameter.
        shape: of the array.
        number: what it holds, if a single number was given.
        dtype: of the array; None where it was not given.
        library: "torch" where the dtype said so, else None.
        low, high: where its values lie, if that was given; the end is left out of
            whole numbers.
    """

    name: str
    shape: tuple[int, ...] = ()
    number: float | None = None
    dtype: str | None = None
    library: str | None = None
    low: float | None = None
    high: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for a worker."""
        return asdict(self)

    @classmethod
    def from_dict(cls, shown: Mapping[str, Any]) -> Given:
        """What a dictionary of ``to_dict`` came from."""
        return cls(**{**shown, "shape": tuple(shown["shape"])})


def parse_example(text: str) -> Given:
    """Read an ``--example``.

    Raises:
        InputError: where it is none.
    """
    name, equals, rest = text.partition("=")
    if not equals or not name.isidentifier():
        raise InputError(f"{text!r} is no example: give {FORMS}")
    shape, *more = rest.replace(" ", "").split(":")
    number = _number(shape)
    if number is not None:
        return _with_dtype(text, name, more, number=number)
    if not _SHAPE.fullmatch(shape):
        raise InputError(
            f"{text!r}: {shape!r} is neither a shape, as in 3,4 or 5 or (), "
            "nor a number, as in 2.5"
        )
    sizes = tuple(int(n) for n in shape.strip("()").split(",") if n)
    return _with_dtype(text, name, more, shape=sizes)


def _with_dtype(text: str, name: str, more: list[str], **known: Any) -> Given:
    fields: dict[str, Any] = {}
    for part in more:
        dtype = _DTYPE.fullmatch(part)
        low, dots, high = part.partition("..")
        if dtype:
            fields["dtype"] = dtype[2]
            fields["library"] = "torch" if dtype[1] else None
        elif dots and _is_number(low) and _is_number(high) and float(low) < float(high):
            fields["low"], fields["high"] = float(low), float(high)
        else:
            raise InputError(
                f"{text!r}: {part!r} is neither a dtype, as in float32, int64, bool or "
                "torch.float32, nor a range, as in 0..10"
            )
    return Given(name=name, **known, **fields)


def parse_option(text: str) -> tuple[str, Any]:
    """Read an ``--option``: a Python literal, or else a string.

    Raises:
        InputError: where it is none.
    """
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise InputError(f"{text!r} is no option: give NAME=VALUE, as in axis=1")
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value


def made(given: Given, seed: int, dtype: str = "float64") -> Any:
    """The NumPy array: standard normal, or spread over the range that was given.

    Integers are 0 and 1 unless a range is given.

    Args:
        given: what to make.
        seed: of the random numbers; each name has its own.
        dtype: where none was given.
    """
    import numpy as np

    dtype = given.dtype or dtype
    known = "float32" if dtype == "bfloat16" else dtype
    if given.number is not None:
        return np.asarray(given.number, dtype=known)
    rng = np.random.default_rng([seed, *given.name.encode()])
    if dtype == "bool":
        return np.asarray(rng.random(given.shape) < 0.5)
    if "int" in dtype:
        low, high = (0, 2) if given.low is None else (given.low, given.high)
        values: Any = rng.integers(int(low), int(high or 0), given.shape)
    elif given.low is not None and given.high is not None:
        values = rng.uniform(given.low, given.high, given.shape)
    else:
        values = rng.standard_normal(given.shape)
    if "complex" in dtype:
        values = values + 1j * rng.standard_normal(given.shape)
    return np.asarray(values, dtype=known)


def as_torch(array: Any, dtype: str) -> Any:
    """A tensor of this dtype."""
    import torch

    return torch.as_tensor(array).to(getattr(torch, dtype))


def _number(text: str) -> float | None:
    """A number that is no shape: one with a point, an exponent or a sign."""
    return None if _SHAPE.fullmatch(text) or not _is_number(text) else float(text)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def missing(names: Sequence[str]) -> str:
    """How to give these inputs."""
    return " ".join(f"--example {name}=SHAPE" for name in names)
