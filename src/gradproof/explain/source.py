"""The lines of the source, and which rule sent which gradient."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from gradproof.derive.emit.expressions import Writer
from gradproof.derive.emit.statements import Plan, plan, statements
from gradproof.derive.ir import OPERATIONS, Value
from gradproof.derive.program import Differentiated
from gradproof.explain.steps import Step

Array = np.ndarray[Any, Any]


def planned(whole: Differentiated) -> Plan:
    """Its statements, as the NumPy form has them."""
    given = {id(v): v.name or "" for v in (*whole.inputs, *whole.seeds)}
    return plan(
        given,
        whole.outputs,
        whole.gradients,
        whole.wrt,
        form="numpy",
        arrays=whole.inputs,
    )


class Source:
    """The lines of the source, and which forward line each of the backward is of."""

    def __init__(self, whole: Differentiated):
        self.whole = whole
        self.made = planned(whole)
        self.writer = Writer("numpy", self.made.names, arrays=whole.inputs)
        last_first = reversed(self.made.forward)
        self.turns = {id(line): turn for turn, line in enumerate(last_first)}
        self.placed = self._placed()

    def step(self, value: Value, numbers: Mapping[str, Array]) -> Step:
        """What is told of an input or of a line."""
        name = value.name or ""
        gradient = numbers.get(f"grad_{name}")
        is_input = value.operation == "input"
        lines = [] if is_input else statements(self.writer, value)
        return Step(
            name=name,
            line="\n".join(lines),
            shape=value.shape,
            dtype=value.dtype,
            value=np.asarray(numbers[name]).tolist(),
            gradient=None if gradient is None else gradient.tolist(),
            gradient_name="" if gradient is None else f"grad_{name}",
            rules=() if gradient is None else tuple(self.rules(value)),
            backward=() if is_input else tuple(self.lines_of(value)),
        )

    def rules(self, line: Value) -> dict[str, None]:
        """The words of the operations that a line is made of, outermost first."""
        found: dict[str, None] = {}
        waiting = [line] if line.operands else []
        while waiting:
            value = waiting.pop(0)
            operation = OPERATIONS[value.operation]
            if operation.pullback and value.is_differentiable:
                found[operation.words] = None
            waiting += [
                v for v in value.operands if v.operands and id(v) not in self.made.names
            ]
        return found

    def lines_of(self, line: Value | None) -> Iterator[str]:
        """The statements that a line's rules come to; of None those at the start."""
        turn = -1 if line is None else self.turns[id(line)]
        aliases = [
            (name, value)
            for name, value in self.made.aliases.items()
            if self._turn_of_alias(name, value) == turn
        ]
        own = {id(v) for v in self.made.backward}
        for value in self.made.backward:
            if self.placed[id(value)] == turn:
                yield from statements(self.writer, value)
                yield from self._aliased(aliases, value)
        for name, value in aliases:
            if id(value) not in own or self.placed[id(value)] != turn:
                yield f"{name} = {self.writer.code(value)}"

    def _aliased(
        self, aliases: Sequence[tuple[str, Value]], value: Value
    ) -> Iterator[str]:
        for name, aliased in aliases:
            if aliased is value:
                yield f"{name} = {self.writer.code(value)}"

    def _placed(self) -> dict[int, int]:
        """For each statement of the backward the line at whose turn it can be told.

        That is the line whose rule it is, or a later one where it needs what that
        one's rule makes.
        """
        placed: dict[int, int] = {}
        for value in self.made.backward:
            turns, waiting = [self._complete(self.made.names[id(value)])], [value]
            while waiting:
                part = waiting.pop()
                if id(part) in placed:
                    turns.append(placed[id(part)])
                elif part.primal is not None:
                    home = self.made.home.get(id(part.primal))
                    turns.append(self.turns.get(id(home), -1))
                    waiting += part.operands
            placed[id(value)] = max(turns)
        return placed

    def _turn_of_alias(self, name: str, value: Value) -> int:
        return max(self._complete(name), self.placed.get(id(value), -1))

    def _complete(self, gradient: str) -> int:
        """The turn at which a gradient has all its parts: its first user's."""
        for primal in self.whole.wrt:
            if f"grad_{primal.name}" == gradient:
                users = [v for v in self.made.forward if self._uses(v, primal)]
                return self.turns[id(users[0])] if users else -1
        return -1

    def _uses(self, line: Value, primal: Value) -> bool:
        waiting = list(line.operands)
        while waiting:
            value = waiting.pop()
            if value is primal or (value.name and value.name == primal.name):
                return True
            if id(value) not in self.made.names:
                waiting += value.operands
        return False
