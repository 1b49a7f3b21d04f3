"""The reports for people: ``full`` and ``concise``.

What comes from outside (targets, messages, hints) is always put in a ``Text``: a
shape such as ``[3, 4]`` in a markup string would be taken for a style.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TextIO

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.table import Table
from rich.text import Text

from gradproof.report import _words
from gradproof.report._omitted import omitted

if TYPE_CHECKING:
    from gradproof.check.verdict import Verdict
    from gradproof.report import Outcome

WIDEST, MINIMUM = 100, 20
OK, BAD, UNKNOWN, QUIET, HEADING = "green", "red", "yellow", "dim", "bold"

Block = list[RenderableType]


def full(outcomes: Sequence[Outcome], stream: TextIO) -> None:
    """Write a table of the targets, every finding in full, and a summary."""
    console = Console(file=stream, highlight=False)
    console.width = min(console.width, WIDEST)
    blocks = [_table(outcomes), *_problems(outcomes), _not_tried(outcomes)]
    for block in filter(None, blocks):
        console.print(Group(*block))
        console.print()
    console.print(_summary(outcomes))


def concise(outcomes: Sequence[Outcome], stream: TextIO) -> None:
    """Write one line a finding, one a target that could not run, and a summary."""
    console = Console(file=stream, highlight=False)
    for outcome in outcomes:
        for line in _lines(outcome):
            console.print(line, soft_wrap=True)
    console.print(_summary(outcomes), soft_wrap=True)


def _lines(outcome: Outcome) -> Iterator[Text]:
    target = (f"{outcome.target}: ", HEADING)
    if outcome.verdict is None:
        reason = _words.one_line(outcome.error or "")
        yield Text.assemble(target, ("could not run: ", UNKNOWN), reason)
        return
    for finding in outcome.verdict.findings:
        diagnosis = f"[{finding.diagnosis}]" if finding.diagnosis else ""
        input = f" {finding.input}" if finding.input else ""
        yield Text.assemble(
            target,
            (f"{finding.property}{diagnosis}", BAD),
            f"{input}: {_words.one_line(finding.message)}",
        )


def _table(outcomes: Sequence[Outcome]) -> Block:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style=QUIET)
    table.add_column("target", overflow="fold")
    table.add_column("outcome", no_wrap=True)
    table.add_column("passed", justify="right", no_wrap=True)
    has_power = any(_words.power(outcome.verdict) for outcome in outcomes)
    if has_power:
        table.add_column("sees", justify="right", no_wrap=True)
    table.add_column("time", justify="right", no_wrap=True, style=QUIET)
    for outcome in outcomes:
        power = [Text(_words.power(outcome.verdict))] if has_power else []
        time = Text(f"{outcome.seconds:.1f} s")
        table.add_row(Text(outcome.target), *_row(outcome.verdict), *power, time)
    return [table]


def _row(verdict: Verdict | None) -> Iterator[Text]:
    if verdict is None:
        yield Text("could not run", style=UNKNOWN)
        yield Text()
    else:
        yield _result(verdict)
        yield Text(f"{_words.statuses(verdict)['passed']} of {len(verdict.checks)}")


def _result(verdict: Verdict) -> Text:
    word = _words.outcome(verdict)
    if verdict.findings:
        return Text(word, style=BAD)
    return Text(word, style=OK if word == "ok" else UNKNOWN)


def _problems(outcomes: Sequence[Outcome]) -> Iterator[Block]:
    for outcome in outcomes:
        heading = Text(outcome.target, style=HEADING)
        if outcome.verdict is None:
            yield [heading, Hanging(Text("  ! ", UNKNOWN), Text(outcome.error or ""))]
        elif outcome.verdict.findings:
            yield [heading, *_findings(outcome.verdict)]


def _findings(verdict: Verdict) -> Iterator[RenderableType]:
    for finding in verdict.findings:
        yield Hanging(Text("  ✗ ", BAD), Text(_words.title(finding), BAD))
        yield Hanging(Text("    "), Text(finding.message))
        if finding.where:
            yield _labelled("where", finding.where)
        if finding.hint:
            yield _labelled("hint", finding.hint)
        if finding.example:
            yield Text()
            for line in finding.example.splitlines():
                yield Hanging(Text("        " if line else ""), Text(line))
        yield Text()
    yield from _evidence(verdict)


def _evidence(verdict: Verdict) -> Iterator[RenderableType]:
    """What a person needs to judge the findings, and to see the same again."""
    tried = [
        f"{check.property}: {check.detail}"
        for check in verdict.checks
        if check.status == "failed" and check.detail
    ]
    for label, lines in (("tried", tried), ("inputs", verdict.inputs)):
        for position, line in enumerate(lines):
            yield _labelled("" if position else label, line, QUIET)
    yield _labelled("seed", str(verdict.seed), QUIET)


def _not_tried(outcomes: Sequence[Outcome]) -> Block:
    """One entry for each reason, however many properties and targets share it."""
    entries = omitted(outcomes)
    width = max((len(each.status) for each in entries), default=0)
    return [
        Hanging(Text(f"{each.status:{width}}  ", QUIET), Text(each.text, QUIET))
        for each in entries
    ]


def _labelled(label: str, text: str, style: str = "") -> Hanging:
    return Hanging(Text(f"    {label:6}  ", QUIET), Text(text, style))


class Hanging:
    """Text that wraps beside its lead, with nothing after the end of a line."""

    def __init__(self, lead: Text, text: Text):
        self._lead = lead
        self._text = text

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[Text]:
        indent = self._lead.cell_len
        lead = self._lead
        for line in self._text.wrap(console, max(options.max_width - indent, MINIMUM)):
            line.rstrip()
            yield Text.assemble(lead, line)
            lead = Text(" " * indent)


def _summary(outcomes: Sequence[Outcome]) -> Text:
    numbers = _words.tally(outcomes)
    worst = OK
    if numbers["with_findings"]:
        worst = BAD
    elif numbers["could_not_run"]:
        worst = UNKNOWN
    return Text(_words.summary(outcomes), style=f"bold {worst}")
