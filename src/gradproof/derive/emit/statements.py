"""Which values get a statement of their own, what they are called, in what order.

A value that the user named keeps its name and its line. One that is used once, and has
no name, is written inside what uses it, as a person would, as long as the line is not
too long.
"""

from __future__ import annotations

import builtins
import heapq
import keyword
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from gradproof.derive.emit.expressions import Writer
from gradproof.derive.emit.helpers import HELPERS
from gradproof.derive.emit.layout import WIDTH
from gradproof.derive.ir import OPERATIONS, Value, ancestors, dependencies

NOUNS = {
    "add": "total",
    "sum": "total",
    "subtract": "difference",
    "matmul": "product",
    "multiply": "product",
    "divide": "ratio",
    "negative": "negated",
    "power": "powered",
    "transpose": "transposed",
    "reshape": "reshaped",
    "getitem": "part",
    "where": "chosen",
    "logsumexp_keepdims": "logsumexp",
    "standardise": "normal",
    "over_root_mean_square": "normal",
    "over_length": "direction",
    "square": "squared",
    "sqrt": "root",
    "mean": "average",
    "maximum": "larger",
    "minimum": "smaller",
    "expit": "sigma",
    "at_index": "scattered",
    "arange": "rows",
    "equal": "is_equal",
    "full": "filled",
    "greater": "is_greater",
    "less": "is_less",
}
# Views, sizes and signs cost next to nothing: written wherever they are used.
INDENT = {"numpy": 4, "jax": 4, "torch": 12}  # columns before a statement
FREE = ("transpose", "size", "expand_dims", "negative")


def is_free(value: Value) -> bool:
    """Whether it is written wherever it is used: a view, a size, or made of sizes."""
    return value.operation in FREE or value.is_weak


@dataclass
class Plan:
    """A program as statements.

    Attributes:
        forward, backward: the values with a statement of their own, in order.
        names: what they and the inputs are called.
        results: the name of each gradient that is returned.
        aliases: gradients that are another value by a name of their own.
        home: for what is written inside a forward statement, that statement's value.
    """

    forward: list[Value]
    backward: list[Value]
    names: dict[int, str]
    results: list[str]
    aliases: dict[str, Value]
    home: dict[int, Value]


def plan(
    given: Mapping[int, str],
    outputs: Sequence[Value],
    gradients: Sequence[Value] = (),
    wrt: Sequence[Value] = (),
    *,
    form: str,
    known: Mapping[int, str] = MappingProxyType({}),
    before: Plan | None = None,
    kept: Sequence[Value] = (),
    arrays: Sequence[Value] = (),
) -> Plan:
    """Decide about every value that the outputs and gradients are made from.

    Args:
        given: names of the values that are there already, by id: the inputs, and what
            was kept for the backward.
        outputs: of the forward.
        gradients: one for each of ``wrt``.
        wrt: the inputs that are differentiated.
        form: that it will be written in.
        known: what values are to be called where the user has no name for them.
        before: the plan of the forward, where this is of the backward alone.
        kept: what else must have a name.
        arrays: what is at hand everywhere.
    """
    roots = [*outputs, *gradients, *kept]
    program = ancestors(roots, given)
    own = _own_statements(program, roots, form) - given.keys()
    while True:
        home = {**(before.home if before else {}), **_homes(program, own)}
        forward = [v for v in program if id(v) in own and v.primal is None]
        order = _scheduled(
            [v for v in program if v.primal is not None and id(v) not in given],
            home,
            gradients,
        )
        backward = [v for v in order if id(v) in own]
        made = _named(given, known, outputs, gradients, wrt, forward, backward, home)
        too_long = _too_long(made, Writer(form, made.names, arrays=arrays))
        if not too_long:
            return made
        own |= too_long


def statements(writer: Writer, value: Value) -> list[str]:
    """The lines that make a value under its name."""
    spelling = writer.spelling(value) if value.operation in OPERATIONS else ""
    if isinstance(spelling, str) and "{out}" in spelling:
        return writer.filled(spelling, value).split("\n")
    if getattr(spelling, "is_statement", False):
        name, code = writer.names[id(value)], spelling(writer, value).code
        code = code if "{out}" in code else f"{{out}} = {code}"
        return code.replace("{out}", name).split("\n")
    return [f"{writer.names[id(value)]} = {writer.expression(value).code}"]


