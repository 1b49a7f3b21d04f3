"""Sizes of axes that remember of what they are the size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradproof.derive.ir import Value


class Size(int):
    """The size of an axis, which remembers of what: ``x.shape[0]``.

    Arithmetic keeps the memory, so that source need not bake the number in.
    """

    value: Value

    def __new__(cls, number: int, value: Value) -> Size:
        """The number, and what it stands for."""
        size = super().__new__(cls, number)
        size.value = value
        return size

    def _with(self, operation: str, other: Any, number: Any, swap: bool = False) -> Any:
        """The result, and what it stands for; with anything else a plain number."""
        if not isinstance(other, int | float):
            return NotImplemented
        if not isinstance(number, int):
            return number
        from gradproof.derive.ir import make

        pair = (other, self) if swap else (self, other)
        return Size(number, make(operation, *pair))

    def __add__(self, other: Any) -> Any:
        return self._with("add", other, _plain(self, other, "__add__"))

    def __radd__(self, other: Any) -> Any:
        return self._with("add", other, _plain(self, other, "__radd__"), swap=True)

    def __sub__(self, other: Any) -> Any:
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


def _plain(size: int, other: Any, method: str) -> Any:
    result = getattr(int, method)(int(size), other)
    if result is NotImplemented and isinstance(other, float):
        return getattr(float, method)(float(size), other)
    return result
