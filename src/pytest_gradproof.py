"""The pytest plugin: ``--gradproof``, a fixture and a marker.

Loading it imports neither gradproof nor torch; that is left to their first use.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from gradproof import Verdict
    from gradproof.report import Outcome
    from gradproof.watch.verdicts import How

FAIL, REPORT = "fail", "report"
MARKER = (
    "gradproof(record=True, **settings): settings of the gradproof fixture in this "
    "test, such as select or ignore; record=False keeps --gradproof from it"
)
PLUGIN = "gradproof-session"
OUTPUT = "gradproof_outcomes"  # what a worker of xdist hands over
PASSED = (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options and ini settings."""
    group = parser.getgroup("gradproof", "check hand-written gradients")
    # Three flags: an optional value would swallow the path in pytest --gradproof tests.
    for flag, mode, text in (
        (
            "--gradproof",
            FAIL,
            "record the autograd Functions and gp.functions that the tests call, check "
            "their gradients at the end, and fail if something is found",
        ),
        ("--gradproof=fail", FAIL, "the same"),
        ("--gradproof=report", REPORT, "the same, but only report what is found"),
    ):
        group.addoption(
            flag, action="store_const", const=mode, dest="gradproof", help=text
        )
    group.addoption(
        "--gradproof-only",
        action="append",
        default=[],
        metavar="PACKAGE",
        help="record only what this package defines (repeatable)",
    )
    group.addoption(
        "--gradproof-report",
        metavar="PATH",
        help="write the report to PATH too; the suffix says the format "
        "(.json, .xml for JUnit, .sarif)",
    )
    parser.addini(
        "gradproof", "check what the tests call: off, report or fail", default="off"
    )
    parser.addini(
        "gradproof_only", "packages for --gradproof-only", type="args", default=[]
    )


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    """Record from before the first conftest: ``apply`` may be imported from there."""
    mode = _mode(early_config)
    if mode:
        _start(early_config, mode)
    return (yield)


def pytest_configure(config: pytest.Config) -> None:
    """Say what the marker is; record from here on if that was not begun before."""
    config.addinivalue_line("markers", MARKER)
    mode = _mode(config)
    if mode and not config.pluginmanager.has_plugin(PLUGIN):
        _start(config, mode)


@pytest.fixture
def gradproof(request: pytest.FixtureRequest) -> Callable[..., Verdict]:
    """Check a target: ``gradproof(target, *inputs, **settings)``, as ``gp.check``.

    The test fails with the verdict if something is found.
    """
    marked = _marked(request.node)

    def check(target: Any, *inputs: Any, **settings: Any) -> Verdict:
        __tracebackhide__ = True
        import gradproof as gp

        verdict = gp.check(target, *inputs, **{**marked, **settings})
        found = [f"{one.property}: {one.message}" for one in verdict.findings]
        request.node.user_properties.append(
            (f"gradproof:{verdict.target}", "; ".join(found) or "ok")
        )
        if not verdict.ok:
            pytest.fail(f"\n{verdict}", pytrace=False)
        return verdict

    return check


def _marked(item: pytest.Item) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for marker in reversed(list(item.iter_markers("gradproof"))):
        settings.update(marker.kwargs)
    settings.pop("record", None)
    return settings


def _mode(config: pytest.Config) -> str | None:
    given = config.known_args_namespace.gradproof or config.getini("gradproof")
    if given in (FAIL, REPORT):
        return str(given)
    if given in ("off", ""):
        return None
    raise pytest.UsageError(f"gradproof must be off, report or fail, not {given!r}")


def _start(config: pytest.Config, mode: str) -> None:
    session = Session(config, mode)
    config.pluginmanager.register(session, PLUGIN)
    config.add_cleanup(session.stop)


class Session:
    """One run of pytest with ``--gradproof``: records, checks, reports."""

    def __init__(self, config: pytest.Config, mode: str):
        from gradproof.watch.recorder import Recorder

        given = config.known_args_namespace
        self._mode = mode
        self._report = given.gradproof_report
        self._how = _how(config)
        self._recorder = Recorder(
            given.gradproof_only or config.getini("gradproof_only")
        )
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
        for entry in json.loads(getattr(node, "workeroutput", {}).get(OUTPUT, "[]")):
            self._outcomes.append(_outcome(entry))

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Check what was recorded; a worker of xdist hands that to its controller."""
        self.stop()
        config = session.config
        self._outcomes += self._check(config)
        if hasattr(config, "workeroutput"):
            config.workeroutput[OUTPUT] = json.dumps(list(map(_plain, self._outcomes)))
            return
        self._outcomes = _merged(self._outcomes)
        _add_to_junit(config, self._outcomes)
        if self._report:
            from gradproof._check_options import report_to

            report_to(Path(self._report), self._outcomes)
        wrong = any(
            one.verdict is not None and not one.verdict.ok for one in self._outcomes
        )
        if self._mode == FAIL and wrong and session.exitstatus in PASSED:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _check(self, config: pytest.Config) -> list[Outcome]:
        from gradproof.watch.verdicts import outcomes

        reporter = config.pluginmanager.get_plugin("terminalreporter")
        count = len(self._recorder.calls)
        if reporter is not None and count and config.get_verbosity() >= 0:
            noun = "target" if count == 1 else "targets"
            reporter.write_line(f"gradproof: checking {count} {noun} that were called")
        return outcomes(self._recorder, self._how)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """A table of what was checked, and every finding."""
        from gradproof import _declared
        from gradproof.report import renderer

        terminalreporter.section("gradproof")
        if not self._outcomes:
            terminalreporter.write_line(
                "the tests applied no torch.autograd.Function and no gp.function"
            )
            return
        text = io.StringIO()
        renderer("full")(self._outcomes, text)
        terminalreporter.write_line(text.getvalue().rstrip())
        names = [one.target for one in self._outcomes]
        for line in _declared.said_of(names, self._how.declarations):
            terminalreporter.write_line(f"declared  {line}")


def _how(config: pytest.Config) -> How:
    """Settings of the checks: those of the command line, from ``[tool.gradproof]``."""
    import click

    from gradproof import _check_options, _config
    from gradproof._errors import InputError
    from gradproof.watch.verdicts import TIMEOUT, How

    try:
        settings = _config.load(config.rootpath)
        return How(
            settings=_check_options.check_settings(settings, (), (), None),
            declarations=_check_options.declarations(settings),
            timeout=settings.timeout or TIMEOUT,
            jobs=settings.jobs or 1,
        )
    except (InputError, click.UsageError) as error:
        raise pytest.UsageError(str(error)) from None


def _plain(outcome: Outcome) -> dict[str, Any]:
    verdict = None if outcome.verdict is None else outcome.verdict.to_dict()
    return {**vars(outcome), "verdict": verdict}


def _outcome(entry: dict[str, Any]) -> Outcome:
    from gradproof import Verdict
    from gradproof.report import Outcome

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
