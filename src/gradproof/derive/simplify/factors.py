"""Products and sums of products: what cancels, what is common, what is constant."""

from __future__ import annotations

from gradproof.derive.infer import axes_of
from gradproof.derive.ir import OPERATIONS, Value, make
from gradproof.derive.rules.shape import broadcast_like
from gradproof.derive.simplify._product import (
    Product,
    constant_along,
    holds,
    product_of,
    same_type,
    scales,
    term,
)
from gradproof.derive.simplify._table import Uses, rewrite


@rewrite("multiply", "divide", phases=("fuse",))
def cancelled(value: Value, uses: Uses) -> Value | None:
    """x·y / x = y"""
    product = product_of(value, uses)
    common = [v for v in product.over if holds(product.under, v)]
    if common:
        return same_type(value, product.without(common[:1], common[:1]).value())
    for shared in product.over:
        if shared.operation == "divide" and shared.primal is not None:
            inner = product_of(shared, uses)
            common = [v for v in product.over if holds(inner.under, v)]
            if common:
                rest = product.without([shared, common[0]])
                rest.over.append(inner.without((), common[:1]).value())
                uses.released(shared)
                return same_type(value, rest.value())
    return None


@rewrite("multiply", phases=("fuse",))
def cancelled_in_a_difference(value: Value, uses: Uses) -> Value | None:
    """p·(x/p - y) = x - p·y: the gradient of log softmax"""
    product = product_of(value, uses)
    for difference in product.over:
        if difference.operation not in ("add", "subtract") or difference.primal is None:
            continue
        if not uses.once(difference):
            continue
        x, y = difference.operands
        inner = product_of(x, uses, root=x.primal is not None)
        for p in product.over:
            if holds(inner.under, p):
                first = inner.without((), [p]).value()
                rest = product.without([difference, p])
                rest.over.append(make(difference.operation, first, p * y))
                return same_type(value, rest.value())
    return None


@rewrite("add", "subtract", phases=("fuse",))
def common_factor(value: Value, uses: Uses) -> Value | None:
    """g·x - g·y = g·(x - y)"""
    x, y = (term(v, uses) for v in value.operands)
    over = [v for v in x.over if holds(y.over, v)]
    under = [v for v in x.under if holds(y.under, v)]
    over, under = _each_once(over), _each_once(under)
    if not over and not under:
        return None
    first, second = x.without(over, under), y.without(over, under)
    number = first.number if abs(first.number) == abs(second.number) else 1
    if second.number > 0:
        number = abs(number)
    if number != 1:
        first.number /= number
        second.number /= number
    if first.number < 0 < second.number and value.operation == "add":
        first, second = second, Product(-first.number, first.over, first.under)
        inside = first.value() - second.value()
    else:
        inside = make(value.operation, first.value(), second.value())
    if inside.number() is not None:
        return None
    whole = Product(number, [*over, inside], under)
    return same_type(value, whole.value())


def _each_once(values: list[Value]) -> list[Value]:
    return list({id(v): v for v in values}.values())


@rewrite("sum", phases=("fuse",))
def constant_out_of_a_sum(value: Value, uses: Uses) -> Value | None:
    """Σ c·x = c·Σx"""
    (x,) = value.operands
    keepdims = value.parameters.get("keepdims", False)
    axes = axes_of(value.parameters.get("axis"), x.ndim)
    product = product_of(x, uses, root=x.primal is not None)

    def moves(one: Value) -> bool:
        return not one.ndim or (keepdims and constant_along(one, axes, x.ndim))

    over = [v for v in product.over if moves(v)]
    under = [v for v in product.under if moves(v)]
    rest = Product(
        1,
        [v for v in product.over if not moves(v)],
        [v for v in product.under if not moves(v)],
    )
    if not (over or under or product.number != 1) or not rest.over:
        return None
    inner = rest.value()
    if inner.shape != x.shape or not (uses.once(x) or inner.primal is None):
        return None
    total = make("sum", inner, **value.parameters)
    uses.released(x)
    return same_type(value, Product(product.number, [*over, total], under).value())


@rewrite("multiply", phases=("fold", "fuse", "tidy"))
def number_over_a_size(value: Value, uses: Uses) -> Value | None:
    """(-1 / n)·x = -x / n"""
    for one, x in (value.operands, value.operands[::-1]):
        if one.operation != "divide" or one.shape or x.number() is not None:
            continue
        number, n = one.operands
        if number.number() is not None and one.primal is not None and scales(x):
            scaled = -x if number.number() == -1 else number * x
            return same_type(value, (x if number.number() == 1 else scaled) / n)
    return None


@rewrite("multiply", "divide", phases=("fuse", "tidy"))
def numbers_gathered(value: Value, uses: Uses) -> Value | None:
    """2·((½·x)·y) = x·y, wherever the numbers are"""
    product = product_of(value, uses)
    outside = [v for v in value.operands if v.number() is not None]
    inside = [v for v in value.operands if v.number() is None]
    if len(outside) != 1 or not inside[0].shape:
        return None
    within = term(inside[0], uses)
    if within.number == 1 or (value.operation == "divide" and within.number == -1):
        return None
    return same_type(value, product.value()) if product.over else None


@rewrite("multiply", phases=("brackets",))
def number_times_the_first(value: Value, uses: Uses) -> Value | None:
    """2·(x·y) = 2·x·y, without brackets"""
    number, inner = value.operands
    if number.number() is None or inner.operation not in ("multiply", "divide"):
        return None
    x, y = inner.operands
    if inner.primal is None or not uses.once(inner) or not x.is_differentiable:
        return None
    if x.number() is not None or x.dtype != value.dtype:
        return None
    return same_type(value, make(inner.operation, number * x, y))


@rewrite("multiply", phases=("fold", "fuse", "tidy"))
def spread_factor(value: Value, uses: Uses) -> Value | None:
    """spread(number)·x = spread(number·x)"""
    for one, x in (value.operands, value.operands[::-1]):
        if one.operation == "broadcast_like" and not one.operands[0].shape:
            number, like = one.operands
            if x.shape != value.shape == like.shape:
                return same_type(value, broadcast_like(number * x, like))
    return None


@rewrite(
    *(name for name, operation in OPERATIONS.items() if operation.elementwise),
    phases=("fold", "fuse", "tidy"),
)
def new_axis_of_a_number(value: Value, uses: Uses) -> Value | None:
    """A single number needs no new axis to be broadcast"""
    for position, operand in enumerate(value.operands):
        if operand.operation not in ("expand_dims", "broadcast_like"):
            continue
        if uses.in_full(operand):  # it is there anyway, and the input stays what it is
            continue
        inner = operand.operands[0]
        if operand.operation == "expand_dims":
            if inner.operation != "broadcast_like" or inner.operands[0].shape:
                continue
            inner = inner.operands[0]
        elif inner.shape:
            continue
        operands = list(value.operands)
        operands[position] = inner
        narrower = make(value.operation, *operands, **value.parameters)
        arrays = (v for v in operands if v.shape)
        # In torch a number times truth values has the default dtype.
        if narrower.type == value.type and any(v.is_differentiable for v in arrays):
            return narrower
    return None
