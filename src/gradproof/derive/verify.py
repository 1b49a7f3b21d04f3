"""Between passes: is this still a program, and does each gradient fit its primal?"""

from __future__ import annotations

from collections.abc import Sequence

from gradproof.derive.ir import OPERATIONS, Value, ancestors


class BrokenProgramError(AssertionError):
    """A pass made a program that cannot be; a mistake of gradproof's own."""


def verify(
    outputs: Sequence[Value], gradients: Sequence[Value], wrt: Sequence[Value]
) -> None:
    """Types follow from operands, nothing uses what comes later, gradients fit.

    Raises:
        BrokenProgramError: naming the value.
    """
    seen: set[int] = set()
    for value in ancestors([*outputs, *gradients]):
        if not all(id(operand) in seen for operand in value.operands):
            raise BrokenProgramError(f"{value} uses what is not made yet")
        seen.add(id(value))
        if value.operands:
            infer = OPERATIONS[value.operation].infer
            expected = infer(*value.operands, **value.parameters)
            if expected != value.type:
                raise BrokenProgramError(f"{value} should be {expected}")
    for gradient, primal in zip(gradients, wrt, strict=True):
        if gradient.shape != primal.shape:
            raise BrokenProgramError(
                f"the gradient of {primal.name} has shape {gradient.shape}, "
                f"the input {primal.shape}"
            )
