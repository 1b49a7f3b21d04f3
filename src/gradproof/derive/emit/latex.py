r"""LaTeX: the forward and the gradients as formulas, one line a statement.

The gradient of ``x`` is ``\bar{x}``, not ``\partial L / \partial x``: a gradient is
mostly a factor here, transposed, multiplied and added, and a bar needs neither brackets
nor a second row of text for that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from gradproof.derive.emit.formulas import Formulas
from gradproof.derive.emit.statements import Plan, plan
from gradproof.derive.emit.symbols import barred, symbol
from gradproof.derive.program import Differentiated

GRADIENT = "grad_"
SHORT = 40


@dataclass(frozen=True)
class Formulae:
    """A forward and its gradients.

    Attributes:
        forward, backward: one equation a line, the sides apart.
        notes: what a reader must know of the notation, as sentences with ``$`` signs.
    """

    forward: tuple[tuple[str, str], ...]
    backward: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]


def emit(d: Differentiated) -> str:
    """The formulas in an ``align*`` block, for amsmath."""
    made = formulas(d)
    notes = [f"% {note.replace('$', '')}" for note in made.notes]
    lines = [*notes, r"\begin{align*}", *rows(made), r"\end{align*}"]
    return "\n".join(lines) + "\n"


def rows(made: Formulae) -> list[str]:
    """The lines between ``begin`` and ``end``, the forward a little apart."""
    forward = [f"{left} &= {right}" for left, right in made.forward]
    backward = [f"{left} &= {right}" for left, right in made.backward]
    between = r" \\[1ex]" if forward and backward else ""
    lines = [rf"{row} \\" for row in forward[:-1]]
    lines += [f"{row}{between}" for row in forward[-1:]]
    lines += [rf"{row} \\" for row in backward[:-1]]
    return [*lines, *backward[-1:]]


def formulas(d: Differentiated) -> Formulae:
    """The equations, with the user's names."""
    given = {id(v): v.name or "" for v in (*d.inputs, *d.seeds)}
    made = plan(given, d.outputs, d.gradients, d.wrt, form="numpy")
    names = _symbols(made, d)
    forward = list(_forward(made, d, names))
    writer = Formulas("latex", names)
    backward = list(_backward(made, writer))
    text = " ".join(right for _, right in (*forward, *backward))
    return Formulae(tuple(forward), tuple(backward), tuple(_notes(d, writer, text)))


def _symbols(made: Plan, d: Differentiated) -> dict[int, str]:
    """What everything is called."""
    backward = {id(value) for value in made.backward}
    names = {
        key: _gradient(name) if key in backward else symbol(name)
        for key, name in made.names.items()
    }
    taken = set(names.values())
    outputs = (v for v in d.outputs if v.is_differentiable)
    for seed, output in zip(d.seeds, outputs, strict=False):
        bar = barred(made.names[id(output)])
        # An output that is used again: what comes in is only part of its gradient.
        names[id(seed)] = rf"{bar}^{{\,\mathrm{{in}}}}" if bar in taken else bar
    return names


def _forward(
    made: Plan, d: Differentiated, names: dict[int, str]
) -> Iterator[tuple[str, str]]:
    """One equation a line; what is short and has no name of the user's gets none."""
    writer = Formulas("latex", names)
    returned = {id(v) for v in d.outputs}
    for value in made.forward:
        formula = writer.expression(value).code
        if value.name or id(value) in returned or len(formula) > SHORT:
            yield names[id(value)], formula
        else:
            del names[id(value)]


def _gradient(name: str) -> str:
    if name.startswith(GRADIENT):
        return barred(name.removeprefix(GRADIENT))
    return symbol(name)


def _backward(made: Plan, writer: Formulas) -> Iterator[tuple[str, str]]:
    """One equation a gradient, those that are another's after it."""
    waiting = dict(made.aliases)
    for value in made.backward:
        yield writer.names[id(value)], writer.expression(value).code
        for name in [n for n, aliased in waiting.items() if aliased is value]:
            yield _gradient(name), writer.code(waiting.pop(name))
    for name, aliased in waiting.items():
        yield _gradient(name), writer.code(aliased)


def _notes(d: Differentiated, writer: Formulas, text: str) -> Iterator[str]:
    if d.seeds:
        incoming = " and ".join(f"${writer.names[id(seed)]}$" for seed in d.seeds)
        yield (
            r"$\bar{x}$ is the gradient of $L$ with respect to $x$. "
            f"Given: {incoming}."
        )
    else:
        output = writer.names[id(d.outputs[0])]
        yield rf"$\bar{{x}}$ is the gradient of ${output}$ with respect to $x$."
    if r"\odot" in text:
        yield r"$\odot$ is the elementwise product."
    if r"\mathbf{1}" in text:
        yield r"$\mathbf{1}$ is all ones."
    if re.search(r"\bn_\{[^,}]*(\{.*?\})*\}", text):
        yield "$n_{x}$ is the number of elements of $x$."
    if re.search(r"\bn_\{[^}]*(\{.*?\})?, \d\}", text):
        yield "$n_{x, i}$ is the size of $x$ along axis $i$."
    if re.search(r"\[[^],]*(<|>|=|\\[lg]e|\\ne)[^],]*\]", text):
        yield "$[x > y]$ is 1 where it holds, else 0."
