"""What a function's code reads from outside: globals, closures, attributes of them."""

from __future__ import annotations

import builtins
import contextlib
import dis
import functools
import inspect
import operator
import types
import zlib
from collections.abc import Callable, Hashable, Iterator
from types import CodeType
from typing import Any, NamedTuple

_CODE = (types.ModuleType, types.FunctionType, types.BuiltinFunctionType, type)
_ATTRIBUTES = ("LOAD_ATTR", "LOAD_METHOD")
LARGEST = 64  # numbers of an array that source may list as a constant
_FUNCTIONS = 64  # that are gone into, for one


class Read(NamedTuple):
    """One value that code reads: ``config.rate``.

    Attributes:
        function: whose code it is.
        owner: the object whose method it is, or None.
        path: the name, and the attributes after it.
    """

    function: Any
    owner: Any
    path: tuple[str, ...]

    @property
    def name(self) -> str:
        """As it stands in the code."""
        return ".".join(self.path)

    def value(self) -> Any:
        """What it is now.

        Raises:
            LookupError: where it is not defined, or takes running code to know.
        """
        value, *attributes = self.root(), *self.path[1:]
        for attribute in attributes:
            kind = inspect.getattr_static(type(value), attribute, None)
            if isinstance(kind, property | functools.cached_property):
                raise LookupError(self.name)
            try:
                value = getattr(value, attribute)
            except Exception:  # whatever the object raises
                raise LookupError(self.name) from None
        return value

    def root(self) -> Any:
        """What the name alone is now; LookupError where it is not defined."""
        name = self.path[0]
        if self.owner is not None and name == self.function.__code__.co_varnames[0]:
            return self.owner
        cells = dict(
            zip(
                self.function.__code__.co_freevars,
                self.function.__closure__ or (),
                strict=True,
            )
        )
        try:
            return cells[name].cell_contents
        except KeyError:
            return self.function.__globals__[name]
        except ValueError:  # nothing was assigned to it yet
            raise LookupError(name) from None


def reads(function: Callable[..., Any]) -> list[Read]:
    """All that its code reads, and that of the functions of its package it names."""
    found: dict[Any, Read] = {}
    known: list[types.FunctionType] = []
    pending = list(_plain(function))
    while pending and len(known) < _FUNCTIONS:
        one, owner = pending.pop()
        known.append(one)
        for path in _paths(one, owner):
            read = Read(one, owner, path)
            found.setdefault((one, id(owner), path), read)
            with contextlib.suppress(LookupError):
                for other, its in _plain(read.value(), called=False):
                    if other not in known and _are_neighbours(other, one):
                        pending.append((other, its))
    return list(found.values())


def read_from_outside(function: Callable[..., Any]) -> Iterator[tuple[str, Any]]:
    """Names and values of what its code reads."""
    for read in reads(function):
        with contextlib.suppress(LookupError):
            yield read.name, read.value()


def watched(function: Callable[..., Any]) -> Callable[[], Hashable]:
    """A function that gives a key of the values which another reads from outside.

    The key is another as soon as one of them is: a number, an array, what a list or
    dictionary shows of itself; of anything else, which object it is.
    """
    several = [_quick(read) for read in reads(function) if not _is_code(read)]
    if not several:
        return tuple

    def key() -> Hashable:
        return tuple(map(_shown, several))

    return key


def _quick(read: Read) -> Callable[[], Any]:
    """``read.value`` for many calls: what is no property now will not become one."""
    try:
        read.value()
    except LookupError:
        return read.value
    attributes = read.path[1:]
    if not attributes:
        return read.root
    follow = operator.attrgetter(".".join(attributes))
    return lambda: follow(read.root())


def _shown(read: Callable[[], Any]) -> Hashable:
    try:
        value = read()
    except (LookupError, AttributeError):
        return None
    if isinstance(value, bool | int | float | complex | str | bytes | None):
        return value
    if isinstance(value, list | dict | set | tuple):
        return repr(value)
    if type(value).__module__ == "numpy" and hasattr(value, "tobytes"):
        return id(value), zlib.crc32(value.tobytes())
    return id(value), getattr(value, "_version", None)


def _is_code(read: Read) -> bool:
    try:
        return isinstance(read.value(), _CODE)
    except LookupError:
        return False  # it may yet come


def _plain(
    function: Any, *, called: bool = True
) -> Iterator[tuple[types.FunctionType, Any]]:
    """The Python function behind a decorator, a method, or an object that is called.

    Gives:
        The function and the object that it is bound to, or None; nothing for others.
    """
    with contextlib.suppress(ValueError):
        function = inspect.unwrap(function)
    if isinstance(function, types.FunctionType):
        yield function, None
    elif isinstance(function, types.MethodType):
        if isinstance(function.__func__, types.FunctionType):
            yield function.__func__, function.__self__
    elif called and not isinstance(function, _CODE):
        call = getattr(type(function), "__call__", None)  # noqa: B004 - the method
        if isinstance(call, types.FunctionType):
            yield call, function


def _are_neighbours(one: types.FunctionType, other: types.FunctionType) -> bool:
    """Whether both are of one package, so that one's code is part of the other's."""
    first, second = one.__module__ or "", other.__module__ or ""
    return first.partition(".")[0] == second.partition(".")[0]


def _paths(function: types.FunctionType, owner: Any) -> Iterator[tuple[str, ...]]:
    free = set(function.__code__.co_freevars)
    known = function.__globals__
    first = function.__code__.co_varnames[:1] if owner is not None else ()
    for code in codes(function):
        path: tuple[str, ...] = ()
        for instruction in dis.get_instructions(code):
            operation, name = instruction.opname, instruction.argval
            is_global = name in known or not hasattr(builtins, str(name))
            if (
                (operation == "LOAD_GLOBAL" and is_global)
                or (operation == "LOAD_DEREF" and name in free)
                or (operation.startswith("LOAD_FAST") and name in first)
            ):
                path = (name,)
            elif operation in _ATTRIBUTES and path:
                path = (*path, name)
            else:
                path = ()
            if path:
                yield path


def codes(function: Callable[..., Any]) -> Iterator[CodeType]:
    """Its code, and that of the functions and comprehensions inside."""
    pending = [getattr(inspect.unwrap(function), "__code__", None)]
    while pending:
        code = pending.pop()
        if isinstance(code, CodeType):
            yield code
            pending.extend(c for c in code.co_consts if isinstance(c, CodeType))
