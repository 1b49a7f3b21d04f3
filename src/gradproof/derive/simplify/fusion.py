"""Forms that people write: several operations that are one, shorter and stable."""

from __future__ import annotations

from collections.abc import Iterable

from gradproof.derive.infer import axes_of
from gradproof.derive.ir import Value, make, scalar
from gradproof.derive.rules.losses import class_axis, is_label
from gradproof.derive.rules.shape import broadcast_like
from gradproof.derive.simplify._product import (
    Product,
    along,
    constant_along,
    holds,
    product_of,
    same_type,
    term,
)
from gradproof.derive.simplify._table import Uses, rewrite
from gradproof.derive.simplify.constants import is_number

SEARCHED = 40  # values of the backward in which a quotient that is known is looked for


@rewrite("multiply", "divide", phases=("fuse",))
def known_quotient(value: Value, uses: Uses) -> Value | None:
    """eˣ / Σeˣ is p, where the forward has p = eˣ / Σeˣ; likewise 1 / x"""
    product = product_of(value, uses)
    if not product.under or not product.over:
        return None
    for quotient in _quotients(product.over):
        x, y = quotient.operands
        if not holds(product.under, y):
            continue
        if holds(product.over, x):
            rest = product.without([x], [y])
            rest.over.append(quotient)
            return same_type(value, rest.value())
        e = _one_plus_exp(y) if is_number(x, 1) else None
        if e is not None and holds(product.over, e):
            rest = product.without([e], [y])
            rest.over.append(1 - quotient)
            return same_type(value, rest.value())
    return None


def _quotients(values: Iterable[Value]) -> Iterable[Value]:
    """Quotients of the forward from which these values are made."""
    stack, seen = list(values), 0
    while stack and seen < SEARCHED:
        one, seen = stack.pop(), seen + 1
        if one.primal is not None:
            stack.extend(one.operands)
        elif one.operation == "divide":
            yield one
        elif one.operation == "subtract":
            stack.extend(v for v in one.operands if v.operation == "divide")


def _one_plus_exp(value: Value) -> Value | None:
    """The eˣ of 1 + eˣ."""
    if value.operation != "add":
        return None
    for one, other in (value.operands, value.operands[::-1]):
        if is_number(one, 1) and other.operation == "exp":
            return other
    return None


@rewrite("multiply", "divide", phases=("fuse",))
def slope_of_softplus(value: Value, uses: Uses) -> Value | None:
    """eˣ / (1 + eˣ) = σ(x), which does not overflow"""
    product = product_of(value, uses)
    for total in product.under:
        exponential = _one_plus_exp(total)
        if exponential is not None and holds(product.over, exponential):
            rest = product.without([exponential], [total])
            rest.over.append(make("expit", exponential.operands[0]))
            return same_type(value, rest.value())
    return None


@rewrite("subtract", phases=("fuse",))
def slope_of_cross_entropy(value: Value, uses: Uses) -> Value | None:
    """t/p - (1 - t)/(1 - p) = (t - p) / (p·(1 - p))"""
    x, y = value.operands
    if x.operation != "divide" or y.operation != "divide":
        return None
    (t, p), (t_rest, p_rest) = x.operands, y.operands
    if not (_complements(t, t_rest) and _complements(p, p_rest)):
        return None
    return same_type(value, (t - p) / (p * p_rest))


def _complements(x: Value, y: Value) -> bool:
    """Whether they add up to 1, by how one is made."""
    return any(
        one.operation == "subtract"
        and is_number(one.operands[0], 1)
        and one.operands[1] is other
        for one, other in ((x, y), (y, x))
    )


@rewrite("multiply", "divide", phases=("fuse", "tidy"))
def mean_of(value: Value, uses: Uses) -> Value | None:
    """Σx / n = mean(x)"""
    product = product_of(value, uses)
    for total in product.over:
        if total.operation != "sum" or total.primal is None or not uses.once(total):
            continue
        for n in product.under:
            if n.operation == "size" and _counts(n, total):
                rest = product.without([total], [n])
                rest.over.append(make("mean", *total.operands, **total.parameters))
                return same_type(value, rest.value())
    return None


def _counts(n: Value, total: Value) -> bool:
    """Whether n is how many are added, by what it is the size of."""
    (x,), (like,) = total.operands, n.operands
    if x.shape != like.shape or not x.is_differentiable:
        return False
    axis = n.parameters["axis"]
    axes = along(total, x.ndim)
    return len(axes) == x.ndim if axis is None else axes == (axis % x.ndim,)


