"""Values as formulas: the writer of LaTeX.

What is infix in NumPy is infix here too. A rule's ``latex=`` spells the rest, its
braces doubled where they are LaTeX's own; brackets follow from what the template shows.
Only what depends on shapes, products above all, is in ``notation``.
"""

from __future__ import annotations

import re
from typing import Any

from gradproof.derive.emit import symbols
from gradproof.derive.emit.expressions import (
    ATOM,
    COMPARISON,
    LOWEST,
    POWER,
    PRODUCT,
    SIGN,
    SUM,
    Text,
    Writer,
)
from gradproof.derive.emit.notation import INFIX, SHAPED
from gradproof.derive.ir import OPERATIONS, Size, Value

_TOKEN = re.compile(r"\{\{|\}\}|\{(,|\*|_)?(\w+)(?::(\w+))?\}")
_TALL = re.compile(r"\\(frac|sum|prod|sqrt|left)(?![a-z])")


class Formulas(Writer):
    """Writes values as LaTeX."""

    def code(self, value: Value, level: int = LOWEST) -> str:
        """Its formula, in brackets where it binds less than this.

        A comparison among numbers is in square ones: 1 where it holds, 0 elsewhere.
        """
        text = self.text(value)
        if text.level >= level:
            return text.code
        if text.level == COMPARISON:
            return rf"[{text.code}]"
        return bracketed(text.code)

    def expression(self, value: Value) -> Text:
        """What a value is made by, in terms of its operands."""
        if value.operation == "scalar":
            return self.number(value.parameters["value"])
        if value.operation == "constant":
            return Text(self.array(value))
        if value.operation in SHAPED:
            return SHAPED[value.operation](self, value)
        spellings = OPERATIONS[value.operation].spelling
        infix = INFIX.get(spellings.get("numpy")) if _is_infix(spellings) else None
        if infix is not None:
            return infix(self, value)
        return self.template(spellings.get("latex") or _call(value), value)

    def template(self, spelling: Any, value: Value) -> Text:
        """A rule's spelling, filled in."""
        if callable(spelling):
            text: Text = spelling(self, value)
            return text
        if isinstance(spelling, tuple):
            return Text(self.filled(spelling[0], value), spelling[1])
        if spelling == "{0}":
            return self.text(value.operands[0])
        return Text(self.filled(spelling, value), level_of(spelling))

    def filled(self, template: str, value: Value) -> str:
        """A template with the operands and parameters of a value."""

        def fill(match: re.Match[str]) -> str:
            if match[0] in ("{{", "}}"):
                return match[0][0]
            mark, name, level = match.groups()
            if name.isdigit():
                code = self.code(value.operands[int(name)], int(level or LOWEST))
                gets_another = template[match.end() :].startswith("_")
                return f"{{{code}}}" if gets_another and "_" in code else code
            parameter = value.parameters.get(name)
            if mark == "_":
                return over(parameter)
            return self.literal(parameter)

        return _TOKEN.sub(fill, template)

    def literal(self, parameter: Any) -> str:
        """A parameter; a size as what it is the size of."""
        if isinstance(parameter, Size):
            return self.code(parameter.value)
        if isinstance(parameter, tuple | list):
            return ", ".join(map(self.literal, parameter))
        if isinstance(parameter, int | float) and not isinstance(parameter, bool):
            return self.number(parameter).code
        return rf"\mathrm{{{_plain(str(parameter))}}}"

    def number(self, number: Any) -> Text:
        """A number of Python's own."""
        if isinstance(number, bool):
            return Text(rf"\mathrm{{{number}}}")
        code, is_one_factor = symbols.number(number)
        if number == number and not isinstance(number, complex) and number < 0:
            return Text(code, SUM)
        return Text(code, ATOM if is_one_factor else PRODUCT)

    def array(self, value: Value) -> str:
        """A small array that the forward closed over: its numbers in brackets."""
        return self._nested(value.parameters["array"].tolist())

    def _nested(self, values: Any) -> str:
        if isinstance(values, list):
            return rf"[{', '.join(map(self._nested, values))}]"
        return self.number(values).code


def bracketed(code: str) -> str:
    """In round brackets, as tall as what is inside."""
    if _TALL.search(code):
        return rf"\left( {code} \right)"
    return f"({code})"


def over(axis: Any) -> str:
    """The subscript of a sum over some axes; none where it is over all."""
    if axis is None:
        return ""
    several = isinstance(axis, tuple | list) and len(axis) > 1
    listed = ", ".join(map(str, axis)) if isinstance(axis, tuple | list) else str(axis)
    return rf"_{{\mathrm{{{'axes' if several else 'axis'}}}\,{listed}}}"


def level_of(template: str) -> int:
    """How tightly what a template makes binds, by what is outside of its brackets."""
    outside, depth = "", 0
    for part in re.split(r"(\{\{|\}\}|\{[^{}]*\}|[()\[\]])", template):
        if part in ("{{", "(", "["):
            depth += 1
        elif part in ("}}", ")", "]"):
            depth -= 1
        elif not depth:
            outside += part
    shown = re.sub(r"\{[^{}]*\}", "X", outside)
    if re.search(r"(^| )[+-]", shown) or shown.startswith((r"\sum", r"\prod")):
        return SUM
    if re.search(r"X \S", shown):
        return PRODUCT
    if re.search(r"\\\w+(\\,| )X", shown) or shown.count("\\") > 1:
        return SIGN
    return POWER if "^" in shown or shown.startswith(r"\frac") else ATOM


def _is_infix(spellings: Any) -> bool:
    return isinstance(spellings.get("numpy"), str)


def _call(value: Value) -> str:
    """For an operation that nobody spelled."""
    arguments = ", ".join(f"{{{i}:0}}" for i in range(len(value.operands)))
    return rf"\mathrm{{{{{_plain(value.operation)}}}}}({arguments})"


def _plain(text: str) -> str:
    return text.replace("_", r"\_")
