"""What a function's code reads from outside: globals, closures, attributes of them."""

from __future__ import annotations

import builtins
import contextlib
import dis
import functools
import inspect
import types
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any, NamedTuple

CODE = (
    types.ModuleType,
    types.FunctionType,
    types.MethodType,
    types.BuiltinFunctionType,
    type,
)
DEPTH = 4  # of containers in containers that are looked into
_ATTRIBUTES = ("LOAD_ATTR", "LOAD_METHOD")
_FUNCTIONS = 64  # that are gone into, for one


class Read(NamedTuple):
    """One value that code reads: ``config.rate``.

    Attributes:
        function: whose code it is.
        owner: the object whose method that is, or None.
        path: the name, and the attributes after it.
        is_whole: something is done with it that is not reading an attribute.
    """

    function: Any
    owner: Any
    path: tuple[str, ...]
    is_whole: bool = True

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
            if _property(value, attribute) is not None:
                raise LookupError(self.name)
            try:
                value = getattr(value, attribute)
            except Exception:  # whatever the object raises
                raise LookupError(self.name) from None
        return value

    def root(self) -> Any:
        """What the name alone is now; LookupError where it is not defined."""
        name, code = self.path[0], self.function.__code__
        if self.owner is not None and name == code.co_varnames[0]:
            return self.owner
        pairs = zip(code.co_freevars, self.function.__closure__ or (), strict=True)
        try:
            return dict(pairs)[name].cell_contents
        except KeyError:
            return self.function.__globals__[name]
        except ValueError:  # nothing was assigned to it yet
            raise LookupError(name) from None

    def of(self, *attributes: str, is_whole: bool = True) -> Read:
        """What is read from it, or from what it is an attribute of."""
        return Read(self.function, self.owner, (*self.path, *attributes), is_whole)

    @property
    def holder(self) -> Read | None:
        """What it is an attribute of."""
        return self._replace(path=self.path[:-1]) if self.path[1:] else None


def reads(function: Callable[..., Any]) -> list[Read]:
    """All that its code reads, and that of the functions of its package it names."""
    found: dict[Any, Read] = {}
    known: set[Any] = set()
    pending: list[tuple[types.FunctionType, Any, Read | None]] = [
        (one, owner, None) for one, owner in _plain(function)
    ]
    while pending and len(known) < _FUNCTIONS:
        one, owner, itself = pending.pop()
        known.add((one, itself and itself.path))
        for path, is_whole in _paths(one, owner is not None or itself is not None):
            if itself and path[0] == one.__code__.co_varnames[0]:
                read = itself.of(*path[1:], is_whole=is_whole)
            else:
                read = Read(one, owner, path, is_whole)
            key = (read.function, id(read.owner), read.path)
            if key not in found or is_whole:
                found[key] = read
            for other, its in _called(read):
                is_new = (other, its and its.path) not in known
                if is_new and _are_neighbours(other, one):
                    pending.append((other, None, its))
    return list(found.values())


def _called(read: Read) -> Iterator[tuple[types.FunctionType, Read | None]]:
    """Python code that reading it, or calling what it is, may run; and its ``self``."""
    holder = read.holder
    if holder is not None:
        with contextlib.suppress(LookupError):
            fget = _property(holder.value(), read.path[-1])
            if isinstance(fget, types.FunctionType):
                yield fget, holder
    with contextlib.suppress(LookupError):
        value = read.value()
        for one, owner in _plain(value):
            if owner is None:
                yield one, None
            else:
                yield one, (read if owner is value else holder)


def _property(value: Any, attribute: str) -> Any:
    """The function that an attribute runs, True for another's, None for plain ones."""
    kind = inspect.getattr_static(type(value), attribute, None)
    if isinstance(kind, property):
        return kind.fget or True
    if isinstance(kind, functools.cached_property):
        return kind.func
    return None


def read_from_outside(function: Callable[..., Any]) -> Iterator[tuple[str, Any]]:
    """Names and values of what its code reads."""
    for read in reads(function):
        with contextlib.suppress(LookupError):
            yield read.name, read.value()


def used(function: Callable[..., Any]) -> Iterator[Read]:
    """What its code does something with; of a method, what that is a method of."""
    for read in reads(function):
        if read.is_whole:
            holder = read.holder
            is_method = holder is not None and _is_method(read)
            yield holder._replace(is_whole=True) if holder and is_method else read


def _is_method(read: Read) -> bool:
    """Whether it is one of which no code was gone into."""
    try:
        value = read.value()
    except LookupError:
        return False
    itself = getattr(value, "__self__", None)
    if itself is None or isinstance(itself, types.ModuleType | type):
        return False
    return not any(_are_neighbours(one, read.function) for one, _ in _plain(value))


def _plain(function: Any) -> Iterator[tuple[types.FunctionType, Any]]:
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
    elif not isinstance(function, CODE):
        call = getattr(type(function), "__call__", None)  # noqa: B004 - the method
        if isinstance(call, types.FunctionType):
            yield call, function


def package_of(value: Any) -> str:
    """The package that defines its type."""
    return type(value).__module__.partition(".")[0]


def _are_neighbours(one: types.FunctionType, other: types.FunctionType) -> bool:
    """Whether both are of one package, so that one's code is part of the other's."""
    first, second = one.__module__ or "", other.__module__ or ""
    return first.partition(".")[0] == second.partition(".")[0]


def _paths(
    function: types.FunctionType, is_method: bool
) -> Iterator[tuple[tuple[str, ...], bool]]:
    """The names that its code loads with the attributes after them.

    Each with whether that is where it ends: the prefixes of a longer one do not.
    """
    free = set(function.__code__.co_freevars)
    known = function.__globals__
    first = function.__code__.co_varnames[:1] if is_method else ()
    for code in codes(function):
        path: tuple[str, ...] = ()
        for instruction in dis.get_instructions(code):
            operation, name = instruction.opname, instruction.argval
            if operation in _ATTRIBUTES and path:
                yield path, False
                path = (*path, name)
                continue
            if path:
                yield path, True
            is_global = name in known or not hasattr(builtins, str(name))
            is_read = (
                (operation == "LOAD_GLOBAL" and is_global)
                or (operation == "LOAD_DEREF" and name in free)
                or (operation.startswith("LOAD_FAST") and name in first)
            )
            path = (name,) if is_read else ()


def codes(function: Callable[..., Any]) -> Iterator[CodeType]:
    """Its code, and that of the functions and comprehensions inside."""
    pending = [getattr(inspect.unwrap(function), "__code__", None)]
    while pending:
        code = pending.pop()
        if isinstance(code, CodeType):
            yield code
            pending.extend(c for c in code.co_consts if isinstance(c, CodeType))
