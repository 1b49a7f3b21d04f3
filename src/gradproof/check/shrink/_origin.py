"""Where a script gets a target from."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Origin:
    """What a script calls an object, and the line that provides it.

    Attributes:
        name: the variable.
        line: an import, or a comment where it has no importable name.
        imported: whether it is an import.
    """

    name: str
    line: str
    imported: bool

    @classmethod
    def of(cls, thing: Any) -> Origin:
        """The origin of a target or a backward."""
        for module, name in _places(thing):
            if module != "__main__" and "." not in name:
                line = f"from {module} import {name}"
                return cls(name, line + _folder(module), True)
        name = str(getattr(thing, "__name__", type(thing).__name__))
        op = getattr(thing, "_qualified_op_name", None)  # of torch.ops
        if op is not None:
            name = f"torch.ops.{op.replace('::', '.')}"
            return cls(name, f"# {name}: import what defines it", False)
        if hasattr(thing, "__name__"):
            variable = name if name.isidentifier() else "target"
            return cls(variable, f"# {variable}: what was checked", False)
        variable = name.lower()
        return cls(variable, f"# {variable}: the {name} that was checked", False)


def _places(thing: Any) -> Iterator[tuple[str, str]]:
    """The modules and names under which the very thing can be found."""
    source = getattr(thing, "_init_fn", thing)  # a torch.library op's own function
    module = sys.modules.get(str(getattr(source, "__module__", None)))
    if module is None:
        return
    known = vars(module)
    name = str(getattr(source, "__qualname__", ""))
    if known.get(name) is thing:
        yield module.__name__, name
    for other, value in known.items():
        if value is thing:
            yield module.__name__, other


def _folder(module: str) -> str:
    """A remark on where to run it, for a module that is not on the usual path."""
    package, _, _ = module.partition(".")
    file = getattr(sys.modules.get(package), "__file__", None)
    if file is None:
        return ""
    folder = Path(file).resolve().parent
    if Path(file).name == "__init__.py":
        folder = folder.parent
    here = Path.cwd()
    if folder == here or not folder.is_relative_to(here):
        return ""
    if "site-packages" in folder.parts or "src" in folder.parts:
        return ""
    return f"  # in {folder.relative_to(here)}"
