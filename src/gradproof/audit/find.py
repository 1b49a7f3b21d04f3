"""The targets of a package, its modules imported but none of its scripts run."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from gradproof._errors import TargetError
from gradproof.audit.source import source_tree
from gradproof.targets import discover
from gradproof.targets.target import parse

SKIPPED = re.compile(r"__main__|conftest|setup|tests?|test_.*|.*_tests?")
WORTH_IMPORTING = re.compile(
    r"autograd|gradproof|custom_op|register_autograd|torch\.library|Function\)"
)
OP = "torch.library op"
_known_ops: set[str] = set()  # those that came with torch

Answer = dict[str, Any]


def answer(text: str, settings: dict[str, Any]) -> Answer:
    """The modules of a package that are worth importing, or the targets of one.

    Raises:
        TargetError: there is no such package, or the module cannot be imported.
    """
    if settings.get("modules"):
        return {"found": list(modules(text))}
    if not _known_ops and importlib.util.find_spec("torch"):
        import torch  # noqa: F401 - it registers its own operators

        _known_ops.update(_ops())
    module = discover.load_module(parse(text))
    return {"found": [*_targets(module), *([name, OP] for name in _new_ops(module))]}


def modules(package: str) -> Iterator[str]:
    """Names of a package's modules whose source mentions gradients of its own.

    Raises:
        TargetError: there is no such package.
    """
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))  # as python -m has it
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        is_file = package.endswith(".py")
        raise TargetError(
            f"{package} is a file: it is for gradproof check"
            if is_file
            else f"there is no package {package} to import; install it, or run from "
            "the folder that holds it"
        )
    if not spec.submodule_search_locations:
        yield package
        return
    for folder in map(Path, spec.submodule_search_locations):
        for file in sorted(folder.rglob("*.py")):
            parts = file.relative_to(folder).with_suffix("").parts
            is_package = parts[-1] == "__init__"
            names = parts[:-1] if is_package else parts
            if any(SKIPPED.fullmatch(n) or not n.isidentifier() for n in names):
                continue
            text = file.read_text(encoding="utf-8", errors="replace")
            if WORTH_IMPORTING.search(text):
                yield ".".join((package, *names))


def _targets(module: ModuleType) -> Iterator[list[str]]:
    """Name and kind of each thing of a module that claims a gradient."""
    seen: set[int] = set()

    def look(owner: Any, prefix: str) -> Iterator[list[str]]:
        for name, value in list(vars(owner).items()):
            if getattr(value, "__module__", None) != module.__name__:
                continue
            if id(value) in seen:
                continue
            kind = discover.kind_of(value)
            if kind and _claims_a_gradient(value):
                seen.add(id(value))
                yield [prefix + name, kind]
            elif inspect.isclass(value) and value is not owner:
                seen.add(id(value))
                yield from look(value, f"{prefix}{name}.")

    yield from look(module, "")


def _claims_a_gradient(value: Any) -> bool:
    """An ``autograd.Function`` that lacks something is a base of others."""
    torch = sys.modules.get("torch")
    if torch is None or discover.kind_of(value) != "torch.autograd.Function":
        return True
    base = torch.autograd.Function
    has_forward = value.forward is not base.forward
    has_backward = value.backward is not base.backward or value.vjp is not base.vjp
    return has_forward and has_backward and not _is_abstract(value)


def _is_abstract(function: Any) -> bool:
    """Whether a class method of it asks its class for what only subclasses have."""
    for method in (function.forward, function.backward):
        tree = source_tree(method) if inspect.ismethod(method) else None
        if tree is None:
            continue
        owner = next(iter(inspect.signature(method.__func__).parameters), "")
        attributes = [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == owner
        ]
        set_here = {n.attr for n in attributes if not isinstance(n.ctx, ast.Load)}
        asked = {node.attr for node in attributes} - set_here
        if not all(hasattr(function, name) for name in asked):
            return True
    return False


def _ops() -> set[str]:
    import torch

    get: Any = torch._C._dispatch_get_registrations_for_dispatch_key
    return {name.partition(".")[0] for name in get("Autograd")}


def _new_ops(module: ModuleType) -> Iterator[str]:
    """The ops that the module's package registered; torch registers some late."""
    if "torch" not in sys.modules:
        return
    import torch
    from torch._library.custom_ops import OPDEFS

    package = module.__name__.partition(".")[0]
    folder = str(Path(module.__file__ or "").parent)
    for name in sorted(_ops() - _known_ops):
        definition = OPDEFS.get(name)
        if definition is not None:
            owner = definition._init_fn.__module__
            is_theirs = owner.partition(".")[0] == package
        else:
            is_theirs = folder in torch._C._dispatch_dump(name)
        if is_theirs:
            yield name.replace("::", ".")


def op(name: str) -> Any:
    """The op of that name."""
    import torch

    namespace, _, rest = name.partition(".")
    return getattr(getattr(torch.ops, namespace), rest)
