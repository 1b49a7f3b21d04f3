"""Where torch would round: truth values and integers that meet Python's numbers.

``0.3 * (x > 0)`` has torch's default dtype, float32, where NumPy and JAX make doubles.
"""

from __future__ import annotations

from collections.abc import Container, Sequence

from gradproof.derive.ir import OPERATIONS, Value, ancestors, make

AVERAGES = ("mean", "var", "std")


def in_full_precision(
    value: Value, named: Container[int], arrays: Sequence[Value] = ()
) -> Value:
    """The same value of operands that torch does not round.

    Args:
        value: what is to be written in torch.
        named: ids of the values that have a name where it is written.
        arrays: what is at hand there.
    """
    if not _is_rounded(value):
        return value
    dtype = "float64" if value.is_weak else value.dtype
    like = _floating(value, named) or next(
        (one for one in arrays if one.dtype == dtype), None
    )

    def cast(operand: Value) -> Value:
        if like is not None:
            return make("cast_like", operand, like)
        return make("cast", operand, dtype=dtype)

    operands = list(value.operands)
    if value.operation == "where" and all(v.is_weak for v in operands[1:]):
        operands[1] = cast(operands[1])
    else:
        operands = [
            v if v.is_weak or _is_condition(value, i) else cast(v)
            for i, v in enumerate(operands)
        ]
    return make(value.operation, *operands, **value.parameters)


def _is_rounded(value: Value) -> bool:
    operation = OPERATIONS[value.operation]
    if not operation.elementwise and value.operation not in AVERAGES:
        return False
    exact = (v.is_differentiable and not v.is_weak for v in value.operands)
    return (
        value.is_differentiable
        and any(not v.is_weak for v in value.operands)
        and not any(exact)
    )


def _is_condition(value: Value, position: int) -> bool:
    return value.operation == "where" and position == 0


def _floating(value: Value, named: Container[int]) -> Value | None:
    """What it is made from that is floating and has a name: the nearest."""
    for one in reversed(ancestors([value])[:-1]):
        is_array = one.is_differentiable and not one.is_weak
        if id(one) in named and is_array and one.is_real:
            return one
    return None
