"""Arguments with arrays inside lists, tuples and dicts, as a flat list of leaves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Arguments:
    """Positional arguments, taken apart.

    Attributes:
        leaves: everything that is not a list, tuple or dict, in order.
        paths: for each leaf, its argument's position and the way to it inside.
        count: how many arguments there are.
        rebuild: from leaves to arguments.
    """

    leaves: tuple[Any, ...]
    paths: tuple[tuple[int, str], ...]
    count: int
    rebuild: Callable[[Sequence[Any]], list[Any]]

    @classmethod
    def of(cls, arguments: Sequence[Any]) -> Arguments:
        """Take arguments apart."""
        leaves: list[Any] = []
        paths: list[tuple[int, str]] = []
        for position, argument in enumerate(arguments):
            for path, leaf in walk(argument):
                leaves.append(leaf)
                paths.append((position, path))

        def rebuild(values: Sequence[Any]) -> list[Any]:
            remaining = iter(values)
            return [refill(argument, remaining) for argument in arguments]

        return cls(tuple(leaves), tuple(paths), len(arguments), rebuild)

    def names(self, argument_names: Sequence[str]) -> list[str]:
        """A name for each leaf: its argument's, and the way inside it."""
        return [argument_names[position] + path for position, path in self.paths]


def walk(tree: Any, path: str = "") -> list[tuple[str, Any]]:
    """Every leaf of nested lists, tuples and dicts with the way to it."""
    if isinstance(tree, list | tuple):
        inside = [(f"{path}[{index}]", one) for index, one in enumerate(tree)]
    elif isinstance(tree, dict):
        inside = [(f"{path}[{key!r}]", one) for key, one in tree.items()]
    else:
        return [(path, tree)]
    return [leaf for step, one in inside for leaf in walk(one, step)]


def refill(tree: Any, remaining: Any) -> Any:
    """The same nesting with other leaves, taken from an iterator in order."""
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(refill(one, remaining) for one in tree))
    if isinstance(tree, list | tuple):
        return type(tree)(refill(one, remaining) for one in tree)
    if isinstance(tree, dict):
        return {key: refill(one, remaining) for key, one in tree.items()}
    return next(remaining)
