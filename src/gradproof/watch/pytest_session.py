"""One run of pytest with ``--gradproof``: records, checks, reports."""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest

from gradproof import Verdict, _config
from gradproof._errors import InputError
from gradproof.commands import options
from gradproof.commands.notes import notes
from gradproof.report import Outcome
from gradproof.report._words import count, tally
from gradproof.watch.only import Applied
from gradproof.watch.recorder import Recorder
from gradproof.watch.verdicts import TIMEOUT, How, outcomes

if TYPE_CHECKING:
    from gradproof.report.notes import Note

FAIL = "fail"
OUTPUT = "gradproof"  # what a worker of xdist hands over
PASSED = (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
NOTHING = "the tests applied no torch.autograd.Function and no gp.function"


class Session:
    """The plugin that is there for one run."""

    def __init__(self, config: pytest.Config, mode: str):
        given = config.known_args_namespace
        self._mode = mode
        self._report = _report_file(given.gradproof_report)
        self._how = _how(config)
        only = given.gradproof_only or config.getini("gradproof_only")
        self._recorder = Recorder(only)
        self._applied = Applied(only, "--gradproof-only")
        self._stack = contextlib.ExitStack()
        is_worker = "PYTEST_XDIST_WORKER" in os.environ
        if is_worker or not getattr(given, "numprocesses", None):  # no controller
            self._stack.enter_context(self._recorder.recording())
        self._outcomes: list[Outcome] = []

    def stop(self) -> None:
        """Put back what recording patched."""
        self._stack.close()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """A test may ask not to be recorded."""
        marker = item.get_closest_marker("gradproof")
        if marker is None or marker.kwargs.get("record", True):
            return (yield)
        with self._recorder.paused():
            return (yield)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """A worker of xdist is done: take over what it found."""
        handed = getattr(node, "workeroutput", {}).get(OUTPUT)
        if handed is not None:
            said = json.loads(handed)
            self._outcomes += map(_outcome, said["outcomes"])
            self._applied.add(said["applied"], said["existing"])

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Check what was recorded; a worker of xdist hands that to its controller."""
        self.stop()
        config = session.config
        self._outcomes += self._check(config)
        self._applied.look(self._recorder)
        if hasattr(config, "workeroutput"):
            config.workeroutput[OUTPUT] = json.dumps(
                {
                    "outcomes": list(map(_plain, self._outcomes)),
                    "applied": sorted(self._applied.names),
                    "existing": sorted(self._applied.existing),
                }
            )
            return
        self._outcomes = _merged(self._outcomes)
        _add_to_junit(config, self._outcomes)
        if self._report:
            options.report_to(self._report, self._outcomes, self._notes())
        if self._mode == FAIL and session.exitstatus in PASSED:
            session.exitstatus = self._status(session.exitstatus)

    def _status(self, passed: int | pytest.ExitCode) -> int | pytest.ExitCode:
        if self._with_findings or self._not_run:
            return pytest.ExitCode.TESTS_FAILED
        if self._applied.problems():
            return pytest.ExitCode.USAGE_ERROR
        return passed

    @property
    def _with_findings(self) -> int:
        return tally(self._outcomes)["with_findings"]

    @property
    def _not_run(self) -> int:
        """How many came to a bad end; that nothing fits one is not its own fault."""
        kinds = [each.kind for each in self._outcomes if each.verdict is None]
        return sum(kind != "inputs" for kind in kinds)

    def _check(self, config: pytest.Config) -> list[Outcome]:
        reporter = config.pluginmanager.get_plugin("terminalreporter")
        number = len(self._recorder.calls)
        if reporter is not None and number and config.get_verbosity() >= 0:
            said = f"{count(number, 'target')} that {_were(number)} called"
            reporter.write_line(f"gradproof: checking {said}")
        return outcomes(self._recorder, self._how)

    def _notes(self) -> list[Note]:
        names = [each.target for each in self._outcomes]
        return notes(names, self._how.declarations)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """A table of what was checked, and every finding."""
        terminalreporter.section("gradproof")
        if self._outcomes:
            text = _Written(in_colour=terminalreporter.hasmarkup)
            options.report(self._outcomes, "full", text, self._notes())
            terminalreporter.write_line(text.getvalue().rstrip())
        elif not self._applied.names:
            terminalreporter.write_line(NOTHING)

    def write_ending(self, terminalreporter: Any) -> None:
        """What fails the run, or would, in a line that nothing follows but a count."""
        lines = self._applied.problems()
        found = self._with_findings
        if found:
            lines.append(f"{count(found, 'target')} with findings")
        if self._not_run:
            lines.append(f"{count(self._not_run, 'target')} that could not be run")
        colour = "red" if self._mode == FAIL else "yellow"
        for line in lines:
            terminalreporter.write_line(
                f"gradproof: {line}", bold=True, **{colour: True}
            )


class _Written(io.StringIO):
    """Text on its way to pytest's terminal, in colour where that has any."""

    def __init__(self, *, in_colour: bool):
        super().__init__()
        self._in_colour = in_colour

    def isatty(self) -> bool:
        return self._in_colour


def _were(number: int) -> str:
    return "was" if number == 1 else "were"


def _report_file(given: str | None) -> Path | None:
    try:
        return options.report_file(given) if given else None
    except InputError as error:
        raise pytest.UsageError(f"--gradproof-report: {error}") from None


def _how(config: pytest.Config) -> How:
    """Settings of the checks: those of the command line, from ``[tool.gradproof]``."""
    try:
        settings = _config.load(config.rootpath)
        return How(
            settings=options.check_settings(settings, (), (), None),
            declarations=options.declarations(settings),
            timeout=settings.timeout or TIMEOUT,
            jobs=settings.jobs or 1,
        )
    except (InputError, click.UsageError) as error:
        raise pytest.UsageError(str(error)) from None


def _plain(outcome: Outcome) -> dict[str, Any]:
    verdict = None if outcome.verdict is None else outcome.verdict.to_dict()
    return {**vars(outcome), "verdict": verdict}


def _outcome(entry: dict[str, Any]) -> Outcome:
    given = entry["verdict"]
    verdict = None if given is None else Verdict.from_dict(given)
    return Outcome(**{**entry, "verdict": verdict})


def _merged(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """One outcome a target, whichever workers called it."""
    from gradproof.check.runner import merge

    together: dict[str, list[Outcome]] = {}
    for one in outcomes:
        together.setdefault(one.target, []).append(one)
    merged = []
    for same in together.values():
        verdicts = [one.verdict for one in same if one.verdict is not None]
        if len(verdicts) < 2:
            judged = (one for one in same if one.verdict is not None)
            merged.append(next(judged, same[0]))
            continue
        seconds = sum(one.seconds for one in same)
        merged.append(replace(same[0], verdict=merge(verdicts), seconds=seconds))
    return merged


def _add_to_junit(config: pytest.Config, outcomes: Sequence[Outcome]) -> None:
    """A property of the test suite for each target, where there is a JUnit file."""
    from _pytest.junitxml import xml_key

    xml = config.stash.get(xml_key, None)
    if xml is None:
        return
    for one in outcomes:
        said = one.error or "ok"
        if one.verdict is not None and one.verdict.findings:
            found = one.verdict.findings
            said = "; ".join(f"{each.property}: {each.message}" for each in found)
        xml.add_global_property(f"gradproof:{one.target}", said)
