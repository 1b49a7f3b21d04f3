"""A forward and its backward, simplified: what every form is written from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gradproof._errors import DeriveError
from gradproof.derive import ir
from gradproof.derive.dtypes import in_dtypes_of
from gradproof.derive.ir import Value, make, scalar
from gradproof.derive.rules.shape import broadcast_like
from gradproof.derive.simplify import simplify
from gradproof.derive.trace import Program
from gradproof.derive.transpose import NoRuleError, transpose


@dataclass(frozen=True)
class Differentiated:
    """A forward and its backward.

    Attributes:
        name: of the function.
        doc: its docstring's first line.
        inputs: the array inputs.
        seeds: the gradients of the outputs that the backward is given, inputs too;
            none where the output is a single number and its gradient is 1.
        outputs: of the forward.
        gradients: one for each of ``wrt``.
        wrt: the inputs that are differentiated.
        is_tuple: whether the forward returns a tuple.
        assumed: assertions about the inputs, for the top of the source.
    """

    name: str
    doc: str
    inputs: list[Value]
    seeds: list[Value]
    outputs: list[Value]
    gradients: list[Value]
    wrt: list[Value]
    is_tuple: bool
    assumed: tuple[str, ...] = ()


def differentiate(
    program: Program, wrt: Sequence[Value], *, seeded: bool
) -> Differentiated:
    """The backward of a program.

    Args:
        program: as traced.
        wrt: which of its inputs to differentiate in.
        seeded: whether the gradients of the outputs come in; otherwise the output is
            a single number, and its gradient is 1.
    """
    several = len(program.outputs) > 1
    seeds: list[Value | None] = []
    for number, output in enumerate(program.outputs, start=1):
        if not output.is_differentiable:
            seeds.append(None)
        elif seeded:
            name = f"grad_output_{number}" if several else "grad_output"
            seeds.append(ir.input(name, output.shape, output.dtype))
        else:
            seeds.append(scalar(1.0))
    try:
        gradients = transpose(program.outputs, seeds, wrt)
    except NoRuleError as error:
        made = error.value
        raise DeriveError(
            f"{made.line}: in {program.name}, {made.operation} has no gradient: use "
            "another operation, or leave out of wrt= what reaches it"
        ) from None
    outputs, gradients = simplify(program.outputs, gradients, wrt)
    if not seeded:  # else it is the dtype of the gradient that comes in
        gradients = in_dtypes_of(gradients, wrt)
    return Differentiated(
        name=program.name,
        doc=program.doc,
        inputs=program.inputs,
        seeds=[s for s in seeds if s is not None and s.operation == "input"],
        outputs=outputs,
        gradients=[
            _of_its_own(gradient, primal, outputs)
            for gradient, primal in zip(gradients, wrt, strict=True)
        ],
        wrt=list(wrt),
        is_tuple=program.is_tuple,
    )


def _of_its_own(gradient: Value, primal: Value, outputs: Sequence[Value]) -> Value:
    """A gradient is an array, and not one of the forward's."""
    if gradient.is_weak:
        made = broadcast_like(gradient, primal)
    elif gradient.primal is None and not _is_seed(gradient):
        made = make("copy", gradient)
    else:
        return gradient
    made.primal = outputs[0]
    return made


def _is_seed(value: Value) -> bool:
    return value.operation == "input" and (value.name or "").startswith("grad_output")
