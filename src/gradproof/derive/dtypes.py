"""Gradients in the dtype of their input, for inputs of other dtypes too.

NumPy makes doubles of ``0.3 * (x > 0)``, also where ``x`` is float32.
"""

from __future__ import annotations

from collections.abc import Sequence

from gradproof.derive.ir import OPERATIONS, Type, Value, ancestors
from gradproof.derive.rules.shape import cast_like

OTHER = "float32"
MADE = ("constant", "eye", "full")


def in_dtypes_of(gradients: Sequence[Value], wrt: Sequence[Value]) -> list[Value]:
    """The gradients, cast where they would not be in the dtype of narrower inputs."""
    follow = any(one.dtype == "float64" and one.ndim for one in wrt)
    narrow = _narrowed(gradients, MADE if follow else ())
    fitted = []
    for gradient, primal in zip(gradients, wrt, strict=True):
        follows = narrow[id(gradient)].dtype == OTHER or gradient.is_weak
        if not follows and gradient.dtype == primal.dtype == "float64":
            made = cast_like(gradient, primal)
            made.primal, made.gradient_of = gradient.primal, primal
            if gradient.gradient_of is primal:
                gradient.gradient_of = None  # one name is enough
            gradient = made
        fitted.append(gradient)
    return fitted


def _narrowed(gradients: Sequence[Value], made: Sequence[str]) -> dict[int, Value]:
    """What every value would be if the doubles among the inputs were narrower.

    Arrays made of nothing take the dtype of such an input.
    """
    narrow: dict[int, Value] = {}
    for value in ancestors(gradients):
        type = value.type
        if value.operation in ("input", *made) and value.dtype == "float64":
            type = Type(value.shape, OTHER)
        elif value.operands:
            operands = (narrow[id(operand)] for operand in value.operands)
            type = OPERATIONS[value.operation].infer(*operands, **value.parameters)
        copy = Value(value.operation, value.operands, value.parameters, type)
        narrow[id(value)] = copy
    return narrow
