"""Derive or explain a target: what a worker does for the commands of these names."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from gradproof._errors import TargetError
from gradproof.targets import discover
from gradproof.targets.called_with import called_with
from gradproof.targets.target import Target, parse


def source(text: str, settings: Mapping[str, Any]) -> str:
    """The source that ``gradproof derive`` writes.

    Args:
        text: the target's.
        settings: ``to``, ``wrt``, ``examples``, ``options``, ``seed``.
    """
    import gradproof as gp

    target = load(text)
    inputs, options = called_with(target, settings)
    derivation = gp.derive(target, *inputs, wrt=settings["wrt"] or None, **options)
    return derivation.source(settings["to"])


def explanation(text: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The explanation that ``gradproof explain`` shows, as a dictionary."""
    import gradproof as gp

    target = load(text)
    inputs, options = called_with(target, settings)
    explained = gp.explain(target, *inputs, wrt=settings["wrt"] or None, **options)
    return explained.to_dict()


def load(text: str) -> Callable[..., Any]:
    """The function that a target names.

    Raises:
        TargetError: it names none, or something that has a backward already.
    """
    target = parse(text)
    if target.name is None:
        raise TargetError(_which(target))
    found: Callable[..., Any] = discover.load_object(target)
    kind = discover.kind_of(found)
    if kind == "torch.autograd.Function":
        raise TargetError(
            f"{text} is a torch.autograd.Function, whose backward is written already: "
            "give the function that it computes, or gradproof check it"
        )
    if not callable(found):
        raise TargetError(f"{text} is a {type(found).__name__}, not a function")
    return found


def _which(target: Target) -> str:
    """What to say of a target that names a whole file or module."""
    module = discover.load_module(target)
    names = [
        name for name in discover.targets_in(module) if _is_derivable(module, name)
    ]
    names = names or [name for name in vars(module) if _is_function(module, name)]
    if not names:
        return f"{target} defines no function to derive"
    return (
        f"{target} is a whole {'file' if target.is_path else 'module'}: name a "
        f"function in it, as {target}:{names[0]}; it has {', '.join(names)}"
    )


def _is_derivable(module: ModuleType, name: str) -> bool:
    return not isinstance(getattr(module, name), type)


def _is_function(module: ModuleType, name: str) -> bool:
    value = getattr(module, name)
    is_its_own = getattr(value, "__module__", None) == module.__name__
    return inspect.isfunction(value) and is_its_own and not name.startswith("_")
