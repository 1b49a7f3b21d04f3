"""A tracer stands for an array while a forward is traced.

It answers to NumPy's protocols, torch's and the array API's, to operators and to
methods. What depends on the numbers themselves it refuses.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from gradproof._errors import DeriveError
from gradproof.derive.ir import Size, Value, make


class Tracing(Protocol):
    """What tracers ask of the trace that they belong to."""

    library: str
    sizes: dict[int, Size]

    def invoke(
        self,
        called: str,
        name: str,
        args: Any,
        options: Any,
        *,
        library: str | None = None,
    ) -> Any:
        """Make the values that a call of this name means."""

    def refusal(self, problem: str, next_step: str = "") -> DeriveError:
        """An error at the user's line."""

    def size_decides(self) -> None:
        """The forward decided something by a size."""

    def name_of(self, tracer: Tracer) -> str:
        """What the user calls it."""


class Namespace:
    """The array API's names, for tracers: what ``gp.namespace(x)`` gives them."""

    def __init__(self, tracing: Tracing, prefix: str = "xp"):
        self._tracing = tracing
        self._prefix = prefix
        self.__name__ = prefix  # array_api_compat asks for it

    pi, e, inf, nan, newaxis = np.pi, np.e, np.inf, np.nan, None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name in ("linalg", "fft"):
            return Namespace(self._tracing, f"{self._prefix}.{name}")
        if hasattr(np, name) and isinstance(getattr(np, name), type):
            return getattr(np, name)  # a dtype

        def function(*args: Any, **options: Any) -> Any:
            return self._tracing.invoke(
                f"{self._prefix}.{name}", name, args, options, library="array API"
            )

        return function


