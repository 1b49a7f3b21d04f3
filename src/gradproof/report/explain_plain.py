"""An explanation as plain text of 80 columns: what ``str(explanation)`` says."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from gradproof.report._numbers import short

if TYPE_CHECKING:
    from gradproof.explain.steps import Explanation, Step

WIDTH = 80
NUMBERS = 26  # columns that are kept for them
BACKWARD = "backward, last line first"
GAP = "  "


class Part(NamedTuple):
    """Text with its role: ``heading``, ``code``, ``shape``, ``number`` or ``rule``."""

    text: str
    role: str


Line = tuple[Part, ...]


def render(explanation: Explanation) -> str:
    """The explanation as text, without colour."""
    lines = ("".join(part.text for part in line) for line in layout(explanation))
    return "\n".join(line.rstrip() for line in lines)


def layout(explanation: Explanation, width: int = WIDTH) -> Iterator[Line]:
    """Its lines: the forward with its values, then the backward with its gradients."""
    table = _Table(explanation, width)
    yield from _title(explanation, width)
    yield ()
    yield table.header("forward", "value")
    for step in explanation.steps:
        yield from table.row(step.line or step.name, step, step.value, indent=2)
    yield ()
    yield table.header(BACKWARD, "gradient")
    yield from table.gradients(explanation.start, indent=2)
    for step in reversed(explanation.steps):
        if step.rules and step.backward:
            yield from table.backward(step)


def _title(explanation: Explanation, width: int) -> Iterator[Line]:
    inputs = ", ".join(step.name for step in explanation.steps if not step.line)
    returned = ", ".join(explanation.outputs)
    call = f"{explanation.function}({inputs}) → {returned}"
    yield (Part(call, "heading"),)
    for line in textwrap.wrap(explanation.doc, width):
        yield (Part(line, ""),)


class _Table:
    """Code, shape and numbers, in columns as wide as this explanation needs."""

    def __init__(self, explanation: Explanation, width: int):
        self.width = width
        self.by_gradient = {s.gradient_name: s for s in explanation.steps}
        codes = [
            line
            for step in explanation.steps
            for line in (*(step.line or step.name).split("\n"), *step.backward)
        ]
        shapes = [str(list(step.shape)) for step in explanation.steps]
        self.shape = max(len("shape"), *map(len, shapes))
        widest = width - self.shape - 2 * len(GAP) - NUMBERS
        fitting = [n + 4 for n in map(len, codes) if n + 4 <= widest]
        self.code = max(len(BACKWARD), *fitting, 0)

    def header(self, left: str, right: str) -> Line:
        return (
            Part(f"{left:{self.code}}{GAP}", "heading"),
            Part(f"{'shape':{self.shape}}{GAP}{right}", "quiet"),
        )

    def row(
        self, code: str, step: Step, value: object, *, indent: int
    ) -> Iterator[Line]:
        """Code with its numbers beside it, or below it where it is too long."""
        *before, last = code.split("\n")
        shape = Part(f"{list(step.shape)!s:{self.shape}}{GAP}", "quiet")
        room = self.width - self.code - self.shape - 2 * len(GAP)
        numbers = Part(short(value, room), "number")
        for line in before:
            yield from self.long(line, indent)
        lead = " " * indent
        if len(lead + last) <= self.code:
            yield (Part(f"{lead + last:{self.code}}{GAP}", "code"), shape, numbers)
            return
        yield from self.long(last, indent)
        yield (Part(" " * self.code + GAP, ""), shape, numbers)

    def long(self, code: str, indent: int) -> Iterator[Line]:
        wrapped = textwrap.wrap(
            code,
            self.width,
            initial_indent=" " * indent,
            subsequent_indent=" " * (indent + 4),
            break_long_words=False,
            break_on_hyphens=False,
        )
        yield from ((Part(line, "code"),) for line in wrapped)

    def backward(self, step: Step) -> Iterator[Line]:
        """A line of the forward, its rules, and what they come to."""
        for line in step.line.split("\n"):
            yield from self.long(line, 2)
        for rule in step.rules:
            wrapped = textwrap.wrap(
                rule, self.width, initial_indent="    · ", subsequent_indent="      "
            )
            yield from ((Part(line, "rule"),) for line in wrapped)
        yield from self.gradients(step.backward, indent=4)

    def gradients(self, lines: tuple[str, ...], *, indent: int) -> Iterator[Line]:
        for line in lines:
            step = self.by_gradient.get(line.partition(" = ")[0])
            if step is None:
                yield from self.long(line, indent)
            else:
                yield from self.row(line, step, step.gradient, indent=indent)
