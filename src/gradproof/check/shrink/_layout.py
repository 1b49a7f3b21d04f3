"""Calls whose inputs, or incoming gradients, lie in memory in some other way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from gradproof.check.targets import Arrays, Gradients
from gradproof.check.targets.torch_ import TorchTarget
from gradproof.check.verdict import Finding

WAYS = ("transposed", "strided", "offset", "expanded")


@dataclass(frozen=True)
class Layout:
    """What lies otherwise, and how.

    Attributes:
        way: one of ``WAYS``.
        incoming: whether it is the incoming gradients, not the inputs.
        only: the name of the only input that does, or None.
    """

    way: str
    incoming: bool
    only: str | None = None

    @classmethod
    def of(cls, finding: Finding, names: Sequence[str]) -> Layout | None:
        """The layout at which a finding was made, as far as its message tells."""
        ways = [way for way in WAYS if way in finding.message]
        incoming = "incoming gradient" in finding.message
        if len(ways) != 1 or (ways == ["expanded"] and not incoming):
            return None
        alone = (name for name in names if f"{name!r} alone" in finding.message)
        return cls(ways[0], incoming, next(alone, None))

    def claimed(
        self,
        target: TorchTarget,
        primals: Arrays,
        cotangents: Arrays,
        wanted: Sequence[bool],
    ) -> Gradients:
        """The gradients that a target claims for a call that is laid out so."""
        leaves = target.leaves(primals, wanted)
        names = [*target.names, *target.parameters][: len(leaves)]
        count = len(leaves) - len(target.parameters)
        with torch.enable_grad():
            passed = [
                self._arranged(leaf) if index < count and self.moves(name) else leaf
                for index, (name, leaf) in enumerate(zip(names, leaves, strict=True))
            ]
            outputs = target.outputs(passed, as_given=True)
        incoming = [
            v if v is None or not self.incoming else self._arranged(v)
            for v in target.incoming(outputs, cotangents)
        ]
        found = target.gradients(outputs, leaves, incoming)
        return [None if g is None else target.to_numpy(g) for g in found]

    def moves(self, name: str) -> bool:
        """Whether an input lies otherwise."""
        return not self.incoming and self.only in (None, name)

    def code(self, name: str, ndim: int) -> str:
        """The expression for a variable that is laid out so."""
        axes = ", ".join(map(str, reversed(range(ndim))))
        back = f".permute({axes})"
        turned = ".T.contiguous().T" if ndim == 2 else f"{back}.contiguous(){back}"
        return {
            "transposed": f"{name}{turned}" if ndim > 1 else name,
            "strided": f"torch.stack([{name}, {name}], -1)[..., 0]",
            "offset": f"torch.cat([{name}.new_zeros(3), {name}.reshape(-1)])[3:]"
            f".view({name}.shape)",
            "expanded": f"{name}.new_ones(()).expand({name}.shape)",
        }[self.way]

    def _arranged(self, tensor: torch.Tensor) -> torch.Tensor:
        axes = tuple(reversed(range(tensor.ndim)))
        if self.way == "transposed":
            return tensor.permute(axes).contiguous().permute(axes)
        if self.way == "strided":
            return torch.stack([tensor, tensor], -1)[..., 0]
        if self.way == "expanded":
            return tensor.new_ones(()).expand(tensor.shape)
        flat = torch.cat([tensor.new_zeros(3), tensor.reshape(-1)])
        return flat[3:].view(tensor.shape)
