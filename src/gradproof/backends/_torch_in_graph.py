"""What a ``gp.function`` reads from outside, as torch.compile has to know it.

A function is one step of the graph, which the tracer does not look into: a number in it
would stay what it was, and a tensor not be of the graph. So plain code that reads the
same names is traced beside it: a number it gives is a guard, a tensor is passed on.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from gradproof._errors import DefinitionError
from gradproof._outside import Read, reads

if TYPE_CHECKING:
    from gradproof._function import Function

NUMBERS = (bool, int, float, complex, str, type(None))


class Outside(NamedTuple):
    """What the forward and the rules read.

    Attributes:
        numbers: functions that give numbers, to be compared.
        tensors: functions that give tensors, to be passed to ``with_tensors``.
        reads: what those tensors are.
    """

    numbers: tuple[Callable[[], Any], ...]
    tensors: tuple[Callable[[], Any], ...]
    reads: tuple[Read, ...]


def outside_of(function: Function[..., Any]) -> Outside:
    """What a function reads, found once."""
    numbers: dict[types.FunctionType, list[Read]] = {}
    tensors: dict[types.FunctionType, list[Read]] = {}
    for code in _codes(function):
        for read in reads(code):
            if read.owner is None and _is(read, _is_number):
                numbers.setdefault(read.function, []).append(read)
            elif _is(read, torch.is_tensor) and _can_be_given(read, function):
                tensors.setdefault(read.function, []).append(read)
    return Outside(
        tuple(_reader(code, several) for code, several in numbers.items()),
        tuple(_reader(code, several) for code, several in tensors.items()),
        tuple(read for several in tensors.values() for read in several),
    )


def refuse_tensors(function: Function[..., Any]) -> None:
    """Raise where the forward or a rule reads a tensor that cannot be passed to it.

    Raises:
        DefinitionError: naming it.
    """
    for code in _codes(function):
        for read in reads(code):
            if _is(read, torch.is_tensor) and not _can_be_given(read, function):
                raise DefinitionError(
                    f"{function.__name__} reads {read.name!r} from outside, a tensor, "
                    "which torch.compile cannot take along: make it an input"
                )


def with_tensors(
    function: Function[..., Any], several: Sequence[Read], tensors: Sequence[Any]
) -> Function[..., Any]:
    """The function with these tensors in the places of those that it reads."""
    given: dict[Any, dict[str, Any]] = {}
    for read, tensor in zip(several, tensors, strict=True):
        given.setdefault(read.function, {})[read.name] = tensor
    made = function.copy()
    made.forward = _reading(function.forward, given)
    made.rules = {
        name: dataclasses.replace(rule, function=_reading(rule.function, given))
        for name, rule in function.rules.items()
    }
    return made


def _reading(code: Any, given: dict[Any, dict[str, Any]]) -> Any:
    """The same code, where some of the names that it reads mean something else."""
    if code not in given:
        return code
    values = given[code]
    pairs = zip(code.__code__.co_freevars, code.__closure__ or (), strict=True)
    cells = (types.CellType(values[n]) if n in values else cell for n, cell in pairs)
    made = types.FunctionType(
        code.__code__,
        {**code.__globals__, **values},
        code.__name__,
        code.__defaults__,
        tuple(cells),
    )
    made.__kwdefaults__ = code.__kwdefaults__
    return made


def _reader(code: types.FunctionType, several: Sequence[Read]) -> Callable[[], Any]:
    """Plain code over the same globals and closure, that gives what they are."""
    cells = dict(zip(code.__code__.co_freevars, code.__closure__ or (), strict=True))
    names = sorted({read.path[0] for read in several} & cells.keys())
    lines = [
        f"def make({', '.join(names)}):",
        f"    return lambda: ({', '.join(read.name for read in several)},)",
    ]
    scope: dict[str, Any] = {}
    exec(compile("\n".join(lines), "<gradproof: read from outside>", "exec"), scope)
    made = scope["make"](*names).__code__
    closure = tuple(cells[name] for name in made.co_freevars)
    return types.FunctionType(made, code.__globals__, "read", None, closure)


def _is(read: Read, kind: Callable[[Any], bool]) -> bool:
    try:
        return kind(read.value())
    except LookupError:
        return False


def _is_number(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(isinstance(one, NUMBERS) for one in value)
    return isinstance(value, NUMBERS)


def _can_be_given(read: Read, function: Function[..., Any]) -> bool:
    """Whether a name in the code of the forward or of a rule itself."""
    own = any(read.function is code for code in _codes(function))
    return own and read.owner is None and len(read.path) == 1


def _codes(function: Function[..., Any]) -> Iterator[Callable[..., Any]]:
    yield function.forward
    yield from (rule.function for rule in function.rules.values())
