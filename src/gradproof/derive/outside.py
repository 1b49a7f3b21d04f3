"""Operations from outside: what ``gp.rule`` adds to the table."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from gradproof._derived import library_of
from gradproof._errors import DefinitionError
from gradproof.derive import forms, infer, ir
from gradproof.derive.calls._table import CALLS
from gradproof.derive.emit.expressions import Writer
from gradproof.derive.emit.module import module
from gradproof.derive.ir import OPERATIONS, Operation, Value, make, register
from gradproof.derive.trace import tracing_for
from gradproof.derive.tracer import Tracer


def define(
    pullback: Callable[..., Any], spelling: dict[str, str | None]
) -> Callable[..., Any]:
    """Put the operation into the table; gives the function that ``gp.rule`` gives.

    Raises:
        DefinitionError: for a name that has a rule, or a rule without an operand.
    """
    name = pullback.__name__
    operands = len(inspect.signature(pullback).parameters) - 2
    if operands < 1:
        raise DefinitionError(
            f"the rule {name} needs three parameters or more: the gradient of the "
            "output, the output, and the operands"
        )
    if name in OPERATIONS or (None, name) in CALLS:
        raise DefinitionError(f"{name} has a rule already: give yours another name")

    def on_values(grad: Value, output: Value, *xs: Value) -> Any:
        tracing = tracing_for(name)
        traced = pullback(*(Tracer(v, tracing) for v in (grad, output, *xs)))
        return tracing.plain(traced)

    register(
        Operation(
            name=name,
            infer=infer.floating,
            pullback=on_values,
            spelling={form: s for form, s in spelling.items() if s is not None},
            elementwise=True,
            cheap=True,
            words=(pullback.__doc__ or "").strip(),
        )
    )
    CALLS[None, name] = lambda *xs: make(name, *xs)
    return _Operation(name, spelling)


class _Operation:
    """An operation of the user's: makes values of tracers, and computes on arrays."""

    def __init__(self, name: str, spelling: dict[str, str | None]):
        self.__name__ = name
        self.spelling = spelling

    def __call__(self, *arrays: Any) -> Any:
        for array in arrays:
            if isinstance(array, Tracer):
                return array.invoke(self.__name__, arrays)
        form = library_of(arrays) or "numpy"
        names = [f"x{i}" for i in range(len(arrays))]
        values = [ir.input(name, (), "float64") for name in names]
        writer = Writer(form, {id(v): v.name or "" for v in values})
        line = f"    return {writer.code(make(self.__name__, *values))}"
        source = module(form, [[f"def {self.__name__}({', '.join(names)}):", line]])
        return forms.run(source, self.__name__, form)[self.__name__](*arrays)
