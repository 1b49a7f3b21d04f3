"""Simplify the backward: a table of rewrites, in named phases.

Each rewrite is one decorated function from a value to a simpler one, or to None where
it does not apply. Equal values become one on the way (common subexpressions), and what
nothing uses is not part of a program (dead code). The forward is left as written.
"""

from __future__ import annotations

from collections.abc import Sequence

from gradproof.derive.ir import (
    Size,
    Value,
    ancestors,
    frozen,
    made_so_far,
    make,
)
from gradproof.derive.simplify import constants as constants
from gradproof.derive.simplify import factors as factors
from gradproof.derive.simplify import fusion as fusion
from gradproof.derive.simplify import products as products
from gradproof.derive.simplify import scatters as scatters
from gradproof.derive.simplify import shapes as shapes
from gradproof.derive.simplify import signs as signs
from gradproof.derive.simplify._table import PHASES, Uses
from gradproof.derive.verify import verify

MOST = 20  # rewrites of one value; more would be a pair that undoes each other


def simplify(
    outputs: Sequence[Value], gradients: Sequence[Value], wrt: Sequence[Value]
) -> tuple[list[Value], list[Value]]:
    """Outputs and gradients after every phase, verified after each."""
    split = len(outputs)
    values = [*outputs, *gradients]
    for phase in PHASES:
        values = _run(phase, values)
        verify(values[:split], values[split:], wrt)
    return values[:split], values[split:]


def _run(phase: str, roots: Sequence[Value]) -> list[Value]:
    return _Pass(phase, roots).run()


class _Pass:
    """One phase over a program, operands first."""

    def __init__(self, phase: str, roots: Sequence[Value]):
        self.rules = PHASES[phase]
        self.roots = roots
        self.program = ancestors(roots)
        self.uses = Uses.of(self.program, roots)
        self.interned: dict[object, Value] = {}
        self.new: dict[int, Value] = {}
        self.kept: list[Value] = []  # so that no id is given twice

    def run(self) -> list[Value]:
        for value in self.program:
            self.new[id(value)] = self.settled(value)
        return [self.new[id(root)] for root in self.roots]

    def settled(self, value: Value) -> Value:
        """The value in simplest form, one for all that are equal."""
        self.kept.append(value)
        current = self.rebuilt(value)
        if value.primal is not None:
            for _ in range(MOST):
                since = made_so_far()
                simpler = self.rewritten(current)
                if simpler is None:
                    break
                current = self.take(simpler, current, since)
            else:
                raise AssertionError(f"rewrites of {current} do not end")
        if current is not value:
            current.name = current.name or value.name
            current.gradient_of = current.gradient_of or value.gradient_of
            self.uses.replaced(value, current)
        return current

    def rewritten(self, value: Value) -> Value | None:
        for rule in self.rules.get(value.operation, ()):
            mark = made_so_far()
            simpler = rule(value, self.uses)
            if simpler is None or simpler is value:
                continue
            if not _negates_a_truth_value(simpler, mark):
                return simpler
        return None

    def take(self, simpler: Value, origin: Value, since: int) -> Value:
        """What a rewrite made, all its new operands settled first."""
        if simpler.serial > since:
            self.adopt(simpler, origin, since)
            return self.rebuilt(simpler)
        return self.new.get(id(simpler), simpler)

    def adopt(self, made: Value, origin: Value, since: int) -> None:
        made.primal = made.primal or origin.primal
        for operand in made.operands:
            if operand.serial > since and id(operand) not in self.new:
                self.adopt(operand, origin, since)
                self.new[id(operand)] = self.settled(operand)

    def rebuilt(self, value: Value) -> Value:
        """The same value on settled operands, or the one that is equal already."""
        operands = tuple(self.new.get(id(v), v) for v in value.operands)
        parameters = {k: self.resized(p) for k, p in value.parameters.items()}
        names = (id(value),) if value.operation == "input" else ()
        key = (
            value.operation,
            *names,
            *map(id, operands),
            *((k, frozen(p)) for k, p in parameters.items()),
        )
        if key in self.interned:
            return self.interned[key]
        if any(
            a is not b for a, b in zip(operands, value.operands, strict=True)
        ) or any(parameters[k] is not p for k, p in value.parameters.items()):
            value = _remade(value, operands, parameters)
        self.interned[key] = value
        return value

    def resized(self, parameter: object) -> object:
        """A parameter whose sizes speak of settled values."""
        if isinstance(parameter, Size):
            settled = self.new.get(id(parameter.value), parameter.value)
            if settled is parameter.value:
                return parameter
            return Size(int(parameter), settled)
        if isinstance(parameter, tuple):
            parts = tuple(map(self.resized, parameter))
            changed = any(a is not b for a, b in zip(parts, parameter, strict=True))
            return parts if changed else parameter
        return parameter


def _is_truth_value(value: Value) -> bool:
    """Whether it is one where it is written; a label's row is made of numbers."""
    return value.dtype == "bool" and value.operation != "is_label"


def _negates_a_truth_value(value: Value, since: int) -> bool:
    """Whether a rewrite made -(x > y), which is an error in NumPy and torch."""
    stack = [value]
    while stack:
        one = stack.pop()
        if one.serial < since:
            continue
        signed = one.operation in ("negative", "subtract")
        if signed and any(_is_truth_value(v) for v in one.operands):
            return True
        stack.extend(one.operands)
    return False


def _remade(
    value: Value, operands: Sequence[Value], parameters: dict[str, object]
) -> Value:
    made = make(value.operation, *operands, **parameters)
    made.name, made.primal = value.name, value.primal
    made.gradient_of, made.line = value.gradient_of, value.line
    return made
