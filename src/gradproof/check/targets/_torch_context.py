"""Running a Function's forward in grad mode, with a stand-in for its ctx."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch


class StandInContext:
    """Takes what a forward puts on ctx; nothing is ever read back from it."""

    def __init__(self, count: int):
        self.needs_input_grad = (True,) * count
        self.saved_tensors: tuple[Any, ...] = ()

    def save_for_backward(self, *tensors: Any) -> None:
        """As torch's."""
        self.saved_tensors = tensors

    def save_for_forward(self, *tensors: Any) -> None:
        """As torch's."""

    def mark_dirty(self, *tensors: Any) -> None:
        """As torch's."""

    def mark_non_differentiable(self, *tensors: Any) -> None:
        """As torch's."""

    def set_materialize_grads(self, value: bool) -> None:
        """As torch's."""


def takes_context(function: type[torch.autograd.Function]) -> bool:
    """Whether its forward takes ctx first: it has no ``setup_context`` of its own."""
    return function.setup_context is torch.autograd.Function.setup_context


def forward_in_grad_mode(
    function: type[torch.autograd.Function],
    arguments: Sequence[Any],
    options: dict[str, Any],
) -> Any:
    """The outputs of its forward, with the autograd graph of the forward's own code."""
    with torch.enable_grad():
        if takes_context(function):
            context = StandInContext(len(arguments))
            return function.forward(context, *arguments, **options)
        return function.forward(*arguments, **options)
