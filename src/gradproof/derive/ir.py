"""The intermediate representation: values, each made by one operation from others.

    Value      an array of the program, by what made it, with its shape and dtype
    Operation  what a name like "exp" means: its type, its gradient, its spellings
    make       the one way to a new value

A program is what its outputs reach: code that nothing uses is never there.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import (
    Callable,
    Container,
    Hashable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from gradproof.derive.sizes import Fraction
from gradproof.derive.sizes import Size as Size

Operand = Any  # a Value or a Python number, which becomes one
WEAK = {"int": 1, "float": 1.0, "complex": 1j}  # Python's own numbers
LARGEST = 64  # numbers of an array that source may list as a constant

_serial = itertools.count()


class Type(NamedTuple):
    """Shape and dtype of a value; "float" is Python's own, which promotes nothing."""

    shape: tuple[int, ...]
    dtype: str


class Value:
    """An array of the program.

    Attributes:
        operation: name of what made it; ``"input"``, ``"scalar"`` and ``"constant"``
            are made by nothing.
        operands: what it was made from.
        parameters: everything else about the operation, ``axis`` for one.
        shape, dtype: of the array.
        name: what the user calls it, or None.
        primal: of a value of the backward, the value of the forward whose rule
            made it; None in the forward.
        gradient_of: the value of the forward that it is the gradient of, if of one.
        line: file and line of the user's code that made it, or None.
        serial: the order in which values were made.
    """

    __slots__ = (
        "dtype",
        "gradient_of",
        "line",
        "name",
        "operands",
        "operation",
        "parameters",
        "primal",
        "serial",
        "shape",
    )

    def __init__(
        self,
        operation: str,
        operands: tuple[Value, ...],
        parameters: Mapping[str, Any],
        type: Type,
    ):
        self.operation = operation
        self.operands = operands
        self.parameters = parameters
        self.shape, self.dtype = type
        self.name: str | None = None
        self.primal: Value | None = None
        self.gradient_of: Value | None = None
        self.line: str | None = None
        self.serial = next(_serial)

    def __repr__(self) -> str:
        made = ", ".join(v.name or v.operation for v in self.operands)
        return f"<{self.name or '_'} = {self.operation}({made}): {self.type}>"

    @property
    def type(self) -> Type:
        """Shape and dtype."""
        return Type(self.shape, self.dtype)

    @property
    def ndim(self) -> int:
        """How many axes it has."""
        return len(self.shape)

    @property
    def is_weak(self) -> bool:
        """Whether it is a number of Python's own, which promotes no array."""
        return self.dtype in WEAK

    @property
    def is_real(self) -> bool:
        """Whether its conjugate is itself."""
        return "complex" not in self.dtype

    @property
    def is_differentiable(self) -> bool:
        """Whether its numbers are real or complex."""
        return self.dtype.startswith(("float", "bfloat", "complex"))

    def number(self) -> Any:
        """The Python number that it is, or None."""
        return self.parameters["value"] if self.operation == "scalar" else None

    # Rules are mathematics, so the operators of mathematics make values.

    def __add__(self, other: Operand) -> Value:
        return make("add", self, other)

    def __radd__(self, other: Operand) -> Value:
        return make("add", other, self)

    def __sub__(self, other: Operand) -> Value:
        return make("subtract", self, other)

    def __rsub__(self, other: Operand) -> Value:
        return make("subtract", other, self)

    def __mul__(self, other: Operand) -> Value:
        return make("multiply", self, other)

    def __rmul__(self, other: Operand) -> Value:
        return make("multiply", other, self)

    def __truediv__(self, other: Operand) -> Value:
        return make("divide", self, other)

    def __rtruediv__(self, other: Operand) -> Value:
        return make("divide", other, self)

    def __pow__(self, other: Operand) -> Value:
        return make("power", self, other)

    def __rpow__(self, other: Operand) -> Value:
        return make("power", other, self)

    def __matmul__(self, other: Operand) -> Value:
        return make("matmul", self, other)

    def __neg__(self) -> Value:
        return make("negative", self)

    def __lt__(self, other: Operand) -> Value:
        return make("less", self, other)

    def __le__(self, other: Operand) -> Value:
        return make("less_equal", self, other)

    def __gt__(self, other: Operand) -> Value:
        return make("greater", self, other)

    def __ge__(self, other: Operand) -> Value:
        return make("greater_equal", self, other)


Infer = Callable[..., Type]
Pullback = Callable[..., Any]


