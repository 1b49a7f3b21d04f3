"""Operators as formulas write them, and what depends on shapes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gradproof.derive.emit.expressions import (
    ATOM,
    COMPARISON,
    POWER,
    PRODUCT,
    SIGN,
    SUM,
    Text,
)
from gradproof.derive.ir import Value

if TYPE_CHECKING:
    from gradproof.derive.emit.formulas import Formulas

RELATIONS = {
    "<": "<",
    "<=": r"\leq",
    ">": ">",
    ">=": r"\geq",
    "==": "=",
    "!=": r"\neq",
}
LOGIC = {"&": r"\wedge", "|": r"\vee"}


def plus_or_minus(sign: str) -> Callable[[Formulas, Value], Text]:
    """A sum or a difference, or what is negated."""

    def spell(writer: Formulas, value: Value) -> Text:
        if len(value.operands) == 1:
            return Text(f"{sign}{writer.code(value.operands[0], PRODUCT)}", SUM)
        left, right = value.operands
        level = SUM if sign == "+" else PRODUCT
        first = writer.code(left, SUM)
        second = writer.text(right)
        if sign == "+" and second.code.startswith("-") and second.level == SUM:
            return Text(f"{first} - {second.code[1:]}", SUM)
        is_sum = right.operation == "sum" and id(right) not in writer.names
        after = second.code if is_sum else writer.code(right, level)
        return Text(f"{first} {sign} {after}", SUM)

    return spell


def times(writer: Formulas, value: Value) -> Text:
    """Elementwise; a single number stands before what it multiplies."""
    left, right = value.operands
    for column, row in ((left, right), (right, left)):
        if _is_column(column) and _is_row(row):
            return _outer(writer, column, row)
    if right.number() is not None and left.number() is None:
        left, right = right, left
    if left.number() is not None and right.operation in ("scalar", "size"):
        return _product(writer, left, right, r" \cdot ")
    if () in (left.shape, right.shape):
        return _product(writer, left, right, r" \, ", PRODUCT)
    return _product(writer, left, right, r" \odot ", PRODUCT)


def _product(
    writer: Formulas, left: Value, right: Value, between: str, level: int = SIGN
) -> Text:
    """Two factors; ``level`` is how tightly the second must bind."""
    first = writer.text(left)
    is_negative = first.code.startswith("-") and first.level == SUM
    # "sin x y" is sin(x y) to a reader: what is applied without brackets gets some.
    applied = first.level == SIGN
    mixed = between == r" \odot " and _is_matmul(writer, left)
    plain = is_negative or (first.level >= PRODUCT and not applied and not mixed)
    code = first.code if plain else writer.code(left, POWER)
    if between == r" \odot " and _is_matmul(writer, right):
        level = POWER
    product = f"{code}{between}{writer.code(right, level)}"
    return Text(product, SUM if is_negative else PRODUCT)


def _is_matmul(writer: Formulas, value: Value) -> bool:
    return value.operation == "matmul" and id(value) not in writer.names


def _is_column(value: Value) -> bool:
    return value.operation == "expand_dims" and value.ndim == 2 and value.shape[1] == 1


def _is_row(value: Value) -> bool:
    is_flat = value.ndim == 2 and value.shape[0] == 1
    return value.ndim == 1 or (is_flat and value.operation == "expand_dims")


def _outer(writer: Formulas, column: Value, row: Value) -> Text:
    product = rf"{writer.code(column, ATOM)} \, {writer.code(row, ATOM)}^\top"
    return Text(product, PRODUCT)


def fraction(writer: Formulas, value: Value) -> Text:
    """One fraction, also for (x / y) / z; of something negative a negative one."""
    above, below = value.operands
    divisors = [below]
    while above.operation == "divide" and id(above) not in writer.names:
        above, below = above.operands
        divisors.insert(0, below)
    if len(divisors) == 1:
        under = writer.code(below)
    else:
        arrays = all(v.shape for v in divisors)
        factors = [writer.code(v, POWER) for v in divisors]
        under = (r" \odot " if arrays else r" \, ").join(factors)
    text = writer.text(above)
    if text.code.startswith("-") and above.operation in ("negative", "scalar"):
        return Text(rf"-\frac{{{text.code[1:]}}}{{{under}}}", SUM)
    return Text(rf"\frac{{{text.code}}}{{{under}}}", POWER)


def power(writer: Formulas, value: Value) -> Text:
    """A power, a root or a reciprocal."""
    base, exponent = value.operands
    number = exponent.number()
    if number == 0.5:
        return Text(rf"\sqrt{{{writer.code(base)}}}")
    if number == -0.5:
        return Text(rf"\frac{{1}}{{\sqrt{{{writer.code(base)}}}}}", POWER)
    if number == -1:
        return Text(rf"\frac{{1}}{{{writer.code(base)}}}", POWER)
    code = writer.code(exponent)
    raised = code if len(code) == 1 else f"{{{code}}}"
    return Text(f"{writer.code(base, ATOM)}^{raised}", POWER)


def related(symbol: str) -> Callable[[Formulas, Value], Text]:
    """A comparison."""

    def spell(writer: Formulas, value: Value) -> Text:
        left, right = (writer.code(v, SUM) for v in value.operands)
        return Text(f"{left} {symbol} {right}", COMPARISON)

    return spell


def joined(symbol: str) -> Callable[[Formulas, Value], Text]:
    """Both, or either."""

    def spell(writer: Formulas, value: Value) -> Text:
        left, right = (writer.code(v, SUM) for v in value.operands)
        return Text(f"{left} {symbol} {right}", COMPARISON)

    return spell


def matmul(writer: Formulas, value: Value) -> Text:
    """A product of matrices; a vector on the left is a row, so it is transposed."""
    left, right = value.operands
    if left.ndim == 1:
        return Text(
            rf"{writer.code(left, ATOM)}^\top \, {writer.code(right, SIGN)}", PRODUCT
        )
    return _product(writer, left, right, r" \, ")


INFIX: dict[Any, Callable[[Formulas, Value], Text]] = {
    "+": plus_or_minus("+"),
    "-": plus_or_minus("-"),
    "*": times,
    "/": fraction,
    "**": power,
    "@": matmul,
    **{symbol: related(written) for symbol, written in RELATIONS.items()},
    **{symbol: joined(written) for symbol, written in LOGIC.items()},
}


# What depends on shapes.


def transpose(writer: Formulas, value: Value) -> Text:
    """The matrix transpose, or the axes in their new order."""
    (x,) = value.operands
    axes = value.parameters["axes"]
    if is_matrix_transpose(value):
        return _raised(writer, x, "conj", r"\top")
    listed = ", ".join(map(str, axes))
    return Text(rf"\mathrm{{permute}}_{{{listed}}}({writer.code(x)})")


def is_matrix_transpose(value: Value) -> bool:
    """Whether it exchanges the last two axes and nothing else."""
    axes = value.parameters["axes"]
    return bool(axes == (*range(len(axes) - 2), len(axes) - 1, len(axes) - 2))


def _raised(writer: Formulas, x: Value, other: str, sign: str) -> Text:
    """Transposed or conjugated; both are one sign."""
    is_inside = x.operation == other and id(x) not in writer.names
    if is_inside and (other == "conj" or is_matrix_transpose(x)):
        return Text(rf"{writer.code(x.operands[0], ATOM)}^\dagger", POWER)
    return Text(f"{writer.code(x, ATOM)}^{sign}", POWER)


def spread(writer: Formulas, value: Value) -> Text:
    """A number everywhere: times ones. An array is spread without a sign for it."""
    x, like = value.operands[0], value.shape
    if x.shape or not like:
        return writer.text(x)
    if x.number() in (0, 1):
        return Text(rf"\mathbf{{{x.number():.0f}}}")
    return Text(rf"{writer.code(x, PRODUCT)} \, \mathbf{{1}}", PRODUCT)


def size(writer: Formulas, value: Value) -> Text:
    """How many elements, in all or along an axis."""
    (x,) = value.operands
    axis = value.parameters["axis"]
    while x.operands and id(x) not in writer.names:
        same = [v for v in x.operands if v.shape == x.shape]
        if not same:
            break
        x = same[0]  # the same size, and sooner a name
    return Text(rf"n_{{{writer.code(x)}{'' if axis is None else f', {axis}'}}}")


def conjugate(writer: Formulas, value: Value) -> Text:
    """With a star: a bar is a gradient here."""
    (x,) = value.operands
    if x.operation == "conj" and id(x) not in writer.names:
        return writer.text(x.operands[0])
    return _raised(writer, x, "transpose", "*")


SHAPED: dict[str, Callable[[Formulas, Value], Text]] = {
    "transpose": transpose,
    "broadcast_like": spread,
    "broadcast_to": spread,
    "size": size,
    "conj": conjugate,
}
