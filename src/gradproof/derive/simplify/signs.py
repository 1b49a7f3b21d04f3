"""Signs and zeros: where a minus vanishes, and a term that is nothing."""

from __future__ import annotations

from gradproof.derive.ir import Value
from gradproof.derive.rules.shape import broadcast_like
from gradproof.derive.simplify._product import product_of, same_type, scales
from gradproof.derive.simplify._table import Uses, rewrite
from gradproof.derive.simplify.constants import is_number


@rewrite("negative", phases=("fuse", "tidy"))
def sign_into_a_difference(value: Value, uses: Uses) -> Value | None:
    """-((x - y)·z) = (y - x)·z"""
    product = product_of(value, uses)
    if product.number > 0:
        return None
    for one in product.over:
        if one.operation == "subtract" and one.primal is not None and uses.once(one):
            x, y = one.operands
            rest = product.without([one])
            rest.number = -rest.number
            rest.over.insert(0, y - x)
            return same_type(value, rest.value())
    return None


@rewrite("multiply", phases=("fold", "fuse", "tidy"))
def minus_one_times(value: Value, uses: Uses) -> Value | None:
    """-1·x = -x"""
    for number, x in (value.operands, value.operands[::-1]):
        if is_number(number, -1) and x.dtype == value.dtype and scales(x):
            return -x
    return None


@rewrite("subtract", phases=("fuse", "tidy"))
def difference_of_complements(value: Value, uses: Uses) -> Value | None:
    """(1 - x) - (1 - y) = y - x"""
    first, second = value.operands
    if first.operation == second.operation == "subtract":
        (one, x), (other, y) = first.operands, second.operands
        if one.number() is not None and is_number(other, one.number()):
            return same_type(value, y - x)
    return None


@rewrite("add", "subtract", phases=("fold", "fuse", "tidy"))
def with_nothing(value: Value, uses: Uses) -> Value | None:
    """x ± 0 = x, 0 - x = -x"""
    x, y = value.operands
    if _vanishes(y):
        return same_type(value, x)
    if _vanishes(x):
        return same_type(value, y if value.operation == "add" else -y)
    return None


def _vanishes(value: Value, deep: int = 4) -> bool:
    """Whether it is zero, by what it is made from.

    A few operations deep: what is made from zeros further down was simplified before.
    """
    if is_number(value, 0) or value.primal is None or not deep:
        return is_number(value, 0)
    if value.operation == "multiply":
        return any(_vanishes(operand, deep - 1) for operand in value.operands)
    linear = ("broadcast_like", "divide", "expand_dims", "negative", "sum")
    return value.operation in linear and _vanishes(value.operands[0], deep - 1)


@rewrite("subtract", phases=("fuse", "tidy"))
def minus_itself(value: Value, uses: Uses) -> Value | None:
    """x - x = 0"""
    x, y = value.operands
    return broadcast_like(0.0, x) if x is y and x.shape else None


@rewrite("add", "subtract", phases=("tidy",))
def sign_of_a_number(value: Value, uses: Uses) -> Value | None:
    """x + -2·y = x - 2·y"""
    x, y = value.operands
    if _is_negative_multiple(y):
        number, rest = y.operands
        positive = -number.number() * rest
        return same_type(
            value, x - positive if value.operation == "add" else x + positive
        )
    if _is_negative_multiple(x) and value.operation == "add":
        number, rest = x.operands
        return same_type(value, y - -number.number() * rest)
    return None


def _is_negative_multiple(value: Value) -> bool:
    if value.operation != "multiply" or value.primal is None:
        return False
    number = value.operands[0].number()
    return isinstance(number, int | float) and number < 0
