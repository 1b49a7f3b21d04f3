"""A module with other tensors in the places of its parameters and buffers.

They stand there while forward runs, and while backward does: a hand-written backward
may read ``module.weight`` as well as a forward. ``torch.func.functional_call`` has them
there for the forward only, and leaves them in the lists that recurrent layers keep.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import torch

from gradproof._errors import TargetError


class ModuleState:
    """The parameters and buffers of a module.

    Attributes:
        parameters: those that are differentiated, by name.
        buffers: by name.
        others: parameters that do not require grad, by name.
    """

    def __init__(self, module: torch.nn.Module, name: str) -> None:
        if isinstance(module, torch.jit.ScriptModule):
            raise TargetError(
                f"{name} is a scripted module, whose parameters cannot be exchanged: "
                "check the module that it was made from"
            )
        self._module = module
        owned = dict(module.named_parameters())
        self.parameters = {n: p for n, p in owned.items() if p.requires_grad}
        self.others = {n: p for n, p in owned.items() if not p.requires_grad}
        self.buffers = dict(module.named_buffers())

    def fresh_buffers(self, floating: torch.dtype) -> dict[str, torch.Tensor]:
        """Copies of the buffers, the floating ones of a dtype."""
        return {
            name: buffer.to(floating, copy=True)
            if buffer.is_floating_point()
            else buffer.clone()
            for name, buffer in self.buffers.items()
        }

    @contextlib.contextmanager
    def replaced(self, tensors: Mapping[str, torch.Tensor]) -> Iterator[None]:
        """Tensors in the places of the module's own, by name, wherever it has them."""
        own = {**self.parameters, **self.others, **self.buffers}
        there = {id(own[name]): tensor for name, tensor in tensors.items()}
        back = {id(tensor): own[name] for name, tensor in tensors.items()}
        parts = list(self._module.modules())
        slots: list[Any] = [
            slot for part in parts for slot in (part._parameters, part._buffers)
        ]
        before = [dict(slot) for slot in slots]
        try:
            for slot in slots:
                slot.update({n: there.get(id(one), one) for n, one in slot.items()})
            _exchange_in_lists(parts, there)
            yield
        finally:
            for slot, owned in zip(slots, before, strict=True):
                slot.update(owned)
            _exchange_in_lists(parts, back)


def _exchange_in_lists(
    parts: list[torch.nn.Module], exchange: Mapping[int, torch.Tensor]
) -> None:
    """Exchange tensors in the plain lists that modules keep of their parameters."""
    for part in parts:
        for plain in vars(part).values():
            if type(plain) is list and any(id(one) in exchange for one in plain):
                plain[:] = [_exchanged(one, exchange) for one in plain]


def _exchanged(one: Any, exchange: Mapping[int, torch.Tensor]) -> Any:
    return exchange.get(id(one), one)