class Tracer:
    """Stands for an array while a forward is traced."""

    __array_priority__ = 1000.0

    def __init__(self, value: Value, tracing: Tracing):
        self.value = value
        self._tracing = tracing

    def __repr__(self) -> str:
        return f"<traced {self.value!r}>"

    def invoke(self, name: str, args: Sequence[Any]) -> Any:
        """Call an operation by its name."""
        return self._tracing.invoke(name, name, args, {})

    def refuse_rules(self, function: Any) -> None:
        """A function with rules of its own means them, and they are not traced."""
        name = function.__name__
        raise self._tracing.refusal(
            f"{name} has gradient rules of its own, which would not be used",
            f"call {name}.forward(...) to derive through it, or keep {name} outside",
        )

    # What an array knows of itself.

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape; each size remembers of what it is."""
        return tuple(self._size(n, axis) for axis, n in enumerate(self.value.shape))

    def _size(self, number: int, axis: int) -> int:
        made = make("size", self.value, axis=axis)
        size = Size(number, made, self._tracing.size_decides)
        return self._tracing.sizes.setdefault(number, size) if number != 1 else size

    @property
    def ndim(self) -> int:
        """How many axes."""
        return self.value.ndim

    @property
    def dtype(self) -> Any:
        """Its dtype, NumPy's or torch's."""
        if self._tracing.library == "torch":
            return getattr(sys.modules["torch"], self.value.dtype)
        return np.dtype(self.value.dtype)

    @property
    def size(self) -> Any:
        """How many elements; in torch a method that gives the shape."""
        if self._tracing.library == "torch":
            return lambda axis=None: self.shape if axis is None else self.shape[axis]
        return self._count()

    def numel(self) -> int:
        """How many elements."""
        return self._count()

    def dim(self) -> int:
        """How many axes."""
        return self.value.ndim

    def _count(self) -> int:
        number = int(np.prod(self.value.shape, dtype=int))
        made = make("size", self.value, axis=None)
        return Size(number, made, self._tracing.size_decides)

    def __len__(self) -> int:
        if not self.value.shape:
            raise self._tracing.refusal("len() of a single number")
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: Any) -> Any:
        name = self._tracing.name_of(self)
        return self._tracing.invoke(f"{name}[...]", "__getitem__", (self, index), {})

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "_tracing":
            raise AttributeError(name)
        if name in ("T", "mT", "real", "imag", "H", "mH"):
            return self._tracing.invoke(f".{name}", name, (self,), {})
        if name in _ESCAPES:
            raise self._tracing.refusal(
                f"{self._tracing.name_of(self)}.{name} asks for the numbers themselves",
                "stay with array operations until the end",
            )

        def method(*args: Any, **options: Any) -> Any:
            return self._tracing.invoke(f".{name}", name, (self, *args), options)

        return method

    # The protocols.

    def __array_ufunc__(
        self, ufunc: Any, method: str, *args: Any, **options: Any
    ) -> Any:
        name = ufunc.__name__
        if method != "__call__":
            name = {("add", "reduce"): "sum", ("multiply", "reduce"): "prod"}.get(
                (name, method), f"{name}.{method}"
            )
        return self._tracing.invoke(f"np.{ufunc.__name__}", name, args, options)

    def __array_function__(self, func: Any, types: Any, args: Any, options: Any) -> Any:
        module = func.__module__.removeprefix("numpy").strip(".")
        called = f"np.{module}.{func.__name__}" if module else f"np.{func.__name__}"
        return self._tracing.invoke(called, func.__name__, args, options)

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Any, args: Any = (), options: Any = None
    ) -> Any:
        tracing = next(_tracings([*args, *(options or {}).values()]))
        return tracing.invoke(
            f"torch.{func.__name__}", func.__name__, args, options or {}
        )

    def __array_namespace__(self, *, api_version: str | None = None) -> Namespace:
        return Namespace(self._tracing)

    # What cannot be known before the numbers are.

    def __bool__(self) -> bool:
        name = self._tracing.name_of(self)
        raise self._tracing.refusal(
            f"{name} decides a branch, and its value is not known yet",
            "choose with where(condition, a, b), or decide on an option or a shape",
        )

    def _number(self, kind: str) -> DeriveError:
        name = self._tracing.name_of(self)
        return self._tracing.refusal(
            f"{name} is made a Python {kind}, and its value is not known yet",
            "keep it an array: use the array library's functions, not math's",
        )

    def __float__(self) -> float:
        raise self._number("float")

    def __int__(self) -> int:
        raise self._number("int")

    def __index__(self) -> int:
        raise self._number("int")

    def __complex__(self) -> complex:
        raise self._number("complex")

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise self._number("or NumPy array of numbers")

    def __setitem__(self, index: Any, value: Any) -> None:
        name = self._tracing.name_of(self)
        raise self._tracing.refusal(
            f"{name} is written in place",
            f"make a new array, with where, concat or stack, instead of {name}[...] = ",
        )

    __hash__ = object.__hash__


_ESCAPES = ("item", "tolist", "numpy", "data", "detach", "backward", "grad", "cpu")


def _tracings(arguments: Sequence[Any]) -> Iterator[Tracing]:
    for argument in arguments:
        if isinstance(argument, Tracer):
            yield argument._tracing
        elif isinstance(argument, tuple | list):
            yield from _tracings(argument)


def _operators() -> None:
    """Operators make values; the in-place ones only of single numbers."""
    names = (
        "add radd sub rsub mul rmul truediv rtruediv pow rpow matmul rmatmul "
        "floordiv rfloordiv mod rmod rand ror rxor lt le gt ge eq ne "
        "neg abs pos invert and or xor"
    )
    for word in names.split():
        setattr(Tracer, f"__{word}__", _operator(f"__{word}__"))
    for word in ("add", "sub", "mul", "truediv", "pow", "matmul"):
        setattr(Tracer, f"__i{word}__", _in_place(word))


_SYMBOLS = {
    "add": "+",
    "sub": "-",
    "mul": "*",
    "truediv": "/",
    "pow": "**",
    "matmul": "@",
    "floordiv": "//",
    "mod": "%",
    "and": "&",
    "or": "|",
    "xor": "^",
}


def _operator(name: str) -> Callable[..., Any]:
    word = name.strip("_")
    written = _SYMBOLS.get(word) or _SYMBOLS.get(word.removeprefix("r"), name)

    def method(self: Tracer, *others: Any) -> Any:
        return self._tracing.invoke(written, name, (self, *others), {})

    return method


def _in_place(word: str) -> Callable[..., Any]:
    symbol = _SYMBOLS[word]

    def method(self: Tracer, other: Any) -> Any:
        if self.value.shape or self.value.operation == "input":
            name = self._tracing.name_of(self)
            raise self._tracing.refusal(
                f"{name} {symbol}= ... writes in place",
                f"write {name} = {name} {symbol} ...",
            )
        return self._tracing.invoke(symbol, f"__{word}__", (self, other), {})

    return method


_operators()
