"""An explanation for the terminal: as wide as that is, and in colour."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.text import Text

from gradproof.report.explain_plain import WIDTH, layout

if TYPE_CHECKING:
    from gradproof.explain.steps import Explanation

WIDEST = 100
STYLES = {"heading": "bold", "quiet": "dim", "rule": "cyan", "number": "green"}


def render(explanation: Explanation, stream: TextIO) -> None:
    """Write the explanation."""
    console = Console(file=stream, highlight=False)
    width = min(console.width, WIDEST) if console.is_terminal else WIDTH
    for line in layout(explanation, width):
        text = Text.assemble(*((p.text, STYLES.get(p.role, "")) for p in line))
        text.rstrip()
        console.print(text, soft_wrap=True)
