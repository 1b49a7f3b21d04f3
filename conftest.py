"""Runs the code in README.md and docs/ as tests, and compares what it prints."""

from __future__ import annotations

import contextlib
import io
import signal

from sybil import Example, Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser

run_python = PythonEvaluator()


def run_and_capture(example: Example) -> str | None:
    """Run Python code; what it prints is kept for the text block that follows."""
    captured = io.StringIO()
    with contextlib.redirect_stdout(captured):
        problem: str | None = run_python(example)
    if captured.getvalue():
        example.namespace["__printed__"] = captured.getvalue()
    return problem


def shown(example: Example) -> str | None:
    """Compare a text block that follows Python code with what that code printed."""
    printed = example.namespace.pop("__printed__", None)
    if printed is None or printed == example.parsed:
        return None
    return f"printed:\n{printed}\nbut the text shows:\n{example.parsed}"


pytest_collect_file = Sybil(
    parsers=[
        CodeBlockParser("python", run_and_capture),
        CodeBlockParser("text", shown),
    ],
    patterns=["README.md", "docs/*.md"],
).pytest()


def pytest_configure() -> None:
    """Started in the background of a shell, tests would ignore interrupts."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
