"""From a forward to its backward: every operation's rule, last operation first.

What all rules would otherwise repeat is here, once: contributions add up, what
broadcasting spread is summed, dtypes are cast back, a real value takes the real part,
and what nothing depends on is left out.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from gradproof.derive.ir import OPERATIONS, Value, ancestors, make
from gradproof.derive.rules.shape import broadcast_like, cast_like, sum_to


class NoRuleError(ValueError):
    """An operation on the way has no gradient.

    Attributes:
        value: what it made.
    """

    def __init__(self, value: Value):
        super().__init__(value.operation)
        self.value = value


def transpose(
    outputs: Sequence[Value], seeds: Sequence[Value | None], wrt: Sequence[Value]
) -> list[Value]:
    """The gradient of each of these inputs.

    Args:
        outputs: of the forward.
        seeds: the gradient of each output; None for one that has none.
        wrt: the inputs to differentiate in.

    Returns:
        One value an input, of its type.
    """
    found = gradients_by_value(outputs, seeds, wrt)
    return [found[id(v)] for v in wrt]


def gradients_by_value(
    outputs: Sequence[Value], seeds: Sequence[Value | None], wrt: Sequence[Value]
) -> dict[int, Value]:
    """As ``transpose``, of everything on the way too, by the id of the value."""
    program = ancestors(outputs)
    active = {id(value) for value in wrt}
    for value in program:
        rule = OPERATIONS[value.operation].pullback if value.operands else None
        if rule and value.is_differentiable:
            moved = (v for i, v in enumerate(value.operands) if _counts(value, i))
            if any(id(operand) in active for operand in moved):
                active.add(id(value))
    contributions: dict[int, list[Value]] = {id(value): [] for value in program}
    for output, seed in zip(outputs, seeds, strict=True):
        if seed is not None and id(output) in active:
            contributions[id(output)].append(_fit(seed, output))
    found: dict[int, Value] = {}
    for value in reversed(program):
        if not value.operands or not contributions[id(value)]:
            continue
        grad = found[id(value)] = _accumulated(contributions[id(value)], value)
        for operand, contribution in _pulled_back(value, grad, active):
            contributions[id(operand)].append(contribution)
    for value in wrt:
        found[id(value)] = _accumulated(contributions.get(id(value), []), value)
    return found


def _counts(value: Value, position: int) -> bool:
    """Whether a value depends on this operand by more than its shape."""
    operand = value.operands[position]
    only_shape = position in OPERATIONS[value.operation].shape_only
    return operand.is_differentiable and not only_shape


def _pulled_back(
    value: Value, grad: Value, active: set[int]
) -> list[tuple[Value, Value]]:
    rule = OPERATIONS[value.operation].pullback
    assert rule is not None
    results = rule(grad, value, *value.operands, **value.parameters)
    several = results if isinstance(results, tuple) else (results,)
    # A rule may leave out what follows its last differentiable operand.
    pairs = itertools.zip_longest(value.operands, several)
    pulled = []
    for position, (operand, contribution) in enumerate(pairs):
        if id(operand) not in active or not _counts(value, position):
            continue
        if contribution is None:
            raise NoRuleError(value)
        _mark(contribution, grad.serial, value)
        fitted = _fit(contribution, operand)
        _mark(fitted, grad.serial, value)
        pulled.append((operand, fitted))
    return pulled


def _fit(gradient: Value, like: Value) -> Value:
    """A gradient in the space of its primal."""
    if not gradient.is_real and like.is_real:
        gradient = make("real", gradient)
    gradient = sum_to(gradient, like)
    if gradient.shape != like.shape:
        gradient = broadcast_like(gradient, like)
    if gradient.dtype != like.dtype and not gradient.is_weak:
        gradient = cast_like(gradient, like)
    return gradient


def _accumulated(parts: Sequence[Value], primal: Value) -> Value:
    if not parts:
        total = broadcast_like(0.0, primal)
        total.primal = primal
    else:
        total, *rest = parts
        for part in rest:
            added = total + part
            added.primal = part.primal
            total = added
    if total.gradient_of is None:
        total.gradient_of = primal
    return total


def _mark(made: Value, since: int, primal: Value) -> None:
    """Everything that a rule made belongs to the operation whose rule it is."""
    stack = [made]
    while stack:
        value = stack.pop()
        if value.serial > since and value.primal is None:
            value.primal = primal
            stack.extend(value.operands)
