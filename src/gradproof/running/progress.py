"""How far a run has come: a bar on a terminal, nothing anywhere else."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID


class Progress:
    """Told what runs, and shows nothing."""

    def expect(self, total: int) -> None:
        """So many targets will be checked."""

    def started(self, target: str) -> None:
        """A target's turn has come."""

    def at(self, target: str, property: str, share: float) -> None:
        """A target has come to a property, with that share of its check done."""

    def finished(self, target: str) -> None:
        """A target is done."""


class Bar(Progress):
    """Told what runs, and shows it on a line that is gone when all is done."""

    def __init__(self, shown: RichProgress, task: TaskID):
        self._shown = shown
        self._task = task
        self._shares: dict[str, float] = {}

    def expect(self, total: int) -> None:
        """Show a share of so many."""
        self._shown.update(self._task, total=total)

    def started(self, target: str) -> None:
        """Show its name."""
        self._shown.update(self._task, description=f"running {target}")

    def at(self, target: str, property: str, share: float) -> None:
        """Show the property beside the target, and move the bar by so much."""
        self._move(target, share, f"{target} · {property}")

    def finished(self, target: str) -> None:
        """Move the bar by what is left of the target."""
        self._move(target, 1.0, None)

    def _move(self, target: str, share: float, description: str | None) -> None:
        self._shares[target] = share
        done = sum(self._shares.values())
        self._shown.update(self._task, completed=done, description=description)


@contextlib.contextmanager
def progress() -> Iterator[Progress]:
    """A bar on stderr where that is a terminal; nothing in a pipe."""
    if not sys.stderr.isatty():
        yield Progress()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as RichProgress
    from rich.table import Column

    columns = (
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TextColumn(
            "{task.description}",
            style="dim",
            markup=False,  # a target's name may hold a bracket
            table_column=Column(no_wrap=True, overflow="ellipsis"),
        ),
    )
    console = Console(stderr=True)
    with RichProgress(*columns, console=console, transient=True) as shown:
        yield Bar(shown, shown.add_task("starting", total=None))
