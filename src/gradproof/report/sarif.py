"""The report as SARIF 2.1.0, which code scanning reads.

A rule is a property, a result a finding; what could not run is a notification.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, TextIO
from urllib.parse import quote

from gradproof._escape import escaped
from gradproof.report._by_property import by_property, said
from gradproof.report.json import write

if TYPE_CHECKING:
    from gradproof.check.verdict import Finding
    from gradproof.report import Outcome

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
PLACEHOLDER = re.compile(r"\{(\d+)\}")
LINK = re.compile(r"\[(?=[^\[\]]*\]\()")
EVIDENCE = ("input", "diagnosis", "where", "error", "hint", "example")


def render(outcomes: Sequence[Outcome], stream: TextIO) -> None:
    """Write one SARIF log with one run."""
    rules = _rules(outcomes)
    run = {
        "tool": {
            "driver": {
                "name": "gradproof",
                "version": version("gradproof"),
                "rules": list(rules.values()),
            }
        },
        "invocations": [_invocation(outcomes)],
        "results": [
            _result(outcome, finding, list(rules))
            for outcome in outcomes
            if outcome.verdict is not None
            for finding in outcome.verdict.findings
        ],
    }
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    write(escaped(log), stream)


def _rules(outcomes: Sequence[Outcome]) -> dict[str, dict[str, Any]]:
    """A rule for each property that ran or should have, in that order."""
    from gradproof.check.properties import titles

    known = titles()
    verdicts = [each.verdict for each in outcomes if each.verdict is not None]
    names = (entry.property for verdict in verdicts for entry in by_property(verdict))
    return {
        name: {
            "id": name,
            "shortDescription": {"text": known.get(name) or name},
            "defaultConfiguration": {"level": "error"},
        }
        for name in names
    }


def _result(outcome: Outcome, finding: Finding, rules: list[str]) -> dict[str, Any]:
    evidence = {name: getattr(finding, name) for name in EVIDENCE}
    known = {key: one for key, one in evidence.items() if one not in (None, "")}
    return {
        "ruleId": finding.property,
        "ruleIndex": rules.index(finding.property),
        "level": "error",
        "message": _message(f"{outcome.target}: {said(finding)}"),
        "locations": [_location(outcome)],
        "properties": known,
    }


def _invocation(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    broken = [each for each in outcomes if each.verdict is None]
    invocation: dict[str, Any] = {"executionSuccessful": not broken}
    if broken:
        invocation["toolExecutionNotifications"] = [
            {
                "level": "error",
                "message": _message(f"{each.target}: {each.error or 'could not run'}"),
                "locations": [_location(each)],
                "properties": {"kind": each.kind},
            }
            for each in broken
        ]
    return invocation


def _message(text: str) -> dict[str, str]:
    """The text, where SARIF would read a placeholder or a link in it escaped."""
    return {"text": LINK.sub(r"\\[", PLACEHOLDER.sub(r"{{\1}}", text))}


def _location(outcome: Outcome) -> dict[str, Any]:
    location: dict[str, Any] = {}
    if outcome.file is not None:
        location["physicalLocation"] = {"artifactLocation": {"uri": _uri(outcome.file)}}
        if outcome.line is not None:
            region = {"startLine": outcome.line}
            location["physicalLocation"]["region"] = region
    return {
        **location,
        "logicalLocations": [{"fullyQualifiedName": outcome.target}],
    }


def _uri(file: str) -> str:
    path = PurePath(file)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())
