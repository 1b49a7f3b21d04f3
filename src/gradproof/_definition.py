"""What the text of a definition says: its parameters, and what its code names."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Sequence
from typing import Any

from gradproof._errors import DefinitionError
from gradproof._outside import codes
from gradproof._rule import OUTPUT
from gradproof._save import save


def read_signature(
    name: str, signature: inspect.Signature
) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Names of the inputs, and the options with their defaults.

    Raises:
        DefinitionError: where a rule could not ask for one of them.
    """
    inputs: list[str] = []
    options: dict[str, Any] = {}
    for parameter in signature.parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise DefinitionError(
                f"{name}: a gp.function names every input, {parameter} does not: "
                "give the arrays as positional parameters, options as keyword-only"
            )
        if parameter.name == "self":
            raise DefinitionError(
                f"{name}: a gp.function is no method: define it outside of the class "
                "and give it what it needs of self, arrays first, options keyword-only"
            )
        if parameter.name in (OUTPUT, "grad_output") or parameter.name.startswith("_"):
            raise DefinitionError(
                f"{name}: a parameter cannot be called {parameter.name!r}: rules use "
                "'output' and 'grad_output' themselves, and '_...' is private"
            )
        if parameter.kind is parameter.KEYWORD_ONLY:
            options[parameter.name] = parameter.default
        else:
            inputs.append(parameter.name)
    if not inputs:
        raise DefinitionError(
            f"{name}: a gp.function needs an input, a positional parameter"
        )
    return tuple(inputs), options


def saved_names(forward: Callable[..., Any]) -> tuple[str, ...]:
    """Keyword names in a forward that calls ``gp.save``, read from its code.

    A few too many (keywords of other calls are among them): running the forward
    tells the rest.
    """
    scope = getattr(inspect.unwrap(forward), "__globals__", {})
    found = list(codes(forward))
    names = {name for code in found for name in (*code.co_names, *code.co_freevars)}
    if not any(name == "save" or scope.get(name) is save for name in names):
        return ()
    tuples = (c for code in found for c in code.co_consts if isinstance(c, tuple))
    return tuple(name for keywords in tuples for name in keywords if type(name) is str)


def are_in_one_file(first: Callable[..., Any], second: Callable[..., Any]) -> bool:
    """Whether both stand in one file; if not, a notebook cell was run again."""
    one, two = getattr(first, "__code__", None), getattr(second, "__code__", None)
    if one is None or two is None:
        return first is not second
    same_file = one.co_filename == two.co_filename
    return bool(same_file and one.co_firstlineno != two.co_firstlineno)


def suggest(name: str, known: Sequence[str], otherwise: str) -> str:
    """The name that was meant, or all there are."""
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"{otherwise} {', '.join(known)}"
