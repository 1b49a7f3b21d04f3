"""Reports: one renderer a file, reading verdicts and nothing else.

A renderer is a function ``(outcomes, stream)``. A new one is a file here and a row
in ``FORMATS``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, TextIO, cast

if TYPE_CHECKING:
    from gradproof.check.verdict import Verdict

FORMATS = {
    "concise": "gradproof.report.terminal:concise",
    "full": "gradproof.report.terminal:full",
    "json": "gradproof.report.json:render",
    "junit": "gradproof.report.junit:render",
    "github": "gradproof.report.github:render",
    "sarif": "gradproof.report.sarif:render",
}
FOR_PEOPLE = ("concise", "full")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of one target: a verdict, or the reason why there is none.

    Attributes:
        target: the target as it can be given on the command line.
        verdict: what the check says, or None where it could not run.
        error: why it could not run, or None.
        kind: ``target``, ``inputs``, ``timeout``, ``crash`` or ``internal`` where it
            could not run, or None.
        seconds: how long it took.
        file: the file that it is in, with slashes, or None where that is not known.
        line: the line of it that the target begins at, or None likewise.
    """

    target: str
    verdict: Verdict | None = None
    error: str | None = None
    kind: str | None = None
    seconds: float = 0.0
    file: str | None = None
    line: int | None = None


Renderer = Callable[[Sequence[Outcome], TextIO], None]


def renderer(output_format: str) -> Renderer:
    """The renderer of a format, imported only now."""
    module, _, name = FORMATS[output_format].partition(":")
    return cast(Renderer, getattr(import_module(module), name))
