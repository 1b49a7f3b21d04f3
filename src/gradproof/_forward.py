"""Running the forward of a ``gp.function``: its output, and what it saves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from gradproof import _derived
from gradproof._errors import DefinitionError
from gradproof._rule import OUTPUT
from gradproof._save import Marked, collect, saved_into

if TYPE_CHECKING:
    from gradproof._function import Function


class Forward(NamedTuple):
    """A forward that has run: its output and the intermediates it saved."""

    output: Any
    intermediates: dict[str, Any]


def plain(
    function: Function[..., Any], inputs: Sequence[Any], options: Mapping[str, Any]
) -> Any:
    """The forward alone: its output, with nothing collected for backward."""
    other = _in_other_names(function, inputs, options)
    if other is not None:
        return other(*inputs)[0]
    if saved_into() is not None:
        with collect(None):
            output = function.forward(*inputs, **options)
    else:
        output = function.forward(*inputs, **options)
    return checked(function, output)


def run(
    function: Function[..., Any],
    inputs: Sequence[Any],
    options: Mapping[str, Any],
    fingerprint: Callable[[Mapping[str, Any]], dict[str, Any]] | None = None,
) -> Forward:
    """Run the forward, collecting the intermediates that rules ask for.

    Args:
        function: whose forward.
        inputs: the arrays.
        options: all options.
        fingerprint: where given, used to see that nothing kept is written to.

    Raises:
        DefinitionError: for a forward that did not save what a rule asks for, or
            wrote to what backward reads.
    """
    collected: dict[str, Any] = {}
    given = None
    if fingerprint is not None:
        collected, given = Marked(fingerprint), Marked(fingerprint)
        for name, value in zip(function.inputs, inputs, strict=True):
            given[name] = value
    output: Any
    other = _in_other_names(function, inputs, options)
    if other is not None:
        output, collected = other(*inputs)
    else:
        with collect(collected):
            output = function.forward(*inputs, **options)
        checked(function, output)
    if given is not None and isinstance(collected, Marked):
        _refuse_writes(function, given.written(), "is an input")
        _refuse_writes(function, collected.written(), "was named with gp.save")
    taken = {*function.inputs, *function.options, OUTPUT, "grad_output"}.intersection(
        collected
    )
    if taken:
        raise DefinitionError(
            f"{function.__name__}: gp.save was given the name {min(taken)!r}, by which "
            "rules ask for something else: give the intermediate another name"
        )
    for name in function.intermediates:
        if name not in collected:
            raise DefinitionError(
                f"{function.__name__}: a rule asks for {name!r}, which the forward did "
                f"not save in this call: name it with gp.save({name}=...)"
            )
    return Forward(output, {name: collected[name] for name in function.intermediates})


def checked(function: Function[..., Any], output: Any) -> Any:
    """What the forward returned: an array, or a tuple of two or more."""
    outputs = output if isinstance(output, tuple) else (output,)
    numbers = (int, float, complex)  # what Python's own numbers give
    wrong = [o for o in outputs if not (hasattr(o, "dtype") or isinstance(o, numbers))]
    several = type(output) is tuple and len(output) > 1
    if not wrong and (several or not isinstance(output, tuple)):
        return output
    kind = type(output).__name__
    if wrong and len(outputs) > 1:
        raise DefinitionError(
            f"{function.__name__} returned a {kind} with a {type(wrong[0]).__name__} "
            "in it: return arrays alone"
        )
    came = f"{kind} of {len(output)}" if isinstance(output, list | tuple) else kind
    raise DefinitionError(
        f"{function.__name__} returned a {came}: return the array itself, or a tuple "
        "of two or more"
    )


def _in_other_names(
    function: Function[..., Any], inputs: Sequence[Any], options: Mapping[str, Any]
) -> Callable[..., tuple[Any, dict[str, Any]]] | None:
    """The forward in the names of the arrays' library, where it has others."""
    if function.language is None:
        return None
    return _derived.translated(function, inputs, options)


def _refuse_writes(
    function: Function[..., Any], names: Sequence[str], what: str
) -> None:
    for name in names:
        raise DefinitionError(
            f"{function.__name__}: the forward writes into {name!r}, which {what}: "
            "rules would be given what it wrote: write to a copy of it"
        )
