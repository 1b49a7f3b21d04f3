"""What a target named at the prompt is called with: ``--example``, ``--option``."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from gradproof._errors import InputError, NoInputsError
from gradproof.targets.discover import kind_of
from gradproof.targets.given import Given, as_torch, made, missing


def called_with(
    target: Callable[..., Any], settings: Mapping[str, Any]
) -> tuple[Sequence[Any], dict[str, Any]]:
    """The inputs and the keyword-only options to call it with.

    What is not given at the prompt is as ``gp.examples`` on the target has it, or the
    default of the parameter; options at their default are left out.

    Raises:
        NoInputsError: naming the inputs that nothing says anything of.
        InputError: for a name that is no parameter.
    """
    forward = _forward(target)
    parameters = _parameters(target, forward)
    examples = [Given.from_dict(one) for one in settings["examples"]]
    _refuse_unknown(target, parameters, [e.name for e in examples], "--example")
    _refuse_unknown(target, parameters, settings["options"], "--option")
    values = {
        p.name: p.default
        for p in parameters.values()
        if p.default is not p.empty and p.kind is not p.KEYWORD_ONLY
    }
    values |= _known(target, parameters)
    library = "torch" if _is_torchs(target) else None
    library = library or _library(forward, examples, values.values())
    for one in examples:
        values[one.name] = _made(one, values.get(one.name), library, settings["seed"])
    values |= settings["options"]
    _refuse_missing(target, parameters, values)
    positional = [n for n, p in parameters.items() if p.kind is not p.KEYWORD_ONLY]
    options = {n: v for n, v in values.items() if n not in positional}
    return [values[name] for name in positional], options


def _forward(target: Any) -> Callable[..., Any]:
    """The user's own function: that of a ``gp.function``, a module or a class."""
    forward: Callable[..., Any] = getattr(target, "forward", target)
    return forward


def _parameters(
    target: Any, forward: Callable[..., Any]
) -> dict[str, inspect.Parameter]:
    """By name, without ``ctx`` and those that take any number of values."""
    is_function = kind_of(target) == "torch.autograd.Function"
    try:
        if isinstance(target, type) and not is_function:
            raise TypeError("the parameters of a class make an instance")
        parameters = list(inspect.signature(forward).parameters.values())
    except (TypeError, ValueError):
        raise InputError(
            f"{_name(target)} does not say what its parameters are: wrap it in a "
            "function that does"
        ) from None
    if is_function:
        from gradproof.check.targets._torch_context import takes_context

        parameters = parameters[int(takes_context(target)) :]
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return {p.name: p for p in parameters if p.kind not in variadic}


def _is_torchs(target: Any) -> bool:
    """Whether it takes tensors and nothing else, whatever its code says."""
    torch = sys.modules.get("torch")
    return torch is not None and (
        kind_of(target) == "torch.autograd.Function"
        or isinstance(target, torch.nn.Module)
    )


def _name(target: Any) -> str:
    return str(getattr(target, "__name__", type(target).__name__))


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
    array = made(given, seed, dtype)
    if library == "torch":
        return as_torch(array, dtype)
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
                f"{option} {name}: {_name(target)} has no such parameter; "
                f"{guess}it has {', '.join(parameters)}"
            )


def _refuse_missing(
    target: Any, parameters: Mapping[str, inspect.Parameter], values: Mapping[str, Any]
) -> None:
    absent = [
        name
        for name, parameter in parameters.items()
        if name not in values and parameter.default is parameter.empty
    ]
    if absent:
        raise NoInputsError(
            f"{_name(target)}: nothing is known of {', '.join(absent)}: give "
            f"{missing(absent)}, or put @gp.examples(...) on it"
        )
