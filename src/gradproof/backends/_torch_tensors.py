"""What torch keeps between forward and backward, and under which autocast."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from typing import Any

import torch

CONTAINERS = (tuple, list)


class _Place(int):
    """Where in ``ctx.saved_tensors`` a tensor is."""


def set_aside(kept: dict[str, Any]) -> tuple[dict[str, Any], list[Any]]:
    """The values with a place instead of each tensor, and the tensors."""
    tensors: list[Any] = []
    return {name: _placed(value, tensors) for name, value in kept.items()}, tensors


def taken_back(places: dict[str, Any], tensors: tuple[Any, ...]) -> dict[str, Any]:
    """The inverse of ``set_aside``."""
    return {name: _fetched(value, tensors) for name, value in places.items()}


def _placed(value: Any, tensors: list[Any]) -> Any:
    if type(value) in CONTAINERS:
        return type(value)(_placed(one, tensors) for one in value)
    if not isinstance(value, torch.Tensor):
        return value
    tensors.append(value)
    return _Place(len(tensors) - 1)


def _fetched(value: Any, tensors: tuple[Any, ...]) -> Any:
    if type(value) in CONTAINERS:
        return type(value)(_fetched(one, tensors) for one in value)
    return tensors[value] if isinstance(value, _Place) else value


def map_tensors(apply: Callable[[Any], Any], value: Any) -> Any:
    """A value with something done to its tensors; a tuple of outputs is gone into."""
    if isinstance(value, tuple):
        return tuple(map_tensors(apply, one) for one in value)
    return apply(value) if isinstance(value, torch.Tensor) else value


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
