"""Run every line of a derivation, and put its numbers beside its source.

The numbers come from the NumPy source, written once more so that it returns every line
and every gradient on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradproof._errors import InputError
from gradproof.derive import bind, derive, forms, ir
from gradproof.derive.emit import numpy_
from gradproof.derive.ir import Value, scalar
from gradproof.derive.program import Differentiated
from gradproof.derive.simplify import simplify
from gradproof.derive.trace import Program
from gradproof.derive.transpose import gradients_by_value
from gradproof.explain.source import Array, Source, planned
from gradproof.explain.steps import Explanation


def explanation(
    f: Callable[..., Any],
    inputs: Sequence[Any],
    options: Mapping[str, Any],
    *,
    wrt: str | Sequence[str] | None,
    grad_output: Any,
) -> Explanation:
    """Derive, run every line, and put both together; see ``gradproof.explain``."""
    derivation = derive(f, *inputs, wrt=wrt, **options)
    # Equal lines are one from the start: what rules refer to then stays as it is.
    merged, _ = simplify(derivation.program.outputs, (), ())
    program = replace(derivation.program, outputs=merged)
    from_one = derivation.is_scalar and grad_output is None
    told = every_line(program, derivation.wrt, from_one=from_one)
    forward = getattr(f, "forward", f) if hasattr(f, "rules") else f
    given = bind(forward, inputs, dict(options))
    arrays = [as_numpy(given[v.name or ""]) for v in told.whole.inputs]
    incoming = list(_incoming(program, told.whole.seeds, grad_output))
    numbers = _run(told, arrays, incoming)
    source = Source(told.whole)
    lines = (*told.whole.inputs, *source.made.forward)
    return Explanation(
        function=program.name,
        doc=program.doc,
        steps=tuple(source.step(value, numbers) for value in lines),
        outputs=tuple(v.name or "" for v in program.outputs),
        wrt=derivation.wrt,
        start=(*map(_start, reversed(told.known.items())), *source.lines_of(None)),
    )


@dataclass(frozen=True)
class Told:
    """A program that tells everything.

    Attributes:
        whole: each line an output, each differentiated one in ``wrt``.
        known: gradients that need no computing, a seed or the number 1, by the name
            of what they are the gradient of.
    """

    whole: Differentiated
    known: dict[str, Value]


def every_line(program: Program, wrt: Sequence[str], *, from_one: bool) -> Told:
    """The program as one that returns all its lines, and their gradients.

    What a gradient uses of a line becomes a line too; so this is done again until
    nothing new comes up. Lines get the names that the NumPy source has for them.
    """
    seeds = list(_seeds(program.outputs, from_one))
    chosen = [v for v in program.inputs if v.name in wrt]
    lines: list[Value] = []
    while True:
        found = gradients_by_value(program.outputs, seeds, chosen)
        told = _told(program, lines, chosen, seeds, found)
        made = planned(told.whole)
        for value in made.forward:
            value.name = made.names[id(value)]
        if {id(v) for v in made.forward} == {id(v) for v in lines}:
            return told
        lines = made.forward


def _told(
    program: Program,
    lines: Sequence[Value],
    chosen: Sequence[Value],
    seeds: Sequence[Value | None],
    found: Mapping[int, Value],
) -> Told:
    reached = [v for v in (*chosen, *lines) if id(v) in found]
    outputs, gradients = simplify(
        [*program.outputs, *lines], [found[id(v)] for v in reached], reached
    )
    pairs = list(zip(reached, gradients, strict=True))
    given = {id(seed) for seed in seeds}
    known = {v.name or "": g for v, g in pairs if _is_known(g, given)}
    computed = [(v, g) for v, g in pairs if not _is_known(g, given)]
    whole = Differentiated(
        name=program.name,
        doc=program.doc,
        inputs=program.inputs,
        seeds=[s for s in seeds if s is not None and s.operation == "input"],
        outputs=outputs,
        gradients=[g for _, g in computed],
        wrt=[v for v, _ in computed],
        is_tuple=len(outputs) != 1,
    )
    return Told(whole, known)


def _is_known(gradient: Value, seeds: Container[int]) -> bool:
    return gradient.operation == "scalar" or id(gradient) in seeds


def _start(entry: tuple[str, Value]) -> str:
    name, value = entry
    written = value.name or format(value.number(), "g")
    return f"grad_{name}" if written == f"grad_{name}" else f"grad_{name} = {written}"


def _seeds(outputs: Sequence[Value], from_one: bool) -> Iterator[Value | None]:
    for number, output in enumerate(outputs, start=1):
        name = f"grad_output_{number}" if len(outputs) > 1 else "grad_output"
        if not output.is_differentiable:
            yield None
        elif from_one:
            yield scalar(1.0)
        else:
            yield ir.input(name, output.shape, output.dtype)


def _incoming(
    program: Program, seeds: Sequence[Value], grad_output: Any
) -> Iterator[Array]:
    """The gradient of each output, ones where it is not given."""
    if not seeds:
        return
    outputs = [v for v in program.outputs if v.is_differentiable]
    given = grad_output if isinstance(grad_output, tuple | list) else [grad_output]
    if len(given) == len(program.outputs):
        pairs = zip(program.outputs, given, strict=True)
        given = [one for output, one in pairs if output.is_differentiable]
    if grad_output is None:
        given = [None] * len(outputs)
    if len(given) != len(outputs):
        raise InputError(
            f"{program.name} has {len(outputs)} outputs to differentiate: "
            f"grad_output is a tuple of as many, not of {len(given)}"
        )
    for output, one in zip(outputs, given, strict=True):
        incoming = np.ones(output.shape) if one is None else as_numpy(one)
        if incoming.shape != output.shape:
            raise InputError(
                f"grad_output has shape {list(incoming.shape)}, "
                f"{output.name} has {list(output.shape)}"
            )
        yield incoming


def _run(
    told: Told, arrays: Sequence[Array], incoming: Sequence[Array]
) -> dict[str, Array]:
    """The values of the lines by name, and of the gradients by ``grad_`` and name."""
    whole = told.whole
    module = forms.run(numpy_.emit(whole), whole.name, "numpy")
    run = module[f"{whole.name}_and_gradients"]
    with np.errstate(all="ignore"):
        values, gradients = run(*arrays, *incoming)
    if not whole.is_tuple:
        values = (values,)
    numbers = {v.name or "": a for v, a in zip(whole.inputs, arrays, strict=True)}
    numbers |= {v.name or "": a for v, a in zip(whole.outputs, values, strict=True)}
    for primal, gradient in zip(whole.wrt, gradients, strict=True):
        numbers[f"grad_{primal.name}"] = np.broadcast_to(gradient, primal.shape)
    seeds = {id(v): a for v, a in zip(whole.seeds, incoming, strict=True)}
    for name, value in told.known.items():
        number = seeds.get(id(value), value.number())
        numbers[f"grad_{name}"] = np.asarray(number)
    return numbers


def as_numpy(value: Any) -> Array:
    """An array of any library as NumPy's; bfloat16, which NumPy lacks, as float32."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        if str(value.dtype) == "torch.bfloat16":
            value = value.float()
    return np.asarray(value)
