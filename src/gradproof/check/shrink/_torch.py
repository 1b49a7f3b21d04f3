"""Scripts in torch: ``backward`` with a gradient, then the input's ``grad``."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from gradproof.check.session import Array
from gradproof.check.shrink import script
from gradproof.check.shrink._literals import NotWritableError, filled
from gradproof.check.shrink._numbers import is_ramp
from gradproof.check.shrink.case import Case
from gradproof.check.targets.torch_ import TorchTarget

USUAL = {torch.int64, torch.bool}


class Dialect(script.Dialect):
    """Torch's."""

    imports = ("import torch",)
    taken = ("torch", "output", "outputs", "grad_output", "grad_outputs", "gradients")
    target: TorchTarget

    def __init__(self, case: Case):
        super().__init__(case)
        if self.target.draws_random_numbers:
            raise NotWritableError
        self.outputs = self.target.output_paths(case.primals)
        if not any(one.requires_grad for _, one in self.outputs):
            raise NotWritableError

    @property
    def call(self) -> str:
        """A Function's ``apply``, else the callable."""
        return super().call + (".apply" if self.target.is_function else "")

    def setup(self) -> Iterator[str]:
        """A module computes in what it was checked in, from gradients that are gone."""
        if self.target.is_module:
            yield f"{super().call}.to({self._dtype(0)}).zero_grad()"

    def array(self, array: Array, position: int) -> str:
        """A tensor, which requires grad where it was differentiated."""
        value = self.target.values[position]
        wanted = False
        dtype = value.dtype
        if position in self.target.active:
            index = self.target.active.index(position)
            dtype = self.target.working[index]
            wanted = self.case.wanted[index]
        return _tensor(array, dtype, value.device, wanted)

    def pulled(self) -> Iterator[str]:
        """Forward, and backward from the outputs that take part."""
        yield f"output = {self.call}({', '.join(self._passed())}{self.options})"
        pairs = [
            (f"output{path}", _tensor(v, one.dtype, one.device, wanted=False), v.ndim)
            for v, (path, one) in zip(self.case.cotangents, self.outputs, strict=True)
            if one.requires_grad
        ]
        outputs, incoming, ranks = zip(*pairs, strict=True)
        layout = self.case.layout
        if layout is not None and layout.incoming:
            if len(outputs) > 1:
                raise NotWritableError
            yield f"grad_output = {incoming[0]}"
            yield f"{outputs[0]}.backward({layout.code('grad_output', ranks[0])})"
        elif self.case.raw is not None:
            yield f"gradients = {outputs[0]}.grad_fn.apply({incoming[0]})"
        elif len(outputs) == 1:
            yield f"{outputs[0]}.backward({incoming[0]})"
        else:
            yield f"outputs = [{', '.join(outputs)}]"
            yield f"grad_outputs = [{', '.join(incoming)}]"
            yield "torch.autograd.backward(outputs, grad_outputs)"

    def _passed(self) -> Iterator[str]:
        """The arguments of the call: the variables, or what is made of them."""
        layout = self.case.layout
        whole = {}
        for name, leaf, primal in zip(
            self.target.names, self.target.active, self.case.primals, strict=True
        ):
            if leaf < self.target.count:
                position, path = self.target.arguments.paths[leaf]
                whole[self.names[position]] = (name, primal.ndim, path)
        for variable in self.names:
            name, ndim, path = whole.get(variable, ("", 0, "not differentiated"))
            if path:
                yield variable
            elif self.target.writes_inputs:
                yield f"{variable}.clone()"
            elif layout is not None and layout.moves(name):
                yield layout.code(variable, ndim)
            else:
                yield variable

    def gradient(self) -> str:
        """The ``grad`` of the input, or of a module's parameter."""
        assert self.case.index is not None
        if self.target.active[self.case.index] >= self.target.count:
            name = self.target.names[self.case.index]
            return f'{super().call}.get_parameter("{name}").grad'
        variable, path = self.blamed
        return f"{variable}{path}.grad"

    def raw(self) -> str:
        """What the node's backward returned for the argument."""
        assert self.case.index is not None
        if not self.target.is_function or len(self.outputs) > 1:
            raise NotWritableError
        leaf = self.target.active[self.case.index]
        position, _ = self.target.arguments.paths[leaf]
        single = self.target.arguments.count == 1
        return "gradients" if single else f"gradients[{position}]"

    def specified(self, spec: str) -> dict[str, str]:
        """As torch prints them."""
        dtype, _, shape = spec.partition("[")
        return {".shape": f"torch.Size([{shape})", ".dtype": f"torch.{dtype}"}

    def _dtype(self, index: int) -> str:
        return str(self.target.working[index])


def _tensor(
    array: Array, dtype: torch.dtype, device: torch.device, wanted: bool
) -> str:
    how = "" if dtype in USUAL else f", dtype={dtype}"
    if device.type != "cpu":
        how += f', device="{device}"'
    written = filled("torch", array, how)
    if not wanted:
        return written
    if is_ramp(array):
        return f"{written}.requires_grad_()"  # a leaf, whatever reshape returned
    return f"{written[:-1]}, requires_grad=True)"
