"""A module's text: what it imports, the helpers that it calls, and its body."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gradproof.derive.emit.helpers import HELPERS, IMPORTS
from gradproof.derive.emit.layout import broken

LIBRARIES = {
    "numpy": {"np": "import numpy as np"},
    "torch": {"torch": "import torch"},
    "jax": {"jax": "import jax", "jnp": "import jax.numpy as jnp"},
}
_CALLED = re.compile(r"(?<![.\w])([A-Za-z_]\w*)\(")


def module(form: str, blocks: Sequence[Sequence[str]]) -> str:
    """The text of a module.

    Args:
        form: ``"numpy"``, ``"torch"`` or ``"jax"``.
        blocks: the lines of each definition, two empty lines between them.
    """
    body = ["\n".join(block) for block in blocks]
    helpers = _called(form, "\n".join(body))
    text = "\n\n\n".join([*(HELPERS[name][form] for name in helpers), *body])
    standard = {name for helper in helpers for name in IMPORTS[helper]}
    if re.search(r"(?<![.\w])math\.", text):
        standard.add("math")
    imports = [f"import {name}" for name in sorted(standard)]
    imports += [""] * bool(imports)
    imports += [
        line
        for name, line in LIBRARIES[form].items()
        if re.search(rf"(?<![.\w]){name}\.", text)
    ]
    lines = [line for long in text.split("\n") for line in broken(long)]
    return "\n".join([*imports, *([""] * 2 if imports else []), *lines, ""])


def _called(form: str, text: str) -> list[str]:
    """Helpers that a text calls, and those that they call, in the table's order."""
    found: set[str] = set()
    waiting = [text]
    while waiting:
        for name in _CALLED.findall(waiting.pop()):
            if name in HELPERS and form in HELPERS[name] and name not in found:
                found.add(name)
                waiting.append(HELPERS[name][form])
    return [name for name in HELPERS if name in found]
