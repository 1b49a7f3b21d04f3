"""The report as GitHub workflow commands: annotations beside the code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TextIO

from gradproof._escape import escaped
from gradproof.report import _words
from gradproof.report._by_property import said

if TYPE_CHECKING:
    from gradproof.report import Outcome

# Whatever else could steer is spelt out before.
IN_MESSAGE = str.maketrans({"%": "%25", "\n": "%0A"})
IN_PROPERTY = IN_MESSAGE | str.maketrans({":": "%3A", ",": "%2C"})


def render(outcomes: Sequence[Outcome], stream: TextIO) -> None:
    """Write a command a finding, one a target that could not run, and a summary."""
    for outcome in outcomes:
        for title, message in _annotations(outcome):
            where = {"file": outcome.file, "line": outcome.line, "title": title}
            stream.write(annotation("error", where, message))
    stream.write(f"{_words.summary(outcomes)}\n")


def annotation(level: str, where: Mapping[str, str | int | None], message: str) -> str:
    """A workflow command of a level: ``error``, ``warning`` or ``notice``."""
    properties = ",".join(
        f"{name}={_in(IN_PROPERTY, str(value))}"
        for name, value in where.items()
        if value is not None
    )
    return f"::{level} {properties}::{_in(IN_MESSAGE, message)}\n"


def _annotations(outcome: Outcome) -> Iterator[tuple[str, str]]:
    if outcome.verdict is None:
        yield f"{outcome.target}: could not run", outcome.error or ""
        return
    for finding in outcome.verdict.findings:
        yield f"{outcome.target}: {_words.title(finding)}", said(finding)


def _in(table: dict[int, str], text: str) -> str:
    return str(escaped(text)).translate(table)
