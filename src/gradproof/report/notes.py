"""The lines below a report: what was declared, and how far it came."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TextIO

from rich.console import Console
from rich.text import Text

from gradproof.report.github import annotation
from gradproof.report.terminal import QUIET, UNKNOWN, WIDEST, Hanging

LABEL_WIDTH = 10


@dataclass(frozen=True)
class Note:
    """A line that is about the run, and about no single target.

    Attributes:
        label: the word that it begins with.
        text: the rest of it.
        is_warning: whether something is to be put right.
    """

    label: str
    text: str
    is_warning: bool = False

    def __str__(self) -> str:
        return f"{self.label:{LABEL_WIDTH}}{self.text}"


def write(notes: Sequence[Note], output_format: str, stream: TextIO) -> None:
    """Write the notes in the formats that have a place for them."""
    if notes and output_format in WRITERS:
        WRITERS[output_format](notes, stream)


def _full(notes: Sequence[Note], stream: TextIO) -> None:
    console = Console(file=stream, highlight=False)
    console.width = min(console.width, WIDEST)
    for note in notes:
        lead = Text(f"{note.label:{LABEL_WIDTH}}", _style(note))
        console.print(Hanging(lead, Text(note.text)))


def _concise(notes: Sequence[Note], stream: TextIO) -> None:
    console = Console(file=stream, highlight=False)
    for note in notes:
        lead = (f"{note.label:{LABEL_WIDTH}}", _style(note))
        console.print(Text.assemble(lead, note.text), soft_wrap=True)


def _style(note: Note) -> str:
    return UNKNOWN if note.is_warning else QUIET


def _github(notes: Sequence[Note], stream: TextIO) -> None:
    """One annotation of each level: GitHub shows ten a step, and those are findings."""
    for level, lines in _levels(notes):
        if lines:
            stream.write(annotation(level, {"title": "gradproof"}, "\n".join(lines)))


def _levels(notes: Sequence[Note]) -> Iterator[tuple[str, list[str]]]:
    yield "warning", [str(note) for note in notes if note.is_warning]
    yield "notice", [str(note) for note in notes if not note.is_warning]


WRITERS: dict[str, Callable[[Sequence[Note], TextIO], None]] = {
    "full": _full,
    "concise": _concise,
    "github": _github,
}
