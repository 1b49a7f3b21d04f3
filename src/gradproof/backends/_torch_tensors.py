"""What torch keeps between forward and backward, and under which autocast."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from typing import Any

import torch


class _Place(int):
    """Where in ``ctx.saved_tensors`` a tensor is."""


def set_aside(kept: dict[str, Any]) -> tuple[dict[str, Any], list[Any]]:
    """The values with a place instead of each tensor, and the tensors."""
    tensors: list[Any] = []

    def placed(tensor: Any) -> Any:
        tensors.append(tensor)
        return _Place(len(tensors) - 1)

    return {name: map_tensors(placed, value) for name, value in kept.items()}, tensors


def taken_back(places: dict[str, Any], tensors: tuple[Any, ...]) -> dict[str, Any]:
    """The inverse of ``set_aside``."""

    def fetched(value: Any) -> Any:
        return tensors[value] if isinstance(value, _Place) else value

    return {name: _mapped(fetched, value) for name, value in places.items()}


def map_tensors(apply: Callable[[Any], Any], value: Any) -> Any:
    """A value with something done to its tensors; what holds others is gone into."""
    return _mapped(
        lambda one: apply(one) if isinstance(one, torch.Tensor) else one, value
    )


def _mapped(apply: Callable[[Any], Any], value: Any) -> Any:
    kind = type(value)  # of a subclass one does not know how it is made
    if kind is tuple or kind is list:
        return kind(_mapped(apply, one) for one in value)
    if kind is dict:
        return {key: _mapped(apply, one) for key, one in value.items()}
    return apply(value)


@functools.cache
def dtype_name(dtype: torch.dtype) -> str:
    """As NumPy and JAX would call it."""
    return str(dtype).removeprefix("torch.")


def device_of(values: tuple[Any, ...]) -> str:
    """The kind of device that the first tensor is on."""
    for value in values:
        if isinstance(value, torch.Tensor):
            return value.device.type
    return "cpu"


def autocast_dtype(device: str) -> torch.dtype | None:
    """The dtype of the autocast that is on, if any."""
    if torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device):
        return torch.get_autocast_dtype(device)
    return None


def autocast_as(
    device: str, dtype: torch.dtype | None
) -> contextlib.AbstractContextManager[Any]:
    """While inside, autocast is as it was in the forward; None: off."""
    if dtype == autocast_dtype(device):
        return contextlib.nullcontext()
    return torch.autocast(device, dtype, enabled=dtype is not None)
