"""The pytest plugin: ``--gradproof``, a fixture and a marker.

Loading it imports neither gradproof nor torch; that is left to their first use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from gradproof import Verdict

FAIL, REPORT = "fail", "report"
MARKER = (
    "gradproof(record=True, **settings): settings of the gradproof fixture in this "
    "test, such as select or ignore; record=False keeps --gradproof from it"
)
PLUGIN = "gradproof-session"


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
        "(.json, .xml for JUnit, .sarif, .txt)",
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
    from gradproof.watch.pytest_session import Session

    session = Session(config, mode)
    config.pluginmanager.register(session, PLUGIN)
    config.add_cleanup(session.stop)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(
    terminalreporter: Any, config: pytest.Config
) -> Iterator[None]:
    """Last of all, why a run whose tests have passed is no success."""
    yield
    session = config.pluginmanager.get_plugin(PLUGIN)
    if session is not None:
        session.write_ending(terminalreporter)
