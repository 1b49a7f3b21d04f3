"""A product as a whole: a number, what multiplies and what divides."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gradproof.derive.infer import axes_of
from gradproof.derive.ir import Value, make, scalar
from gradproof.derive.simplify._table import Uses


@dataclass
class Product:
    """number · over… / under…"""

    number: float
    over: list[Value]
    under: list[Value]

    def without(
        self, over: Iterable[Value] = (), under: Iterable[Value] = ()
    ) -> Product:
        """The product that is left when these are taken out, each once."""
        rest = Product(self.number, [*self.over], [*self.under])
        for one in over:
            _remove(rest.over, one)
        for one in under:
            _remove(rest.under, one)
        return rest

    def value(self) -> Value:
        """Multiplied out, a minus put where it vanishes."""
        number, over = self.number, [*self.over]
        for position, one in enumerate(over):
            if number < 0 and one.operation == "subtract" and one.primal is None:
                x, y = one.operands
                if one.line is None:  # made here, not by the user
                    number, over[position] = -number, y - x
        result = None
        for one in over:
            result = one if result is None else result * one
        if result is None:
            result, number = scalar(number), 1
        for one in self.under:
            result = result / one
        if number == -1:
            return -result
        return result if number == 1 else number * result


def _remove(values: list[Value], one: Value) -> None:
    del values[next(i for i, v in enumerate(values) if v is one)]


def holds(values: Iterable[Value], one: Value) -> bool:
    return any(v is one for v in values)


DEEPEST = 12  # products within products; longer ones are looked at in pieces


def product_of(
    value: Value, uses: Uses, *, root: bool = True, deep: int = DEEPEST
) -> Product:
    """A value as a product; an array that is used elsewhere too stays whole."""
    if value.operation == "scalar" and not isinstance(value.number(), bool | complex):
        return Product(value.number(), [], [])
    if value.operation in ("broadcast_like", "expand_dims"):
        return _spread_product(value, uses)
    inside = root or (
        value.primal is not None and (uses.once(value) or not value.shape)
    )
    factors = ("multiply", "divide", "negative")
    if not inside or not deep or value.operation not in factors:
        return Product(1, [value], [])
    parts = [product_of(v, uses, root=False, deep=deep - 1) for v in value.operands]
    first = parts[0]
    if value.operation == "negative":
        return Product(-first.number, first.over, first.under)
    second = parts[1]
    if value.operation == "multiply":
        return Product(
            first.number * second.number,
            first.over + second.over,
            first.under + second.under,
        )
    if second.number == 0 or (first.number / second.number) * second.number != (
        first.number
    ):
        return Product(1, [value], [])
    number = first.number if second.number == 1 else first.number / second.number
    return Product(number, first.over + second.under, first.under + second.over)


def _spread_product(value: Value, uses: Uses) -> Product:
    """A number that is spread is that number; a new axis leaves a number outside."""
    (x, *_) = value.operands
    inner = product_of(x, uses, root=False)
    if all(not one.ndim for one in inner.over + inner.under):
        return inner
    if value.operation == "expand_dims" and inner.number != 1:
        rest = Product(1, inner.over, inner.under).value()
        return Product(
            inner.number, [make("expand_dims", rest, **value.parameters)], []
        )
    return Product(1, [value], [])


def term(value: Value, uses: Uses) -> Product:
    root = value.primal is not None and uses.once(value)
    return product_of(value, uses, root=root)


def same_type(value: Value, instead: Value) -> Value | None:
    """What takes a value's place must be of its type."""
    return instead if instead.type == value.type else None


def along(value: Value, ndim: int) -> tuple[int, ...]:
    return axes_of(value.parameters.get("axis"), ndim)


def constant_along(value: Value, axes: Iterable[int], ndim: int) -> bool:
    """Whether it does not change along these axes of what it is broadcast to."""
    offset = ndim - value.ndim
    return all(i < offset or value.shape[i - offset] == 1 for i in axes)


def scales(x: Value) -> bool:
    """Whether it is an array of numbers; truth values have no sign."""
    return bool(x.shape) and x.is_differentiable
