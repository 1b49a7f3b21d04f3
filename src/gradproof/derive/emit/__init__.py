"""Source in every form: one emitter a file, named by the form that it writes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradproof.derive.program import Differentiated


@dataclass(frozen=True)
class Form:
    """A form of source.

    Attributes:
        module: the emitter; its ``emit`` writes the text.
        imports: the array library that the text imports, or None where it is no code.
        seeded: whether it takes the gradient of the output also for a single number.
    """

    module: str
    imports: str | None
    seeded: bool = True

    def emit(self, d: Differentiated) -> str:
        """The text."""
        module = import_module(f"gradproof.derive.emit.{self.module}")
        write: Callable[[Differentiated], str] = module.emit
        return write(d)


FORMS = {
    "numpy": Form("numpy_", "numpy", seeded=False),
    "torch": Form("torch_", "torch"),
    "torch-library": Form("torch_library", "torch"),
    "jax": Form("jax_", "jax"),
    "latex": Form("latex", None, seeded=False),
    "markdown": Form("markdown", None, seeded=False),
}
