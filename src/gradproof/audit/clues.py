"""What a forward's own source says about its parameters."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from gradproof.audit.source import is_none, source_tree

TENSOR_ATTRIBUTES = frozenset(
    [
        "shape",
        "size",
        "dim",
        "ndim",
        "dtype",
        "device",
        "new",
        "new_zeros",
        "new_empty",
        "contiguous",
        "transpose",
        "permute",
        "view",
        "reshape",
        "unsqueeze",
        "squeeze",
        "exp",
        "log",
        "sum",
        "mean",
        "max",
        "min",
        "abs",
        "clamp",
        "sigmoid",
        "tanh",
        "sqrt",
        "pow",
        "mul",
        "add",
        "sub",
        "div",
        "matmul",
        "mm",
        "bmm",
        "t",
        "T",
        "clone",
        "detach",
        "float",
        "double",
        "round",
        "sign",
        "masked_fill",
        "gather",
        "scatter",
        "numel",
        "flatten",
        "expand",
        "is_cuda",
        "requires_grad",
        "data",
    ]
)
RANK_BY_METHOD = {"t": 2, "mm": 2, "bmm": 3}
RUNNING = re.compile(r"running_|moving_")
INDEX_METHODS = (
    "gather",
    "index_select",
    "scatter",
    "scatter_",
    "scatter_add_",
    "embedding",
)


@dataclass
class Clue:
    """What is known of one parameter.

    Attributes:
        name: its name.
        default: its default, or ``inspect.Parameter.empty``.
        annotation: likewise.
        is_tensor: something is done with it that only a tensor can do.
        rank: how many dimensions it is unpacked into, or at least has, or None.
        is_index: it selects elements of another.
        is_called: it is a function.
        is_flag: it decides between branches as it is.
        is_whole: it counts something.
        may_be_none: it is compared with None.
        may_be_tensor: it is asked whether it is one.
        near: what the numbers in it are about, or None.
        texts: the texts that it is compared with.
        after: the name of the parameter before it.
        is_per_channel: running statistics stand beside it, one to a channel.
    """

    name: str
    default: Any = inspect.Parameter.empty
    annotation: Any = inspect.Parameter.empty
    is_tensor: bool = False
    rank: int | None = None
    is_index: bool = False
    is_called: bool = False
    is_flag: bool = False
    is_whole: bool = False
    may_be_none: bool = False
    may_be_tensor: bool = False
    near: float | None = None
    texts: list[str] = field(default_factory=list)
    after: str = ""
    is_per_channel: bool = False

    def as_tensor(self) -> Clue:
        """What is known if it is to be a tensor; the same if it cannot be or must."""
        if not self.may_be_tensor or not isinstance(self.default, int | float):
            return self
        empty = inspect.Parameter.empty
        about = float(self.default)
        return Clue(self.name, empty, empty, is_tensor=True, rank=self.rank, near=about)


def clues(forward: Callable[..., Any], skip: int) -> list[Clue]:
    """A clue for each positional parameter; none where there is no signature."""
    try:
        parameters = list(inspect.signature(forward).parameters.values())[skip:]
    except (TypeError, ValueError):
        return []
    names = ["", *(p.name for p in parameters)]
    found = [
        Clue(p.name, p.default, p.annotation, after=after)
        for after, p in zip(names, parameters, strict=False)
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    if any(RUNNING.match(clue.name.lower()) for clue in found):
        for clue in found:
            clue.is_per_channel = True
    tree = source_tree(forward)
    if tree is not None:
        by_name = {clue.name: clue for clue in found}
        for node in ast.walk(tree):
            _read(node, by_name)
    return found


def _read(node: ast.AST, known: dict[str, Clue]) -> None:
    if isinstance(node, ast.Attribute):
        clue = _clue(node.value, known)
        if clue and node.attr in TENSOR_ATTRIBUTES:
            clue.is_tensor = True
            clue.rank = RANK_BY_METHOD.get(node.attr, clue.rank)
    elif isinstance(node, ast.Assign):
        _read_unpacking(node, known)
    elif isinstance(node, ast.Call):
        _read_call(node, known)
    elif isinstance(node, ast.Compare):
        _read_comparison(node, known)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
        for clue in filter(None, (_clue(node.left, known), _clue(node.right, known))):
            clue.is_tensor = True
    elif isinstance(node, ast.If | ast.IfExp):
        tests = node.test.values if isinstance(node.test, ast.BoolOp) else [node.test]
        for test in tests:
            inner = test.operand if isinstance(test, ast.UnaryOp) else test
            if clue := _clue(inner, known):
                clue.is_flag = True
    elif isinstance(node, ast.Subscript):
        clue = _clue(node.value, known)
        if clue:
            clue.is_tensor = True
        if not isinstance(node.slice, ast.Tuple) and (clue := _clue(node.slice, known)):
            clue.is_index = True


def _read_unpacking(node: ast.Assign, known: dict[str, Clue]) -> None:
    """``batch, features = x.shape``."""
    target, value = node.targets[0], node.value
    if isinstance(value, ast.Call):
        value = value.func
    if not isinstance(target, ast.Tuple) or not isinstance(value, ast.Attribute):
        return
    clue = _clue(value.value, known)
    starred = any(isinstance(one, ast.Starred) for one in target.elts)
    if clue and value.attr in ("shape", "size"):
        clue.rank = len(target.elts) + starred


def _read_call(node: ast.Call, known: dict[str, Clue]) -> None:
    called = node.func
    name = called.attr if isinstance(called, ast.Attribute) else ""
    if clue := _clue(called, known):
        clue.is_called = True
    arguments = [clue for one in node.args if (clue := _clue(one, known))]
    if name == "save_for_backward":
        for clue in arguments:
            clue.is_tensor = True
    elif isinstance(called, ast.Name) and called.id == "range":
        for clue in arguments:
            clue.is_whole = True
    if "Tensor" in ast.dump(node) and isinstance(called, ast.Name):
        for clue in arguments if called.id == "isinstance" else ():
            clue.may_be_tensor = True
    if name == "is_tensor":
        for clue in arguments:
            clue.may_be_tensor = True
    if name in ("transpose", "permute"):
        _read_dimensions(node, known)
    if name in INDEX_METHODS:
        for one in node.args[1:]:
            if clue := _clue(one, known):
                clue.is_index = True
    for keyword in node.keywords:
        clue = _clue(keyword.value, known)
        if clue and keyword.arg in ("dim", "axis", "groups", "stride", "dilation"):
            clue.is_whole = True


def _read_dimensions(node: ast.Call, known: dict[str, Clue]) -> None:
    """``x.transpose(1, 2)`` has three dimensions or more, ``permute`` just so many."""
    assert isinstance(node.func, ast.Attribute)
    clue = _clue(node.func.value, known)
    numbers = [one.value for one in node.args if isinstance(one, ast.Constant)]
    whole = [number for number in numbers if isinstance(number, int)]
    if clue and whole and len(whole) == len(node.args) and clue.rank is None:
        exact = node.func.attr == "permute"
        clue.rank = len(whole) if exact else max(whole) + 1


def _read_comparison(node: ast.Compare, known: dict[str, Clue]) -> None:
    clue = _clue(node.left, known)
    for other in node.comparators:
        if clue and is_none(other):
            clue.may_be_none = True
        elif clue:
            clue.texts += _texts(other)


def _texts(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.Tuple | ast.List | ast.Set):
        for one in node.elts:
            yield from _texts(one)


def _clue(node: ast.AST, known: dict[str, Clue]) -> Clue | None:
    return known.get(node.id) if isinstance(node, ast.Name) else None
