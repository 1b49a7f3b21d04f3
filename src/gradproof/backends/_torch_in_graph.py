"""What a ``gp.function`` reads from outside, as torch.compile has to know it.

A function is one step of the graph, which the tracer does not look into: a number in it
would stay what it was, and a tensor not be of the graph. So plain code that reads the
same names is traced beside it: a number it gives is a guard, a tensor is passed on.
"""

from __future__ import annotations

import dataclasses
import enum
import itertools
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from gradproof._errors import DefinitionError
from gradproof._outside import CODE, DEPTH, Read, package_of, used

if TYPE_CHECKING:
    from gradproof._function import Function

NUMBERS = bool | int | float | complex | str | bytes | None
MOST = 256  # numbers in one of them
WHAT = {"torch": "a tensor", "numpy": "of NumPy"}
PYTHONS_OWN = sys.stdlib_module_names - {"builtins", "types", "argparse", "collections"}


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
    numbers: dict[Any, tuple[Read, list[str]]] = {}
    tensors: list[Read] = []
    for read in _used(function):
        if _can_be_given(read, function):
            tensors.append(read)
            continue
        place = read.function, id(read.owner)
        _, leaves = numbers.setdefault(place, (read, []))
        leaves += [
            code for code, one in _leaves(read) if _is_number(one) and _is_itself(one)
        ]
    return Outside(
        tuple(_reader(read, leaves) for read, leaves in numbers.values() if leaves),
        tuple(_reader(read, [read.name]) for read in tensors),
        tuple(tensors),
    )


def refuse_unseen(function: Function[..., Any]) -> None:
    """Raise where the forward or a rule reads what a graph can neither hold nor watch.

    Raises:
        DefinitionError: naming it.
    """
    for read in _used(function):
        if _can_be_given(read, function):
            continue
        for code, value in _leaves(read):
            if not _is_number(value):
                what = WHAT.get(package_of(value), "more than can be watched")
                raise DefinitionError(
                    f"{function.__name__} reads {code!r} from outside, {what}, which "
                    "torch.compile would not see change: make it an input, or a number "
                    "of Python's own"
                )


def _leaves(read: Read) -> Iterator[tuple[str, Any]]:
    """Code for each number, tensor and array that is in a value, and what it is now."""
    try:
        value = read.value()
    except LookupError:
        return
    found = itertools.islice(_inside(read.name, value, DEPTH), MOST + 1)
    for count, leaf in enumerate(found):
        yield leaf if count < MOST else (read.name, value)


def _inside(code: str, value: Any, depth: int) -> Iterator[tuple[str, Any]]:
    package = package_of(value)
    is_array = package == "numpy" and not callable(value)
    if isinstance(value, NUMBERS | torch.Tensor) or is_array:
        yield code, value
    elif not depth or isinstance(value, (*CODE, enum.Enum)) or package in PYTHONS_OWN:
        return
    elif isinstance(value, list | tuple):
        yield f"len({code})", len(value)
        for position, one in enumerate(value):
            yield from _inside(f"{code}[{position}]", one, depth - 1)
    elif isinstance(value, dict):
        yield f"len({code})", len(value)
        for name, one in value.items():
            if isinstance(name, NUMBERS):
                yield from _inside(f"{code}[{name!r}]", one, depth - 1)
    elif isinstance(value, set | frozenset):
        yield f"len({code})", len(value)
        simple = (one for one in value if isinstance(one, NUMBERS))
        yield from ((f"{one!r} in {code}", True) for one in simple)
    else:
        if isinstance(value, torch.nn.Module):
            tensors = itertools.chain(value.parameters(), value.buffers())
            yield from ((code, one) for one in itertools.islice(tensors, 1))
        for name, one in _attributes(value):
            yield from _inside(f"{code}.{name}", one, depth - 1)


def _attributes(value: Any) -> Iterator[tuple[str, Any]]:
    """What it holds, and what its class gives all of its kind."""
    found: dict[str, Any] = {}
    for kind in reversed(type(value).__mro__):
        if kind.__module__ not in ("builtins", "torch.nn.modules.module"):
            found |= {k: v for k, v in vars(kind).items() if isinstance(v, NUMBERS)}
    found |= getattr(value, "__dict__", {})
    is_module = isinstance(value, torch.nn.Module)
    for name, one in found.items():
        if not name.startswith("_" if is_module else "__"):
            yield name, one


def _is_number(value: Any) -> bool:
    return isinstance(value, NUMBERS) and package_of(value) != "numpy"


def _is_itself(value: Any) -> bool:
    """Whether it can be told from another: NaN cannot."""
    return bool(value == value)


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


def _reader(read: Read, leaves: Sequence[str]) -> Callable[[], Any]:
    """Plain code over the same globals and closure, that gives what they are."""
    code, owner = read.function, read.owner
    cells = dict(zip(code.__code__.co_freevars, code.__closure__ or (), strict=True))
    if owner is not None:
        cells[code.__code__.co_varnames[0]] = types.CellType(owner)
    lines = [
        f"def make({', '.join(cells)}):",
        f"    return lambda: ({', '.join(dict.fromkeys(leaves))},)",
    ]
    scope: dict[str, Any] = {}
    exec(compile("\n".join(lines), "<gradproof: read from outside>", "exec"), scope)
    made = scope["make"](*cells).__code__
    closure = tuple(cells[name] for name in made.co_freevars)
    return types.FunctionType(made, code.__globals__, "read", None, closure)


def _can_be_given(read: Read, function: Function[..., Any]) -> bool:
    """Whether a name in the code of the forward or of a rule itself."""
    own = any(read.function is code for code in _codes(function))
    if not own or read.owner is not None or len(read.path) > 1:
        return False
    try:
        return isinstance(read.value(), torch.Tensor)
    except LookupError:
        return False


def _used(function: Function[..., Any]) -> Iterator[Read]:
    for code in _codes(function):
        yield from used(code)


def _codes(function: Function[..., Any]) -> Iterator[Callable[..., Any]]:
    yield function.forward
    yield from (rule.function for rule in function.rules.values())
