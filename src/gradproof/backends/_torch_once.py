"""Rules with ``once=True``: right to first order, refused aloud in the second."""

from __future__ import annotations

from typing import Any

import torch

from gradproof.backends import _torch_forward_mode as forward_mode


class _Refuse(torch.autograd.Function):
    """The identity, with no derivative.

    It takes beside the gradient all that the rule was given, for autograd reaches it
    only through what leads to the variables that are differentiated.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(message: str, gradient: Any, *given: Any) -> Any:
        return gradient.view_as(gradient)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        ctx.message = inputs[0]

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        raise RuntimeError(ctx.message)

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        raise RuntimeError(ctx.message)


def refuse(message: str, gradient: Any, given: list[Any]) -> Any:
    """The gradient, whose own derivative in what the rule was given is an error."""
    if not torch.is_grad_enabled() and not forward_mode.is_on():
        return gradient  # nothing can differentiate it
    # Several outputs, and their gradients, come as a tuple.
    several = (one if isinstance(one, tuple) else (one,) for one in given)
    tensors = (t for one in several for t in one if isinstance(t, torch.Tensor))
    return _Refuse.apply(message, gradient, *tensors)  # type: ignore[no-untyped-call]
