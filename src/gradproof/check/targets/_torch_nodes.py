"""The hand-written nodes of an autograd graph, and what their backward returns.

The engine sums a gradient that is too large down to its input's shape and casts its
dtype before anyone can look, so here the backward is called directly.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch.autograd.function import FunctionCtx

from gradproof.check.targets import RawGradient, TargetCrash


def hand_written(roots: Sequence[torch.Tensor]) -> Iterator[Any]:
    """Every node of the graph whose backward is Python code, once."""
    seen: set[Any] = set()
    stack: list[Any] = [root.grad_fn for root in roots]
    while stack:
        node = stack.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "_forward_cls"):
            yield node
        stack.extend(child for child, _ in node.next_functions)


Graph = tuple[list[torch.Tensor], list[torch.Tensor], list[torch.Tensor]]


During = Callable[[list[torch.Tensor]], AbstractContextManager[None]]


def raw_gradients(
    graph: Callable[[], Graph], names: Sequence[str], during: During
) -> list[RawGradient]:
    """What each hand-written backward returns for the gradients that reach it.

    Args:
        graph: runs the forward; gives its outputs, the leaves, the incoming gradients.
        names: the leaves' names.
        during: from the leaves to what holds while backward runs.

    Raises:
        TargetCrash: where the engine refuses what no backward can be blamed for.
    """
    first = graph()
    with during(first[1]):
        incoming, problem = _reaching(first)
    # Each backward is called once: that it can be called again is another property.
    outputs, leaves, _ = graph()
    name_of = {id(leaf): name for leaf, name in zip(leaves, names, strict=True)}
    found: list[RawGradient] = []
    with during(leaves):
        for position, node in enumerate(hand_written(outputs)):
            if position in incoming:
                found += _of_node(node, incoming[position], name_of)
    if problem is not None and not any(one.problem for one in found):
        raise TargetCrash("backward", problem)
    return found


def _reaching(graph: Graph) -> tuple[dict[int, tuple[Any, ...]], Exception | None]:
    """The gradients that reach each hand-written node, and how the engine ended."""
    outputs, leaves, cotangents = graph
    reaching: dict[int, tuple[Any, ...]] = {}

    def capture(position: int) -> Any:
        def hook(gradients: tuple[Any, ...]) -> None:
            reaching[position] = tuple(
                None if one is None else one.clone() for one in gradients
            )

        return hook

    for position, node in enumerate(hand_written(outputs)):
        node.register_prehook(capture(position))
    try:
        torch.autograd.grad(outputs, leaves, cotangents, allow_unused=True)
    except Exception as error:  # the engine's word on a wrong shape comes too late
        return reaching, error
    return reaching, None


_listening = threading.Lock()


@contextlib.contextmanager
def declared_writes() -> Iterator[list[torch.Tensor]]:
    """The tensors that forwards declare with ``ctx.mark_dirty`` meanwhile.

    The graph tells only of those that are differentiated, so the calls are heard.
    """
    declared: list[torch.Tensor] = []
    with _listening:
        mark_dirty = FunctionCtx.mark_dirty

        def heard(context: Any, *tensors: torch.Tensor) -> None:
            declared.extend(tensors)
            mark_dirty(context, *tensors)

        FunctionCtx.mark_dirty = heard  # type: ignore[assignment, method-assign]
        try:
            yield declared
        finally:
            FunctionCtx.mark_dirty = mark_dirty  # type: ignore[method-assign]


def _of_node(
    node: Any, incoming: tuple[Any, ...], names: dict[int, str]
) -> list[RawGradient]:
    with torch.no_grad():
        returned = node.apply(*incoming)
    returned = returned if isinstance(returned, tuple | list) else (returned,)
    flags = node.needs_input_grad
    edges = iter([edge for edge in node.next_functions if edge[0] is not None])
    found = []
    extra = [one for one in returned[len(flags) :] if one is not None]
    if len(returned) < len(flags) or extra:
        counts = f"{len(returned)} gradients"
        found.append(RawGradient(None, None, f"{len(flags)}", counts, "count"))
    for index, needed in enumerate(flags):
        edge = next(edges, None) if needed else None
        if edge is None or index >= len(returned):
            continue
        gradient = returned[index]
        if getattr(node._forward_cls, "engine_finishes", False):
            gradient = _finished(gradient, edge[0]._input_metadata[edge[1]])
        found.append(_compare(gradient, edge, names))
    return found


def _finished(gradient: Any, expected: Any) -> Any:
    """As the engine hands it on, where a class of ours leaves it that."""
    try:
        return gradient.sum_to_size(expected.shape).to(expected.dtype)
    except (RuntimeError, AttributeError):
        return gradient


def _compare(
    gradient: Any, edge: tuple[Any, int], names: dict[int, str]
) -> RawGradient:
    node, output = edge
    leaf = getattr(node, "variable", None)
    if leaf is None and node.next_functions and node.name().startswith("CloneBackward"):
        leaf = getattr(node.next_functions[0][0], "variable", None)
    input = names.get(id(leaf))
    expected = node._input_metadata[output] if leaf is None else leaf
    wanted = _spec(expected)
    if gradient is None:
        return RawGradient(input, None, wanted, "None", None)
    if not isinstance(gradient, torch.Tensor):
        return RawGradient(input, None, wanted, type(gradient).__name__, "count")
    problem = None
    if tuple(gradient.shape) != tuple(expected.shape):
        problem = "shape"
    elif gradient.dtype != expected.dtype:
        problem = "dtype"
    elif gradient.device != expected.device:
        problem = "device"
    value = gradient.detach()
    wide = torch.complex128 if value.is_complex() else torch.float64
    dense = value.to_dense() if value.is_sparse else value
    array = dense.to(wide).cpu().resolve_conj().numpy()
    return RawGradient(input, array, wanted, _spec(gradient), problem)


def _spec(tensor: Any) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')}{list(tensor.shape)}"
