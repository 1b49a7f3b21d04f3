"""Derive or explain a target: what a worker does for the commands of these names."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from types import ModuleType
from typing import Any

from gradproof import _discover, _given
from gradproof._errors import InputError, NoInputsError, TargetError
from gradproof._given import Given
from gradproof._target import Target, parse


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
    found: Callable[..., Any] = _discover.load_object(target)
    kind = _discover.kind_of(found)
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
    module = _discover.load_module(target)
    names = [
        name for name in _discover.targets_in(module) if _is_derivable(module, name)
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


def called_with(
    target: Callable[..., Any], settings: Mapping[str, Any]
) -> tuple[Sequence[Any], dict[str, Any]]:
    """The inputs and the keyword-only options to derive it with.

    What is not given at the prompt is as ``gp.examples`` on the target has it, or the
    default of the parameter.

    Raises:
        NoInputsError: naming the inputs that nothing says anything of.
        InputError: for a name that is no parameter.
    """
    forward = target.forward if hasattr(target, "rules") else target  # type: ignore[attr-defined]
    parameters = _parameters(forward)
    examples = [Given.from_dict(one) for one in settings["examples"]]
    _refuse_unknown(target, parameters, [e.name for e in examples], "--example")
    _refuse_unknown(target, parameters, settings["options"], "--option")
    values = {
        p.name: p.default for p in parameters.values() if p.default is not p.empty
    }
    values |= _known(target, parameters)
    library = _library(forward, examples, values.values())
    for one in examples:
        values[one.name] = _made(one, values.get(one.name), library, settings["seed"])
    values |= settings["options"]
    _refuse_missing(target, parameters, values)
    positional = [n for n, p in parameters.items() if p.kind is not p.KEYWORD_ONLY]
    options = {n: v for n, v in values.items() if n not in positional}
    return [values[name] for name in positional], options


def _parameters(forward: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    parameters = inspect.signature(forward).parameters.values()
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return {p.name: p for p in parameters if p.kind not in variadic}


def _known(
    target: Callable[..., Any], parameters: Mapping[str, inspect.Parameter]
) -> dict[str, Any]:
    """What ``gp.examples`` or annotations say, by name."""
    from gradproof.check.inputs import examples_for

    try:
        example = examples_for(target)[0]
    except NoInputsError:
        return {}
    return dict(zip(parameters, example.inputs, strict=False)) | example.options


def _library(
    forward: Callable[..., Any], examples: Sequence[Given], known: Any
) -> str | None:
    """Whose arrays to make: as asked, as those that are known, as the code uses."""
    from gradproof._derived import library_of, written_in

    asked = next((one.library for one in examples if one.library), None)
    return asked or library_of(list(known)) or written_in(forward)


def _made(given: Given, before: Any, library: str | None, seed: int) -> Any:
    """The array, of the dtype that the one it replaces has, unless another is given."""
    dtype = given.dtype or str(getattr(before, "dtype", "float64"))
    dtype = dtype.removeprefix("torch.")
    array = _given.made(given, seed, dtype)
    if library == "torch":
        return _given.as_torch(array, dtype)
    if library == "jax" and "jax" in sys.modules:
        return sys.modules["jax"].numpy.asarray(array)
    return array


def _refuse_unknown(
    target: Any, parameters: Mapping[str, Any], names: Any, option: str
) -> None:
    for name in names:
        if name not in parameters:
            close = get_close_matches(name, parameters, n=1)
            guess = f"did you mean {close[0]}? " if close else ""
            raise InputError(
                f"{option} {name}: {target.__name__} has no such parameter; "
                f"{guess}it has {', '.join(parameters)}"
            )


def _refuse_missing(
    target: Any, parameters: Mapping[str, Any], values: Mapping[str, Any]
) -> None:
    missing = [name for name in parameters if name not in values]
    if missing:
        raise NoInputsError(
            f"{target.__name__}: nothing is known of {', '.join(missing)}: give "
            f"{_given.missing(missing)}, or put @gp.examples(...) on it"
        )
