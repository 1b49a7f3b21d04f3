"""Sizes of axes that remember of what they are the size."""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from gradproof.derive.ir import Value


_OURS = str(Path(__file__).resolve().parents[1])
_NUMPY = str(Path(np.__file__).resolve().parent)  # np.eye(n) compares n with 0


def _is_ours(frame: FrameType) -> bool:
    return frame.f_code.co_filename.startswith((_OURS, _NUMPY))


class _Remembers:
    """A number of Python's that remembers what it stands for.

    What a forward decides by it holds for that number alone, so it says so.
    """

    value: Value
    asked: Callable[[], None] | None

    def _decides(self) -> Any:
        if self.asked is not None and not _is_ours(sys._getframe(2)):
            self.asked()
        return _bare(self)

    def __lt__(self, other: Any) -> bool:
        return bool(self._decides() < other)

    def __le__(self, other: Any) -> bool:
        return bool(self._decides() <= other)

    def __gt__(self, other: Any) -> bool:
        return bool(self._decides() > other)

    def __ge__(self, other: Any) -> bool:
        return bool(self._decides() >= other)

    def __eq__(self, other: object) -> bool:
        return bool(self._decides() == other)

    def __ne__(self, other: object) -> bool:
        return bool(self._decides() != other)

    def __truediv__(self, other: Any) -> Any:
        return _fraction("divide", self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return _fraction("divide", other, self)

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **rest: Any) -> Any:
        """NumPy's root remembers too; of its other functions plain numbers come."""
        if ufunc is np.sqrt and method == "__call__" and len(args) == 1 and not rest:
            return args[0] ** 0.5
        return getattr(ufunc, method)(*map(_bare, args), **rest)


class Size(_Remembers, int):
    """The size of an axis, which remembers of what: ``x.shape[0]``.

    Arithmetic keeps the memory, so that source need not bake the number in.
    """

    def __new__(
        cls, number: int, value: Value, asked: Callable[[], None] | None = None
    ) -> Size:
        """The number, what it stands for, and whom to tell if it decides something."""
        size = super().__new__(cls, number)
        size.value, size.asked = value, asked
        return size

    def _with(self, operation: str, other: Any, number: Any, swap: bool = False) -> Any:
        """The result, and what it stands for; with anything else a plain number."""
        if not isinstance(other, int | float):
            return NotImplemented
        if not isinstance(number, int):
            return number
        from gradproof.derive.ir import make

        neutral = 1 if operation in ("multiply", "floor_divide") else 0
        if type(other) is int and other == neutral and number == int(self):
            return self
        pair = (other, self) if swap else (self, other)
        return Size(number, make(operation, *pair), self.asked)

    __hash__ = int.__hash__

    def __mod__(self, other: Any) -> Any:
        return self._decides() % other

    def __add__(self, other: Any) -> Any:
        return self._with("add", other, _plain(self, other, "__add__"))

    def __radd__(self, other: Any) -> Any:
        return self._with("add", other, _plain(self, other, "__radd__"), swap=True)

    def __sub__(self, other: Any) -> Any:
        if type(other) is int and not other:  # np.arange compares n - 0 with 0
            return int(self)
        return self._with("subtract", other, _plain(self, other, "__sub__"))

    def __rsub__(self, other: Any) -> Any:
        return self._with("subtract", other, _plain(self, other, "__rsub__"), swap=True)

    def __mul__(self, other: Any) -> Any:
        return self._with("multiply", other, _plain(self, other, "__mul__"))

    def __rmul__(self, other: Any) -> Any:
        return self._with("multiply", other, _plain(self, other, "__rmul__"), swap=True)

    def __floordiv__(self, other: Any) -> Any:
        number = _plain(self, other, "__floordiv__")
        return self._with("floor_divide", other, number)

    def __pow__(self, other: Any, modulo: Any = None) -> Any:
        if modulo is not None or (isinstance(other, int) and other >= 0):
            return pow(int(self), other, modulo)
        return _fraction("power", self, other)


class Fraction(_Remembers, float):
    """What was computed from a size, ``q.shape[1] ** 0.5``, and remembers of which."""

    __hash__ = float.__hash__

    def __mul__(self, other: Any) -> Any:
        return _fraction("multiply", self, other)

    def __rmul__(self, other: Any) -> Any:
        return _fraction("multiply", other, self)

    def __pow__(self, other: Any, modulo: None = None) -> Any:
        return _fraction("power", self, other)


_COMPUTE: dict[str, Callable[[Any, Any], Any]] = {
    "multiply": operator.mul,
    "divide": operator.truediv,
    "power": operator.pow,
}


def _fraction(operation: str, x: Any, y: Any) -> Any:
    """What two numbers give, of which one remembers what it stands for."""
    if not all(isinstance(one, int | float) for one in (x, y)):
        return NotImplemented
    from gradproof.derive.ir import make

    number = _COMPUTE[operation](_bare(x), _bare(y))
    made = Fraction(number)
    made.value = make(operation, x, y)
    made.asked = next(one for one in (x, y) if isinstance(one, Size | Fraction)).asked
    return made


def _bare(number: Any) -> Any:
    if isinstance(number, Size):
        return int(number)
    return float(number) if isinstance(number, Fraction) else number


def _plain(size: int, other: Any, method: str) -> Any:
    result = getattr(int, method)(int(size), other)
    if result is NotImplemented and isinstance(other, float):
        return getattr(float, method)(float(size), other)
    return result
