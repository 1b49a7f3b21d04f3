"""The most general arguments that a forward accepts, within a bounded search."""

from __future__ import annotations

import contextlib
import heapq
import os
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import torch

from gradproof._rule import broadcasts
from gradproof.audit import clues as read
from gradproof.audit.candidates import Array, Candidate, candidates, first_shapes

TRIES = 400
AFTERWARDS = 40  # tries after the first that was accepted
SECONDS = 10.0
STYLES = ("normal", "unit", "single")  # unit suits logarithms, single some kernels


@dataclass(frozen=True)
class Attempt:
    """One way to call a forward, and how far it came.

    Attributes:
        arguments: an Array or a plain value for each parameter.
        style: of the values in the arrays.
        cost: how far-fetched it is.
        unused: how many floating inputs make no difference to the output.
        error: what the forward raised, or None.
        line: the last line of the forward that was reached.
        fails_backward: whether the backward raised.
        is_spread: whether the output is the first tensor broadcast to another's shape.
    """

    arguments: tuple[Any, ...]
    style: str
    cost: int
    unused: int = 0
    error: str | None = None
    line: int = 0
    fails_backward: bool = False
    is_spread: bool = False

    @property
    def rank(self) -> tuple[int, bool, bool, int]:
        """What makes one better than another; the smallest is the best."""
        return self.unused, self.fails_backward, self.is_spread, self.cost

    def __str__(self) -> str:
        return ", ".join(map(_text, self.arguments))


@dataclass(frozen=True)
class Signature:
    """What a search needs to know of a target.

    Attributes:
        call: calls it.
        parameters: a clue for each parameter.
        constant: positions of the inputs that the backward gives no gradient.
        file: where its forward is written.
    """

    call: Callable[..., Any]
    parameters: Sequence[read.Clue]
    constant: frozenset[int] = frozenset()
    file: str = ""


def search(signature: Signature) -> tuple[list[Attempt], Attempt | None]:
    """The accepted attempts, the best first, and the nearest miss if there is none."""
    accepted: list[Attempt] = []
    nearest: Attempt | None = None
    deadline = time.monotonic() + SECONDS
    left = TRIES
    for cost, arguments in _proposals(signature.parameters):
        for style in STYLES:
            attempt = _try(signature, Attempt(arguments, style, cost))
            left -= 1
            if attempt.error is None:
                accepted.append(attempt)
                break
            if nearest is None or attempt.line > nearest.line:
                nearest = attempt
        if accepted and left > AFTERWARDS:
            left = AFTERWARDS
        if left <= 0 or time.monotonic() > deadline:
            break
    return sorted(accepted, key=lambda attempt: attempt.rank), nearest


def make(attempt: Attempt, constant: frozenset[int] = frozenset()) -> list[Any]:
    """The arguments, with tensors in the places of arrays."""
    generator = torch.Generator().manual_seed(0)
    return [
        _tensor(one, attempt.style, generator, position not in constant)
        if isinstance(one, Array)
        else one
        for position, one in enumerate(attempt.arguments)
    ]


def _proposals(
    parameters: Sequence[read.Clue],
) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """Combinations of candidates, the least far-fetched first."""
    first = next((i for i, clue in enumerate(parameters) if _is_first(clue)), None)
    if first is None:
        return
    queue: list[tuple[int, int, tuple[int, ...], list[list[Candidate]]]] = []
    number = count()
    for cost, shape in first_shapes(parameters[first]):
        table = [
            [(cost, Array(shape))] if position == first else _ordered(clue, shape)
            for position, clue in enumerate(parameters)
        ]
        if all(table):
            start = (0,) * len(table)
            heapq.heappush(queue, (_cost(table, start), next(number), start, table))
    seen: set[tuple[int, tuple[int, ...]]] = set()
    while queue:
        cost, _, chosen, table = heapq.heappop(queue)
        yield cost, tuple(column[i][1] for column, i in zip(table, chosen, strict=True))
        for position, index in enumerate(chosen):
            if index + 1 < len(table[position]):
                further = (*chosen[:position], index + 1, *chosen[position + 1 :])
                if (id(table), further) not in seen:
                    seen.add((id(table), further))
                    entry = (_cost(table, further), next(number), further, table)
                    heapq.heappush(queue, entry)


def _is_first(clue: read.Clue) -> bool:
    """The first parameter that takes a tensor."""
    options = candidates(clue, (5, 4))
    best = min(options, key=lambda each: each[0], default=(0, None))
    return isinstance(best[1], Array)