def comments(made: Plan, writer: Writer) -> Callable[[Value], str]:
    """For each value the forward statement that it belongs to, told once.

    Of a gradient that is by the operation whose rule it is, of an input by the first
    operation that uses it.
    """
    writer = replace(writer, is_prose=True)
    told: set[int] = set()
    first_use: dict[int, Value] = {}
    for one in made.forward:
        for value in (one, *_inside(one, made.names)):
            for operand in value.operands:
                first_use.setdefault(id(operand), one)

    def comment(value: Value) -> str:
        if value.operation == "input":
            statement = first_use.get(id(value))
        else:
            statement = made.home.get(id(value.primal))
        if (
            statement is None
            or not statement.operands
            or id(statement) in told
            or id(statement) not in made.names
        ):
            return ""
        told.add(id(statement))
        return statements(writer, statement)[-1].replace(f"{writer.module}.", "")

    return comment


def _own_statements(
    program: Sequence[Value], roots: Sequence[Value], form: str
) -> set[int]:
    """Which values are not written inside another."""
    uses: dict[int, int] = {}
    across: set[int] = set()
    for value in reversed(program):  # what is free is written as often as it is used
        often = uses.get(id(value), 0) if is_free(value) and not value.name else 1
        is_across = id(value) in across and is_free(value)
        for operand in _mentions(value, form):
            uses[id(operand)] = uses.get(id(operand), 0) + often
            if operand.primal is None and (value.primal is not None or is_across):
                across.add(id(operand))
    returned = {id(root) for root in roots}
    own: set[int] = set()
    widths: dict[int, int] = {}  # about; what is wider than a line is found later
    for value in program:
        inner = (4 if id(v) in own else widths.get(id(v), 4) for v in value.operands)
        widths[id(value)] = 3 + sum(inner)
        if value.operation in ("input", "scalar"):
            continue
        named = value.name if value.primal is None else _names_a_gradient(value)
        shared = uses.get(id(value), 0) > 1 or id(value) in across
        if (
            id(value) in returned
            or named
            or (shared and not is_free(value))
            or widths[id(value)] > WIDTH
            or _is_statement(value, form)
        ):
            own.add(id(value))
    return own


def _names_a_gradient(value: Value) -> bool:
    return value.gradient_of is not None and value.gradient_of.name is not None


def _is_statement(value: Value, form: str) -> bool:
    spellings = OPERATIONS[value.operation].spelling if value.operands else {}
    spelling = spellings.get(form, spellings.get("numpy", ""))
    if isinstance(spelling, str):
        return "{out}" in spelling
    return getattr(spelling, "is_statement", False)


def _mentions(value: Value, form: str) -> Iterable[Value]:
    """What a value's expression names, as often as it does."""
    spelling = OPERATIONS[value.operation].spelling if value.operands else {}
    template = spelling.get(form, spelling.get("numpy", ""))
    template = template[0] if isinstance(template, tuple) else template
    for position, operand in enumerate(value.operands):
        often = isinstance(template, str) and len(
            re.findall(rf"\{{{position}(:\d)?\}}", template)
        )
        yield from [operand] * max(often, 1)
    yield from dependencies(value)[len(value.operands) :]


def _homes(program: Sequence[Value], own: set[int]) -> dict[int, Value]:
    """For what has no statement of its own, the forward statement it is written in."""
    home: dict[int, Value] = {}
    for value in reversed(program):
        if value.primal is None:
            statement = value if id(value) in own else home.get(id(value), value)
            home[id(value)] = statement
            for operand in value.operands:
                if id(operand) not in own:
                    home.setdefault(id(operand), statement)
    return home


def _too_long(made: Plan, writer: Writer) -> set[int]:
    """What to take out of statements that are wider than a line."""
    taken_out = set()
    for value in (*made.forward, *made.backward):
        longest = max(map(len, statements(writer, value)))
        if longest + INDENT[writer.form] <= WIDTH:
            continue
        inner = [v for v in _inside(value, made.names) if not is_free(v)]
        if inner:
            widths = {id(v): len(writer.expression(v).code) for v in inner}
            # About half: what is left fits, and so does what was taken out.
            half = min(inner, key=lambda v: abs(widths[id(v)] - longest / 2))
            taken_out.add(id(half))
    return taken_out


