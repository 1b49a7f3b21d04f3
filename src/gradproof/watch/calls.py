"""What is kept of one call: copies of its arrays, and the rest as it was."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gradproof.check.targets._leaves import Arguments

PLAIN = (bool, int, float, complex, str, bytes, type(None))


@dataclass(frozen=True)
class Call:
    """One call.

    Attributes:
        target: the ``autograd.Function`` subclass or the ``gp.function``.
        arguments: the positional arguments, arrays copied and detached.
        options: the keyword arguments, likewise.
        held: positions of the arguments that belong to a module among the others,
            which goes on computing with them: they cannot be varied by themselves.
    """

    target: Any
    arguments: tuple[Any, ...]
    options: dict[str, Any]
    held: tuple[int, ...] = ()

    @property
    def leaves(self) -> tuple[Any, ...]:
        """Every value in the arguments and options."""
        return Arguments.of((*self.arguments, self.options)).leaves

    @property
    def grads(self) -> int:
        """How many of its tensors require grad."""
        return sum(bool(getattr(one, "requires_grad", False)) for one in self.leaves)

    @property
    def is_differentiable(self) -> bool:
        """Whether it has a floating array at all."""
        return any(map(_is_inexact, self.leaves))


def name_of(target: Any) -> str:
    """``module:Name``, or ``path.py:Name`` for what the running script defines."""
    module = str(getattr(target, "__module__", None))
    qualname = getattr(target, "__qualname__", None) or type(target).__qualname__
    if module == "__main__":
        module = _short(getattr(sys.modules["__main__"], "__file__", None) or module)
    return f"{module}:{qualname}"


def copied(target: Any, arguments: Sequence[Any], options: dict[str, Any]) -> Call:
    """The call, with arrays of its own."""
    together = Arguments.of((*arguments, options))
    owned = {id(one) for leaf in together.leaves for one in _owned_by(leaf)}
    leaves = [one if id(one) in owned else _copy(one) for one in together.leaves]
    *positional, keywords = together.rebuild(leaves)
    held = tuple(i for i, one in enumerate(positional) if id(one) in owned)
    return Call(target, tuple(positional), keywords, held)


def bytes_of(values: Sequence[Any]) -> int:
    """How many bytes the arrays among some values take."""
    return sum(int(getattr(one, "nbytes", 0)) for one in values)


def _copy(leaf: Any) -> Any:
    if isinstance(leaf, np.ndarray):
        return leaf.copy()
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(leaf, torch.Tensor):
        return leaf
    with torch.inference_mode(False), torch.no_grad():
        copy = leaf.detach().clone()
    return copy.requires_grad_(leaf.requires_grad)


def _owned_by(value: Any) -> Iterator[Any]:
    """The parameters of a module, given as itself, its method or a closure over it."""
    torch = sys.modules.get("torch")
    if torch is None or isinstance(value, (*PLAIN, torch.Tensor, np.ndarray)):
        return
    inside = [value, getattr(value, "__self__", None)]
    for cell in getattr(value, "__closure__", None) or ():
        try:
            inside.append(cell.cell_contents)
        except ValueError:  # an empty cell
            continue
    for one in inside:
        if isinstance(one, torch.nn.Module):
            yield from one.parameters()


def _is_inexact(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "fc"
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(value, torch.Tensor):
        return False
    return bool(value.is_floating_point() or value.is_complex())


def _short(filename: str) -> str:
    path, here = Path(filename), Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else filename


Listener = Callable[[Call], None]
