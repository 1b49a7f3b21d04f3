"""The report as JUnit XML, of the family that pytest calls ``xunit2``.

A suite is a target, a case a property of it. The text is ASCII, and what XML has no
character for is spelt out, so that it can be read back wherever it was written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TextIO
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from gradproof._escape import escaped
from gradproof.report import _words
from gradproof.report._by_property import Entry, by_property, said
from gradproof.report._omitted import NOT_TRIED

if TYPE_CHECKING:
    from gradproof.check.verdict import Finding, Verdict
    from gradproof.report import Outcome

COUNTED = {"failures": "failure", "errors": "error", "skipped": "skipped"}
COULD_NOT_RUN = "check"  # the one case of a target without a verdict


def render(outcomes: Sequence[Outcome], stream: TextIO) -> None:
    """Write one XML document."""
    root = Element("testsuites", name="gradproof")
    for outcome in outcomes:
        suite = SubElement(root, "testsuite", name=escaped(outcome.target))
        if outcome.verdict is None:
            _could_not_run(suite, outcome)
        else:
            _suite(suite, outcome.target, outcome.verdict)
        _count(suite, ("failures", "errors", "skipped"), outcome.seconds)
    _count(root, ("failures", "errors"), sum(each.seconds for each in outcomes))
    indent(root)
    text = tostring(root, encoding="us-ascii").decode("ascii")
    text = text.removeprefix("<?xml version='1.0' encoding='us-ascii'?>").lstrip()
    stream.write(f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n')


def _count(element: Element, names: Sequence[str], seconds: float) -> None:
    element.set("tests", str(len(list(element.iter("testcase")))))
    for name in names:
        element.set(name, str(len(list(element.iter(COUNTED[name])))))
    element.set("time", f"{seconds:.3f}")


def _suite(suite: Element, target: str, verdict: Verdict) -> None:
    properties = SubElement(suite, "properties")
    for name, value in _properties(verdict):
        SubElement(properties, "property", name=name, value=escaped(value))
    for entry in by_property(verdict):
        _case(_named(suite, target, entry.property), entry)


def _properties(verdict: Verdict) -> Iterator[tuple[str, str]]:
    yield "seed", str(verdict.seed)
    for line in verdict.inputs:
        yield "input", line


def _case(case: Element, entry: Entry) -> None:
    if entry.status == "failed":
        _failure(case, entry)
    elif entry.status in NOT_TRIED:
        message = _words.one_line(entry.detail)
        SubElement(case, "skipped", type=entry.status, message=escaped(message))


def _failure(case: Element, entry: Entry) -> None:
    """One failure with all findings: consumers look at the first only."""
    message, kind = entry.detail, entry.property
    if entry.findings:
        message = entry.findings[0].message
        kind = entry.findings[0].diagnosis or kind
        if len(entry.findings) > 1:
            message += f" (and {len(entry.findings) - 1} more)"
    failure = SubElement(
        case,
        "failure",
        type=escaped(kind),
        message=escaped(_words.one_line(message)),
    )
    failure.text = escaped("\n\n".join(map(_in_full, entry.findings)) or entry.detail)


def _in_full(finding: Finding) -> str:
    text = f"{_words.title(finding)}\n{said(finding)}"
    return f"{text}\n\n{finding.example}" if finding.example else text


def _could_not_run(suite: Element, outcome: Outcome) -> None:
    reason = outcome.error or ""
    error = SubElement(
        _named(suite, outcome.target, COULD_NOT_RUN),
        "error",
        type=escaped(outcome.kind or "error"),
        message=escaped(_words.one_line(reason)),
    )
    error.text = escaped(reason)


def _named(suite: Element, target: str, name: str) -> Element:
    return SubElement(suite, "testcase", classname=escaped(target), name=escaped(name))
