"""The steps of a derivation, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Step:
    """An input, or a line of the forward.

    Attributes:
        name: what the line makes.
        line: its source; empty for an input.
        shape: of its value and of its gradient.
        dtype: of its value.
        value: a number, or nested lists of them.
        gradient: likewise; None where nothing is differentiated.
        gradient_name: what the source calls the gradient; empty where there is none.
        rules: the local rule of each operation in the line, in words and in maths.
        backward: the source that these rules come to, in order.
    """

    name: str
    line: str
    shape: tuple[int, ...]
    dtype: str
    value: Any
    gradient: Any = None
    gradient_name: str = ""
    rules: tuple[str, ...] = ()
    backward: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """A derivation with the numbers in it.

    Attributes:
        function: its name.
        doc: its docstring's first line, if any.
        steps: the inputs, then the lines of the forward, in order.
        outputs: names of what it returns.
        wrt: names of the inputs that it is differentiated in.
        start: the source that the backward starts with, the gradients of the outputs.
    """

    function: str
    doc: str
    steps: tuple[Step, ...]
    outputs: tuple[str, ...]
    wrt: tuple[str, ...]
    start: tuple[str, ...] = ()

    def __str__(self) -> str:
        from gradproof.report.explain_plain import render

        return render(self)

    def to_dict(self) -> dict[str, Any]:
        """Dictionaries, lists, strings and numbers; a complex number is a pair."""
        shown = asdict(self)
        for step in shown["steps"]:
            for key in ("value", "gradient"):
                step[key] = _with_pairs(step[key])
        return shown

    @classmethod
    def from_dict(cls, shown: Mapping[str, Any]) -> Explanation:
        """The explanation that a dictionary of ``to_dict`` came from."""
        steps = tuple(_step(one) for one in shown["steps"])
        rest = {k: _tuple(v) for k, v in shown.items() if k != "steps"}
        return cls(steps=steps, **rest)


def _step(shown: Mapping[str, Any]) -> Step:
    numbers = {"value": shown["value"], "gradient": shown["gradient"]}
    ndim = len(shown["shape"])
    if "complex" in shown["dtype"]:
        numbers = {k: _from_pairs(v, ndim) for k, v in numbers.items()}
    rest = {k: _tuple(v) for k, v in shown.items() if k not in numbers}
    return Step(**rest, **numbers)


def _with_pairs(numbers: Any) -> Any:
    if isinstance(numbers, list):
        return [_with_pairs(one) for one in numbers]
    return [numbers.real, numbers.imag] if isinstance(numbers, complex) else numbers


def _from_pairs(numbers: Any, ndim: int) -> Any:
    if numbers is None:
        return None
    if ndim:
        return [_from_pairs(one, ndim - 1) for one in numbers]
    return complex(*numbers) if isinstance(numbers, list) else numbers


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
