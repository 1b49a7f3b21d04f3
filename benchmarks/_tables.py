"""How the benchmarks print: tables that fit 80 columns."""

from __future__ import annotations

from rich import box
from rich.table import Table


def table(title: str, first: str, *columns: str) -> Table:
    """A table whose first column is words and whose others are numbers."""
    made = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE)
    made.add_column(first, no_wrap=True)
    for column in columns:
        made.add_column(column, justify="right", no_wrap=True)
    return made
