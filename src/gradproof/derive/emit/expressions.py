"""One value as text: how its operation is spelled in a form.

A spelling is one of

    "+"                      an infix operator, or a prefix one
    "np.sum({0}{,axis})"     a template
    ("1 / {0:7}", 6)         a template with the precedence of what it makes
    function                 (writer, value) -> Text

In a template ``{0}`` is an operand as an argument, ``{0:9}`` an operand in brackets
where it binds less than 9, ``{0:shape}`` its shape, ``{axis}`` a parameter,
``{dtype!s}`` a word without its quotes, ``{*shape}`` one without its brackets,
``{,axis}`` an optional keyword, ``{,axis:dim}`` one by another name.
A template with ``{out} = `` is a statement of one or more lines.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from gradproof.derive.emit.precision import in_full_precision
from gradproof.derive.ir import OPERATIONS, Size, Value, sizes_in

ATOM, POWER, SIGN, PRODUCT, SUM, COMPARISON, LOWEST = 9, 8, 7, 6, 5, 3, 0
PRECEDENCE = {
    "+": SUM,
    "-": SUM,
    "*": PRODUCT,
    "/": PRODUCT,
    "//": PRODUCT,
    "%": PRODUCT,
    "@": PRODUCT,
    "**": POWER,
    "&": 4,
    "|": 4,
} | dict.fromkeys(("<", "<=", ">", ">=", "==", "!="), COMPARISON)
_FIELD = re.compile(r"\{(,|\*|_)?(\w+)(!s)?(?::(\w+))?\}")
_SIMPLE = re.compile(r"-?[\w.]+")


class Text(NamedTuple):
    """Code, and how tightly it binds."""

    code: str
    level: int = ATOM


@dataclass
class Writer:
    """Writes values in one form.

    Attributes:
        form: ``"numpy"``, ``"torch"`` or ``"jax"``.
        names: what values are called that have a statement of their own.
        shapes: what the shape of a value is called whose array is not at hand.
        arrays: what is at hand everywhere, whose dtype and device new arrays take.
        is_prose: whether it writes a comment, where these do not matter.
    """

    form: str
    names: Mapping[int, str] = field(default_factory=dict)
    shapes: Mapping[int, str] = field(default_factory=dict)
    arrays: Sequence[Value] = ()
    is_prose: bool = False

    @property
    def module(self) -> str:
        """What the array library is imported as."""
        return {"numpy": "np", "torch": "torch", "jax": "jnp"}[self.form]

    def text(self, value: Value) -> Text:
        """The name of a value, or the expression that it is."""
        if id(value) in self.names:
            return Text(self.names[id(value)])
        return self.expression(value)

    def code(self, value: Value, level: int = LOWEST) -> str:
        """Its text, in brackets where it binds less than this."""
        text = self.text(value)
        return text.code if text.level >= level else f"({text.code})"

    def expression(self, value: Value) -> Text:
        """What a value is made by, in terms of its operands."""
        if value.operation == "scalar":
            return self.number(value.parameters["value"])
        if value.operation == "constant":
            return Text(self.array(value))
        if self.form == "torch":
            value = in_full_precision(value, self.names, self.arrays)
        spelling = self.spelling(value)
        if callable(spelling):
            text: Text = spelling(self, value)
            return text
        if isinstance(spelling, tuple):
            return Text(self.filled(spelling[0], value), spelling[1])
        if spelling in PRECEDENCE:
            return self.operator(spelling, value)
        return Text(self.filled(spelling, value))

    def spelling(self, value: Value) -> Any:
        """How its operation is spelled in this form."""
        spellings = OPERATIONS[value.operation].spelling
        if self.form in spellings:
            return spellings[self.form]
        given = spellings.get("numpy")
        if callable(given) or given in PRECEDENCE:
            return given
        if (self.form == "torch" and isinstance(given, tuple)) or (
            self.form == "torch" and given and not re.search(r"\bnp\.", given)
        ):
            return given
        module = {"numpy": "np", "torch": "torch", "jax": "jnp"}[self.form]
        if self.form == "jax" and isinstance(given, str):
            return re.sub(r"\bnp\.", "jnp.", given)
        if self.form == "jax" and isinstance(given, tuple):
            return (re.sub(r"\bnp\.", "jnp.", given[0]), given[1])
        if given and self.form == "numpy":
            return given
        arguments = ", ".join(f"{{{i}}}" for i in range(len(value.operands)))
        return f"{module}.{value.operation}({arguments})"

    def operator(self, symbol: str, value: Value) -> Text:
        """Infix or prefix, with the brackets that it needs and no more."""
        level = PRECEDENCE[symbol]
        if len(value.operands) == 1:
            positive = self.without_sign(value.operands[0])
            if positive is not None:
                return self.text(positive)
            text = self.text(value.operands[0])
            if text.level == POWER or self.needs_brackets(value.operands[0]):
                return Text(f"{symbol}({text.code})", SIGN)
            inner = self.code(value.operands[0], PRODUCT)
            return Text(f"{symbol}{inner}", PRODUCT if text.level == PRODUCT else SIGN)
        left, right = value.operands
        positive = self.without_sign(right)
        if positive is not None and symbol in "+-":
            symbol, right = {"+": "-", "-": "+"}[symbol], positive
        if symbol == "**":
            base = self.code(left, ATOM)
            exponent = self.code(right, SIGN)
            simple = _SIMPLE.fullmatch(base) and _SIMPLE.fullmatch(exponent)
            return Text(
                f"{base}**{exponent}" if simple else f"{base} ** {exponent}", POWER
            )
        if level == COMPARISON:
            return Text(f"{self.code(left, 4)} {symbol} {self.code(right, 4)}", level)
        return Text(
            f"{self.code(left, level)} {symbol} {self.code(right, level + 1)}", level
        )

    def without_sign(self, value: Value) -> Value | None:
        """What a negative value is the negative of, unless it has a name."""
        if value.operation != "negative" or id(value) in self.names:
            return None
        return value.operands[0]

    def needs_brackets(self, value: Value) -> bool:
        """Whether a sign before a product would be read as its first factor's.

        That is the same number, but of a power it misleads, and of a truth value it is
        an error.
        """
        while value.dtype != "bool":
            if id(value) in self.names or not value.operands:
                return False
            spelling = self.spelling(value)
            level = PRECEDENCE.get(spelling) if isinstance(spelling, str) else None
            if level != PRODUCT:
                return level == POWER
            value = value.operands[0]
        return True

    def filled(self, template: str, value: Value) -> str:
        """A template with the operands and parameters of a value."""

        def fill(match: re.Match[str]) -> str:
            mark, name, bare, rest = match.groups()
            if bare:
                return str(value.parameters[name])
            if name.isdigit() and rest == "shape":
                return self.shape(value.operands[int(name)])
            if name.isdigit():
                return self.code(value.operands[int(name)], int(rest or LOWEST))
            if name == "operation":
                return value.operation
            if name == "out":
                return self.names[id(value)]
            parameter = value.parameters.get(name)
            if mark == ",":
                if parameter is None or parameter is False:
                    return ""
                return f", {rest or name}={self.literal(parameter)}"
            if mark == "*":
                return ", ".join(map(self.literal, parameter or ()))
            return self.literal(parameter)

        return _FIELD.sub(fill, template)

    def literal(self, parameter: Any) -> str:
        """A parameter as source; a size as what it is the size of."""
        if isinstance(parameter, Size):
            return self.code(parameter.value)
        if isinstance(parameter, tuple | list):
            inner = ", ".join(map(self.literal, parameter))
            return f"({inner},)" if len(parameter) == 1 else f"({inner})"
        if isinstance(parameter, str):
            return f'"{parameter}"'
        if isinstance(parameter, float):
            return self.number(parameter).code
        return repr(parameter)

    def number(self, number: Any) -> Text:
        """A number of Python's own."""
        if isinstance(number, complex):
            return Text(repr(number))
        if isinstance(number, float) and not math.isfinite(number):
            name = "nan" if math.isnan(number) else "inf"
            module = self.module
            return (
                Text(f"-{module}.{name}", SIGN)
                if number < 0
                else Text(f"{module}.{name}")
            )
        return Text(repr(number), SIGN if number < 0 else ATOM)

    def array(self, value: Value) -> str:
        """A small array that the forward closed over."""
        array = value.parameters["array"]
        plain = {"int64", "bool"}
        options = self.options(value, plain | self.own_dtypes)
        size = len(array) if array.ndim else 0
        if size > 1 and np.array_equal(array, np.arange(size)) and value.dtype in plain:
            return f"{self.module}.arange({size}{options})"
        if size > 1 and array.ndim == 2 and np.array_equal(array, np.eye(size)):
            return f"{self.module}.eye({size}{options})"
        make = "tensor" if self.form == "torch" else "array"
        return f"{self.module}.{make}({array.tolist()}{options})"

    @property
    def own_dtypes(self) -> set[str]:
        """What numbers become here without being told."""
        return {"float64"} if self.form == "numpy" else set()

    def options(self, value: Value, plain: Container[str] = ()) -> str:
        """The dtype and device of a new array, as arguments to put behind others.

        Args:
            value: the new array.
            plain: dtypes that need not be said.
        """
        if self.is_prose:
            return ""
        like = self.alike(value)
        if like is not None:
            dtype = f", dtype={self.code(like, ATOM)}.dtype"
        elif value.dtype in plain:
            dtype = ""
        elif value.dtype == "bool" and self.form != "torch":
            dtype = ", dtype=bool"
        else:
            dtype = f", dtype={self.module}.{value.dtype}"
        if self.form != "torch" or not self.arrays:
            return dtype
        there = self.code(like or self.arrays[0], ATOM)
        return f"{dtype}, device={there}.device"

    def alike(self, value: Value) -> Value | None:
        """An array at hand of the same floating dtype: whose size it has, or the first.

        A single number may be Python's own, which has no dtype, except in torch.
        """
        fitting = [
            one
            for one in self.arrays
            if value.is_differentiable and one.dtype == value.dtype
            if one.ndim or self.form == "torch"
        ]
        sizes = [s for p in value.parameters.values() for s in sizes_in(p)]
        sized = {id(operand) for size in sizes for operand in size.operands}
        return next((v for v in fitting if id(v) in sized), next(iter(fitting), None))

    def shape(self, value: Value) -> str:
        """The shape of a value, whose array need not be at hand."""
        if id(value) in self.shapes:
            return self.shapes[id(value)]
        return f"{self.code(value, ATOM)}.shape"

    def is_at_hand(self, value: Value) -> bool:
        """Whether the array itself may be named."""
        return id(value) not in self.shapes


Speller = Callable[[Writer, Value], Text]