@rewrite("sum", phases=("fuse",))
def shift_of_a_log_softmax(value: Value, uses: Uses) -> Value | None:
    """Σ (g - e·Σg / Σe) = 0: a log softmax does not change with a shift"""
    (x,) = value.operands
    if x.operation != "subtract" or x.primal is None:
        return None
    g, y = x.operands
    product = product_of(y, uses, root=y.primal is not None)
    for e in product.over:
        for total in product.under:
            if total.operation != "sum" or total.operands[0] is not e:
                continue
            rest = product.without([e], [total]).value()
            if rest.operation == "sum" and rest.operands[0] is g:
                axes = along(value, x.ndim)
                if along(rest, x.ndim) == axes == along(total, x.ndim):
                    return _zero(value)
    return None


@rewrite("sum", phases=("fuse",))
def shift_of_a_softmax(value: Value, uses: Uses) -> Value | None:
    """Σ p·(g - Σ p·g) = 0 where p = e / Σe: a softmax does not change with a shift"""
    (x,) = value.operands
    product = product_of(x, uses, root=x.primal is not None)
    for p in product.over:
        if _is_difference_of_shares(p, value):
            constant = product.without([p])
            others = (*constant.over, *constant.under)
            axes = along(value, x.ndim)
            if all(constant_along(v, axes, x.ndim) for v in others):
                return _zero(value)
        if not _adds_up_to_one(p, value):
            continue
        rest = product.without([p]).value()
        if rest.operation != "subtract":
            continue
        g, mean = rest.operands
        if mean.operation == "sum" and along(mean, x.ndim) == along(value, x.ndim):
            weighted = mean.operands[0]
            if weighted.operation == "multiply" and {*map(id, weighted.operands)} == {
                id(p),
                id(g),
            }:
                return _zero(value)
    return None


def _is_difference_of_shares(x: Value, value: Value) -> bool:
    """Whether it is p - q, and both add up to 1."""
    return x.operation == "subtract" and all(
        v.shape == x.shape and _adds_up_to_one(v, value) for v in x.operands
    )


def _adds_up_to_one(p: Value, value: Value) -> bool:
    """Whether p was divided by its sum over the axis that is summed."""
    ndim = value.operands[0].ndim
    if p.operation == "softmax":
        return axes_of(p.parameters["axis"], p.ndim) == along(value, ndim)
    if p.operation == "is_label":
        return (class_axis(p),) == along(value, ndim)
    if p.operation != "divide":
        return False
    e, total = p.operands
    return (
        total.operation == "sum"
        and total.operands[0] is e
        and along(total, e.ndim) == along(value, ndim)
    )


def _zero(value: Value) -> Value:
    return broadcast_like(0.0, value) if value.shape else scalar(0.0)


@rewrite("subtract", phases=("fuse",))
def softmax_cross_entropy(value: Value, uses: Uses) -> Value | None:
    """v·y - p·Σ v·y = v·(y - p·Σy), and Σy = 1 of one-hot rows"""
    whole, scaled = value.operands
    product = _labelled(whole) or product_of(whole, uses)
    second = term(scaled, uses)
    totals = [v for v in second.over if v.operation == "sum" and v.operands[0] is whole]
    if not totals or second.number != 1:
        return None
    total = totals[0]
    p = second.without([total]).value()
    axes = along(total, whole.ndim)
    core = [v for v in product.over if not constant_along(v, axes, whole.ndim)]
    if len(core) != 1 or core[0].shape != value.shape or p.shape != value.shape:
        return None
    if not all(constant_along(v, axes, whole.ndim) for v in product.under):
        return None
    (y,) = core
    if y.operation == "is_label":
        if axes != (class_axis(y),):
            return None
        difference = p - y
    else:
        difference = p * make("sum", y, **total.parameters) - y
    rest = product.without([y])
    if not rest.over and rest.number == 1 and not rest.under:
        return None
    rest.over.insert(0, difference)
    rest.number = -rest.number
    return same_type(value, rest.value())


def _labelled(value: Value) -> Product | None:
    """A gradient that is zero but at a label a row, as a product with one-hot rows."""
    if value.operation != "at_index" or value.ndim != 2 or len(value.operands) != 4:
        return None
    grad, like, rows, labels = value.operands
    if rows.operation != "arange" or rows.shape != value.shape[:1]:
        return None
    if value.parameters["index"] != (("array", 0), ("array", 1)):
        return None
    if grad.operation == "broadcast_like" and not grad.operands[0].shape:
        column = grad.operands[0]
        if column.operation == "divide" and column.operands[0].number() is not None:
            number, n = column.operands
            return Product(number.number(), [is_label(labels, like)], [n])
    else:
        column = make("expand_dims", grad, axis=(1,))
    return Product(1, [column, is_label(labels, like)], [])