def _inside(value: Value, names: dict[int, str]) -> list[Value]:
    """Everything that is written inside a value's statement."""
    inner: list[Value] = []
    stack = [v for v in value.operands if id(v) not in names and v.operands]
    while stack:
        one = stack.pop()
        inner.append(one)
        stack.extend(v for v in one.operands if id(v) not in names and v.operands)
    return inner


def _scheduled(
    backward: Sequence[Value], home: dict[int, Value], gradients: Sequence[Value]
) -> list[Value]:
    """Last statement of the forward first, and nothing before what it needs."""
    rank = {id(gradient): i for i, gradient in enumerate(gradients)}
    waiting = {id(value): 0 for value in backward}
    users: dict[int, list[Value]] = {}
    for value in backward:
        for operand in dependencies(value):
            if id(operand) in waiting:
                waiting[id(value)] += 1
                users.setdefault(id(operand), []).append(value)

    def key(value: Value) -> tuple[int, int, int]:
        assert value.primal is not None
        statement = home.get(id(value.primal), value.primal)
        return (-statement.serial, rank.get(id(value), -1), value.serial)

    ready = [(key(v), id(v), v) for v in backward if not waiting[id(v)]]
    heapq.heapify(ready)
    order = []
    while ready:
        *_, value = heapq.heappop(ready)
        order.append(value)
        for user in users.get(id(value), ()):
            waiting[id(user)] -= 1
            if not waiting[id(user)]:
                heapq.heappush(ready, (key(user), id(user), user))
    return order


class _Names:
    """Gives every name once, and none that Python has another meaning for."""

    def __init__(self, taken: Iterable[str]):
        self.taken = {"np", "torch", "jax", "jnp", "ctx", "math", *HELPERS, *taken}
        self.numbers: dict[str, int] = {}

    def reserve(self, name: str) -> str:
        self.taken.add(name)
        return name

    def fresh(self, wanted: str) -> str:
        if keyword.iskeyword(wanted) or hasattr(builtins, wanted):
            wanted += "_"
        name, number = wanted, self.numbers.get(wanted, 1)
        while name in self.taken:
            name, number = f"{wanted}_{number}", number + 1
        self.numbers[wanted] = number
        return self.reserve(name)


def _named(
    given: Mapping[int, str],
    known: Mapping[int, str],
    outputs: Sequence[Value],
    gradients: Sequence[Value],
    wrt: Sequence[Value],
    forward: list[Value],
    backward: list[Value],
    home: dict[int, Value],
) -> Plan:
    fresh = _Names(given.values())
    names = dict(given)
    results = [fresh.reserve(f"grad_{value.name}") for value in wrt]
    returned = {id(v): i for i, v in enumerate(outputs, start=1)}
    for value in forward:
        default = NOUNS.get(value.operation, value.operation)
        if id(value) in returned:
            default = "output" if len(outputs) == 1 else f"output_{returned[id(value)]}"
        wanted = value.name or known.get(id(value)) or default
        names[id(value)] = fresh.fresh(wanted)
    own = {id(value) for value in backward}
    for name, value, primal in zip(results, gradients, wrt, strict=True):
        of = value.gradient_of
        free = id(value) in own and id(value) not in names
        if free and (of is primal or of is None or not of.name):
            names[id(value)] = name
    for value in backward:
        if id(value) not in names:
            names[id(value)] = fresh.fresh(_gradient_name(value, names))
    aliases = {
        name: value
        for name, value in zip(results, gradients, strict=True)
        if names.get(id(value)) != name
    }
    return Plan(forward, backward, names, results, aliases, home)


def _gradient_name(value: Value, names: dict[int, str]) -> str:
    """After the value whose gradient it is, or after what it does."""
    primal = value.gradient_of
    if primal is None:
        return NOUNS.get(value.operation, value.operation)
    name = primal.name or names.get(id(primal))
    return f"grad_{name or NOUNS.get(primal.operation, primal.operation)}"