def _ordered(clue: read.Clue, shape: tuple[int, ...]) -> list[Candidate]:
    return sorted(candidates(clue, shape), key=lambda each: each[0])


def _cost(table: Sequence[Sequence[Candidate]], chosen: Sequence[int]) -> int:
    return sum(column[i][0] for column, i in zip(table, chosen, strict=True))


def _try(signature: Signature, attempt: Attempt) -> Attempt:
    made = make(attempt, signature.constant)
    try:
        with torch.enable_grad(), _quiet():
            output = signature.call(*_copies(made))
    except Exception as error:
        return _miss(attempt, error, signature.file)
    outputs = _floating(output)
    if not outputs:
        return _with(attempt, error="it returned no floating tensor")
    if not all(torch.isfinite(one).all() for one in outputs):
        return _with(attempt, error="its output is not finite")
    if not any(one.numel() for one in outputs):
        return _with(attempt, error="its output is empty")
    unused = sum(
        not _matters(signature.call, made, position, outputs)
        for position, value in enumerate(made)
        if isinstance(value, torch.Tensor) and value.is_floating_point()
    )
    return _with(
        attempt,
        unused=unused,
        fails_backward=not _goes_back(outputs),
        is_spread=_is_spread(made, outputs),
    )


def _miss(attempt: Attempt, error: Exception, file: str) -> Attempt:
    lines = [
        frame.lineno or 0
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == file
    ]
    said = " ".join(f"{type(error).__name__}: {error}".split())
    return _with(attempt, error=said[:160], line=max(lines, default=0))


def _with(attempt: Attempt, **changes: Any) -> Attempt:
    return Attempt(**{**vars(attempt), **changes})


def _matters(
    call: Callable[..., Any],
    made: Sequence[Any],
    position: int,
    outputs: Sequence[torch.Tensor],
) -> bool:
    others = _copies(made)
    others[position] = others[position].detach() * 1.7 + 0.3
    try:
        with torch.no_grad(), _quiet():
            moved = _floating(call(*others))
    except Exception:  # it is looked at, at least
        return True
    pairs = zip(outputs, moved, strict=False)
    return any(a.shape != b.shape or not torch.equal(a, b) for a, b in pairs)


def _is_spread(made: Sequence[Any], outputs: Sequence[torch.Tensor]) -> bool:
    """Whether the first tensor was broadcast to the shape of another, by our choice."""
    shapes = [one.shape for one in _floating(made)]
    if not shapes:
        return False
    first, output = shapes[0], outputs[0].shape
    return output != first and output in shapes and broadcasts(first, output)


def _goes_back(outputs: Sequence[torch.Tensor]) -> bool:
    roots = [one for one in outputs if one.requires_grad]
    try:
        with _quiet():
            torch.autograd.backward(roots, [torch.ones_like(one) for one in roots])
    except Exception:
        return False
    return True


def _copies(made: Sequence[Any]) -> list[Any]:
    return [
        one.detach().clone().requires_grad_(one.requires_grad)
        if isinstance(one, torch.Tensor)
        else one
        for one in made
    ]


def _floating(output: Any) -> list[torch.Tensor]:
    outputs = output if isinstance(output, tuple | list) else [output]
    return [
        one
        for one in outputs
        if isinstance(one, torch.Tensor)
        and (one.is_floating_point() or one.is_complex())
    ]


def _tensor(
    array: Array, style: str, generator: torch.Generator, requires_grad: bool
) -> torch.Tensor:
    if array.dtype == "int64":
        return torch.randint(0, array.below, array.shape, generator=generator)
    dtype = torch.float32 if style == "single" else torch.float64
    uniform = torch.rand(array.shape, generator=generator, dtype=dtype)
    if array.dtype == "bool":
        return uniform > 0.5
    values = torch.randn(array.shape, generator=generator, dtype=dtype)
    values = 0.1 + 0.8 * uniform if style == "unit" else values
    if array.near is not None:
        values = array.near + (abs(array.near) or 1) * uniform / 4
    return values.requires_grad_(requires_grad)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """What a forward prints four hundred times over is of no use to anyone."""
    with Path(os.devnull).open("w") as nothing, contextlib.redirect_stdout(nothing):
        yield


def _text(value: Any) -> str:
    return str(value) if isinstance(value, Array) else repr(value)
