"""Markdown: a derivation as a page to read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gradproof.derive.emit import latex, numpy_
from gradproof.derive.forms import saved
from gradproof.derive.ir import OPERATIONS, Value, ancestors
from gradproof.derive.program import Differentiated


def emit(d: Differentiated) -> str:
    """The page: formulas, rules, what is saved, and the source."""
    parts = [_heading(d), _formulas(d), _rules(d), _saved(d), _source(d)]
    return "\n\n".join("\n".join(lines) for lines in map(list, parts)) + "\n"


def _heading(d: Differentiated) -> Iterator[str]:
    yield f"# {d.name}"
    yield ""
    if d.doc:
        yield d.doc
        yield ""
    yield from _table(("input", "dtype", "shape"), map(_described, d.inputs))


def _described(value: Value) -> tuple[str, str, str]:
    return f"`{value.name}`", value.dtype, str(list(value.shape))


def _formulas(d: Differentiated) -> Iterator[str]:
    made = latex.formulas(d)
    yield "## Formulas"
    yield ""
    yield "$$"
    yield r"\begin{aligned}"
    yield from latex.rows(made)
    yield r"\end{aligned}"
    yield "$$"
    yield ""
    yield from made.notes


def _rules(d: Differentiated) -> Iterator[str]:
    yield "## Local rules"
    yield ""
    used = dict.fromkeys(v.operation for v in ancestors(d.outputs) if v.operands)
    told = [OPERATIONS[name] for name in used if OPERATIONS[name].pullback]
    yield from _table(
        ("operation", "rule"),
        ((f"`{one.name}`", one.words.replace("|", r"\|")) for one in told),
    )


def _saved(d: Differentiated) -> Iterator[str]:
    yield "## Saved for backward"
    yield ""
    kept = saved(d)
    if not kept:
        yield "Nothing."
        return
    yield from _table(
        ("array", "why", "bytes"),
        ((f"`{name}`", entry["why"], entry["bytes"]) for name, entry in kept.items()),
    )


def _source(d: Differentiated) -> Iterator[str]:
    yield "## NumPy"
    yield ""
    yield "```python"
    yield numpy_.emit(d).rstrip("\n")
    yield "```"


def _table(
    header: tuple[str, ...], rows: Iterable[tuple[object, ...]]
) -> Iterator[str]:
    yield f"| {' | '.join(header)} |"
    yield f"|{'---|' * len(header)}"
    for row in rows:
        yield f"| {' | '.join(map(str, row))} |"
