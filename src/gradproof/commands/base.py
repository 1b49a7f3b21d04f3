"""What the commands share: options, settings, and the workers to run in."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO, TypeVar

import click

from gradproof import _config
from gradproof._errors import InputError
from gradproof.report import Outcome
from gradproof.running.progress import Progress, progress
from gradproof.running.run_all import Interrupted
from gradproof.running.workers import Pool

DEFAULT_TIMEOUT = 120.0
INTERRUPTED = 130

T = TypeVar("T")


def split(_context: object, _parameter: object, value: Sequence[str]) -> list[str]:
    """A click callback: names, the option repeated or they comma-separated."""
    names = (name.strip() for text in value for name in text.split(","))
    return [name for name in names if name]


targets_argument = click.argument(
    "targets", nargs=-1, required=True, metavar="TARGET..."
)
timeout_option = click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help=f"How long one target may take.  [default: {DEFAULT_TIMEOUT:g}]",
)


def load_config() -> _config.Config:
    """The settings in the nearest pyproject.toml; a mistake in it is one of usage."""
    try:
        return _config.load(Path.cwd())
    except InputError as error:
        raise click.UsageError(str(error)) from None


def stdout() -> TextIO:
    """Standard output, where a character that it cannot encode is no crash."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    return sys.stdout


def with_workers(
    run: Callable[[Pool, Progress], T],
    config: _config.Config,
    jobs: int | None,
    timeout: float | None,
    *,
    interrupted: Callable[[list[Outcome]], None] = lambda _outcomes: None,
) -> T:
    """What ``run`` gives, with workers and a bar at its disposal.

    On Ctrl-C ``interrupted`` is given what was done by then, if that is known.
    """
    try:
        with (
            Pool(
                jobs or config.jobs or 1, timeout or config.timeout or DEFAULT_TIMEOUT
            ) as pool,
            progress() as shown,
        ):
            return run(pool, shown)
    except KeyboardInterrupt as interrupt:
        if isinstance(interrupt, Interrupted) and interrupt.outcomes:
            interrupted(interrupt.outcomes)
        click.echo("Interrupted.", err=True)
        sys.exit(INTERRUPTED)
