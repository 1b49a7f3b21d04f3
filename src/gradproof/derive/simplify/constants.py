"""Numbers: ones, zeros, signs, and what can be computed beforehand."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from gradproof.derive.ir import Value, make, scalar
from gradproof.derive.rules.elementwise import negative
from gradproof.derive.rules.shape import broadcast_like
from gradproof.derive.simplify._table import Uses, rewrite

FOLDED: dict[str, Callable[..., Any]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "negative": operator.neg,
}


@rewrite(*FOLDED)
def computed_beforehand(value: Value, uses: Uses) -> Value | None:
    """2 · 3 = 6; an integer stays one."""
    numbers = [operand.number() for operand in value.operands]
    if any(number is None or isinstance(number, bool) for number in numbers):
        return None
    if value.operation == "divide" and (numbers[1] == 0 or _is_fraction(*numbers)):
        return None
    return scalar(FOLDED[value.operation](*numbers))


def _is_fraction(x: Any, y: Any) -> bool:
    """1 / 3 reads better than sixteen digits."""
    return bool((x / y * 64) % 1 != 0)


def is_number(value: Value, number: float) -> bool:
    """Whether it is this Python number."""
    return value.number() is not None and value.number() == number


def _instead(value: Value, by: Value) -> Value | None:
    """Where one operand says it all, it must have the type of the whole."""
    if by.shape != value.shape:
        return broadcast_like(by, _other(value, by))
    return by if by.dtype == value.dtype or by.is_weak else None


def _other(value: Value, operand: Value) -> Value:
    one, other = value.operands
    return other if operand is one else one


@rewrite("multiply")
def times_one(value: Value, uses: Uses) -> Value | None:
    """1 · x = x, x · 1 = x"""
    x, y = value.operands
    for number, rest in ((x, y), (y, x)):
        if is_number(number, 1) and rest.shape == value.shape:
            return _instead(value, rest)
    return None


@rewrite("multiply")
def times_zero(value: Value, uses: Uses) -> Value | None:
    """0 · x = 0"""
    x, y = value.operands
    for number, rest in ((x, y), (y, x)):
        if is_number(number, 0) and rest.shape == value.shape:
            return broadcast_like(0.0, rest) if value.shape else scalar(0.0)
    return None


@rewrite("divide")
def zero_by_a_size(value: Value, uses: Uses) -> Value | None:
    """0 / n = 0"""
    x, y = value.operands
    return x if is_number(x, 0) and y.is_weak and not is_number(y, 0) else None


@rewrite("divide", "power")
def by_one(value: Value, uses: Uses) -> Value | None:
    """x / 1 = x, x¹ = x"""
    x, y = value.operands
    return _instead(value, x) if is_number(y, 1) and x.shape == value.shape else None


@rewrite("power")
def to_the_zero(value: Value, uses: Uses) -> Value | None:
    """x⁰ = 1"""
    x, y = value.operands
    if not is_number(y, 0) or x.shape != value.shape:
        return None
    return broadcast_like(1.0, x) if value.shape else scalar(1.0)


def is_zero(value: Value) -> bool:
    """Whether it is zero everywhere, by how it is made."""
    if value.operation == "broadcast_like":
        value = value.operands[0]
    return is_number(value, 0)


@rewrite("add")
def plus_zero(value: Value, uses: Uses) -> Value | None:
    """x + 0 = x"""
    x, y = value.operands
    for zero, rest in ((x, y), (y, x)):
        if is_zero(zero) and rest.shape == value.shape and rest.dtype == value.dtype:
            return rest
    return None


@rewrite("negative")
def negative_twice(value: Value, uses: Uses) -> Value | None:
    """-(-x) = x"""
    (x,) = value.operands
    return x.operands[0] if x.operation == "negative" else None


@rewrite("negative")
def negative_number_first(value: Value, uses: Uses) -> Value | None:
    """-(2·x) = -2·x and -(x - y) = y - x"""
    (x,) = value.operands
    if not uses.once(x) or x.primal is None:
        return None
    if x.operation == "subtract":
        return x.operands[1] - x.operands[0]
    if x.operation in ("multiply", "divide") and x.operands[0].number() is not None:
        return make(x.operation, -x.operands[0].number(), x.operands[1])
    return None


@rewrite("multiply", "divide")
def sign_outside(value: Value, uses: Uses) -> Value | None:
    """(-x) · y = -(x · y), so that signs meet and cancel"""
    x, y = value.operands
    if x.operation == "negative" and not x.name:
        return negative(make(value.operation, x.operands[0], y))
    if y.operation == "negative" and not y.name:
        return negative(make(value.operation, x, y.operands[0]))
    return None


@rewrite("add", "subtract")
def sign_of_a_sum(value: Value, uses: Uses) -> Value | None:
    """x + (-y) = x - y, x - (-y) = x + y, (-x) + y = y - x"""
    x, y = value.operands
    plus = value.operation == "add"
    if y.operation == "negative":
        return x - y.operands[0] if plus else x + y.operands[0]
    if x.operation == "negative" and plus:
        return y - x.operands[0]
    return None


@rewrite("sum")
def sign_outside_a_sum(value: Value, uses: Uses) -> Value | None:
    """Σ(-x) = -Σx"""
    (x,) = value.operands
    if x.operation != "negative" or x.primal is None or not uses.once(x):
        return None
    return negative(make("sum", x.operands[0], **value.parameters))


@rewrite("matmul")
def sign_outside_a_product(value: Value, uses: Uses) -> Value | None:
    """x @ (-Y) = -(X @ Y) only where another sign waits to cancel"""
    x, y = value.operands
    if x.operation == y.operation == "negative":
        return x.operands[0] @ y.operands[0]
    return None


@rewrite("multiply")
def numbers_together(value: Value, uses: Uses) -> Value | None:
    """2 · (3 · x) = 6 · x, and the number comes first: x · 2 = 2 · x"""
    x, y = value.operands
    if x.number() is None and y.number() is not None:
        return y * x
    if x.number() is None:
        for inner, other in ((x, y), (y, x)):
            if (
                inner.operation == "multiply"
                and inner.operands[0].number() is not None
                and inner.primal is not None
                and uses.once(inner)
            ):
                number, rest = inner.operands
                product = rest * other if inner is x else other * rest
                return number * product
        return None
    if y.operation == "multiply" and y.operands[0].number() is not None:
        return scalar(x.number() * y.operands[0].number()) * y.operands[1]
    if y.operation == "divide" and y.operands[0].number() is not None:
        return scalar(x.number() * y.operands[0].number()) / y.operands[1]
    return None


@rewrite("multiply")
def times_a_reciprocal(value: Value, uses: Uses) -> Value | None:
    """(1 / x) · y = y / x"""
    for inner, other in (value.operands, value.operands[::-1]):
        if (
            inner.operation == "divide"
            and is_number(inner.operands[0], 1)
            and inner.primal is not None
            and other.number() is None
            and uses.once(inner)
        ):
            return other / inner.operands[1]
    return None
