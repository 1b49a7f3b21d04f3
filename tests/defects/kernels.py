"""What hand-written kernels do: read and write memory, strides or no strides."""

from __future__ import annotations

import torch


def read(tensor: torch.Tensor, *, offset: bool = True) -> torch.Tensor:
    """What a kernel that takes a tensor for contiguous reads: memory in order.

    Past the end of the storage it reads zeros.
    """
    memory = tensor.new_empty(0).set_(tensor.detach().untyped_storage())
    start = tensor.storage_offset() if offset else 0
    found = memory[start : start + tensor.numel()]
    missing = tensor.numel() - found.numel()
    return torch.cat([found, found.new_zeros(missing)]).reshape(tensor.shape)


def write(tensor: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """A kernel that writes its result in order, whatever the strides are."""
    memory = tensor.new_empty(0).set_(tensor.untyped_storage())
    memory[: values.numel()] = values.reshape(-1)
    return tensor
