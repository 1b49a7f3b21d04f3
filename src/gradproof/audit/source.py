"""The source of a function as a syntax tree, and what a backward's says."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from typing import Any


def without_gradient(backward: Callable[..., Any] | None, count: int) -> set[int]:
    """The inputs for which every ``return`` of a backward says None itself."""
    tree = source_tree(backward) if backward is not None else None
    if tree is None:
        return set()
    given: list[set[int]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
            values = node.value.elts
            if any(isinstance(one, ast.Starred) for one in values):
                return set()
            nones = {i for i, one in enumerate(values[:count]) if is_none(one)}
            given.append(nones)
        elif isinstance(node, ast.Return):
            given.append(set())
    common = set.intersection(*given) if given else set()
    return common if len(common) < count else set()


def source_tree(function: Callable[..., Any]) -> ast.AST | None:
    """The syntax tree of a function, where its source can be had."""
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function))))
    except (OSError, TypeError, SyntaxError):
        return None


def is_none(node: ast.AST) -> bool:
    """Whether it is written as None."""
    return isinstance(node, ast.Constant) and node.value is None