@dataclass(frozen=True)
class Operation:
    """What a name means, in one record.

    Attributes:
        name: as in ``Value.operation``.
        infer: from operands and parameters to the type of the result.
        pullback: ``(grad, output, *operands, **parameters)`` to one gradient an
            operand, or a tuple of them; None where nothing is differentiable.
        spelling: per form (``"numpy"``, ``"torch"``, ``"jax"``, ``"latex"``), how it
            is written; see ``emit.expressions``.
        elementwise: whether it works element by element, with broadcasting.
        cheap: whether to compute it again rather than keep it.
        shape_only: operands of which only the shape is used.
        domain: the numbers on which tests try it, one interval an operand.
        words: its local rule, in words and in maths, for ``explain``.
    """

    name: str
    infer: Infer
    pullback: Pullback | None = None
    spelling: Mapping[str, Any] = field(default_factory=dict)
    elementwise: bool = False
    cheap: bool = False
    shape_only: frozenset[int] = frozenset()
    domain: tuple[tuple[float, float], ...] = ()
    words: str = ""


OPERATIONS: dict[str, Operation] = {}


def register(operation: Operation) -> Callable[..., Value]:
    """Put an operation into the table; gives the function that makes its values."""
    if operation.name in OPERATIONS:
        raise ValueError(f"two operations are called {operation.name!r}")
    OPERATIONS[operation.name] = operation

    def build(*operands: Operand, **parameters: Any) -> Value:
        return make(operation.name, *operands, **parameters)

    build.__name__ = build.__qualname__ = operation.name
    build.__doc__ = operation.words
    return build


def make(operation: str, *operands: Operand, **parameters: Any) -> Value:
    """A new value, its type inferred; numbers among the operands become values."""
    values = tuple(map(as_value, operands))
    type = OPERATIONS[operation].infer(*values, **parameters)
    return Value(operation, values, parameters, type)


def as_value(operand: Operand) -> Value:
    """A value as it is, a Python number as a scalar, a size as what it stands for."""
    if isinstance(operand, Value):
        return operand
    if isinstance(operand, Size | Fraction):
        return operand.value
    return scalar(operand)


def scalar(number: complex) -> Value:
    """A number of Python's own."""
    kinds: tuple[Any, ...] = (bool, int, float, complex)
    for kind in kinds:
        if isinstance(number, kind):
            parameters = {"value": kind(number)}
            return Value("scalar", (), parameters, Type((), kind.__name__))
    raise TypeError(f"a {type(number).__name__} is not a number")


def input(name: str, shape: Sequence[int], dtype: str) -> Value:
    """An input of the program."""
    value = Value("input", (), {}, Type(tuple(shape), dtype))
    value.name = name
    return value


def constant(array: np.ndarray[Any, Any]) -> Value:
    """An array that the forward closed over."""
    return Value("constant", (), {"array": array}, Type(array.shape, array.dtype.name))


def sizes_in(parameter: Any) -> Iterator[Value]:
    """What the sizes in a parameter stand for."""
    if isinstance(parameter, Size):
        yield parameter.value
    elif isinstance(parameter, tuple | list):
        for part in parameter:
            yield from sizes_in(part)


def promoted(values: Iterable[Value], *, to_float: bool = False) -> str:
    """The dtype in which these values meet, by NumPy's rules."""
    dtypes = {value.dtype for value in values}
    if len(dtypes) == 1:
        (dtype,) = dtypes
    elif dtypes <= WEAK.keys():
        dtype = max(dtypes, key=[*WEAK].index)
    else:
        kinds = [WEAK[d] if d in WEAK else np.dtype(d) for d in dtypes]
        dtype = np.result_type(*kinds).name
    if to_float and dtype in ("bool", "int"):
        return "float" if dtypes <= WEAK.keys() else "float64"
    if to_float and dtype.startswith(("int", "uint", "bool")):
        return "float64"
    return dtype


def made_so_far() -> int:
    """A mark: values made from now on have a serial that is not below it."""
    return next(_serial)


def ancestors(
    outputs: Iterable[Value], given: Container[int] = frozenset()
) -> list[Value]:
    """Everything that the outputs are made from, and they, operands first.

    What made the values of the ids ``given`` is left out.
    """
    done: dict[int, Value] = {}
    stack = [(value, False) for value in reversed(list(outputs))]
    while stack:
        value, ready = stack.pop()
        if id(value) in done:
            continue
        if ready:
            done[id(value)] = value
            continue
        stack.append((value, True))
        if id(value) not in given:
            stack.extend((v, False) for v in reversed(dependencies(value)))
    return list(done.values())


def dependencies(value: Value) -> tuple[Value, ...]:
    """Its operands, and what the sizes among its parameters stand for."""
    if not value.parameters:
        return value.operands
    sizes = [v for p in value.parameters.values() for v in sizes_in(p)]
    return (*value.operands, *sizes) if sizes else value.operands


def frozen(parameter: Any) -> Hashable:
    """A parameter as a key: equal where the parameters mean the same."""
    if isinstance(parameter, np.ndarray):
        return ("array", id(parameter))
    if isinstance(parameter, Value):
        return ("value", id(parameter))
    if isinstance(parameter, slice):
        return ("slice", parameter.start, parameter.stop, parameter.step)
    if isinstance(parameter, tuple | list):
        return tuple(map(frozen, parameter))
    if isinstance(parameter, float) and math.isnan(parameter):
        return "nan"
    return (type(parameter).__name__, parameter)
