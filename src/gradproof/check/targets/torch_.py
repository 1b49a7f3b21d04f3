"""Torch targets: autograd Functions, modules, ops, ``gp.function`` and callables."""

from __future__ import annotations

import contextlib
import copy
import functools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch

from gradproof.check.targets import (
    Arrays,
    Gradients,
    RawGradient,
    Recording,
    Write,
    blame,
)
from gradproof.check.targets import _torch_nodes as nodes
from gradproof.check.targets._leaves import Arguments, walk
from gradproof.check.targets._torch_call import Tensors, arrays
from gradproof.check.targets._torch_source import TorchSource
from gradproof.check.targets._torch_tensors import dtype_name, same, to_numpy
from gradproof.check.targets._watch import Watch


@contextlib.contextmanager
def _in_double() -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


class TorchTarget(TorchSource):
    """Anything from tensors to tensors.

    Beside the contract, for the properties that only torch has: ``leaves``,
    ``outputs``, ``incoming`` and ``gradients`` are the four steps of a backward pass.
    """

    # What the contract asks for.

    def forward(self, primals: Arrays) -> tuple[np.ndarray[Any, Any], ...]:
        """The differentiable outputs."""
        with torch.no_grad():
            return arrays(self.outputs(self._tensors(primals)))

    def record(
        self, primals: Arrays, wanted: Sequence[bool] | None = None
    ) -> Recording:
        """Run forward in grad mode; the pullback goes through the engine."""
        leaves = self.leaves(primals, wanted)
        with torch.enable_grad():
            outputs = self.outputs(leaves)

        def pullback(cotangents: Sequence[Any]) -> Gradients:
            incoming = self.incoming(outputs, cotangents)
            gradients = self.gradients(outputs, leaves, incoming, retain_graph=True)
            return [None if g is None else to_numpy(g) for g in gradients]

        return Recording(arrays(outputs), pullback)

    def in_double(self) -> contextlib.AbstractContextManager[object] | None:
        """As ``torch.set_default_dtype(torch.float64)`` would have it."""
        return None if torch.get_default_dtype() == torch.float64 else _in_double()

    def raw(self, primals: Arrays, cotangents: Arrays) -> list[RawGradient] | None:
        """What every hand-written backward in the graph itself returns."""

        def graph() -> nodes.Graph:
            leaves = self.leaves(primals)
            with torch.enable_grad():
                outputs = self.outputs(leaves)
            incoming = self.incoming(outputs, cotangents)
            pairs = [
                (one, v)
                for one, v in zip(outputs, incoming, strict=True)
                if one.requires_grad and v is not None
            ]
            return [one for one, _ in pairs], leaves, [v for _, v in pairs]

        with blame("backward"):
            return nodes.raw_gradients(graph, self.names, self.in_place)

    def writes(self, primals: Arrays, cotangents: Arrays) -> list[Write]:
        """Tensors that are not as they were after forward, or after backward."""
        watch = Watch(lambda tensor: tensor.detach().clone(), same)
        leaves = self.leaves(primals)
        with torch.enable_grad():
            passed = self._no_leaves(leaves)
        for name, tensor in zip(self.names, passed, strict=True):
            watch.add(f"input {name!r}", tensor, name)
        arguments = self._rebuild(passed)
        others = self._other_tensors(arguments)
        for name, tensor in others:
            watch.add(f"input {name!r}", tensor, name)
        buffers = self._fresh_buffers()
        training = self.is_module and self.target.training
        for name, buffer in buffers.items():
            if not training:  # in training a module's forward may update its buffers
                watch.add(f"buffer {name!r}", buffer)
        given = [*zip(self.names, passed, strict=True), *others]
        with torch.enable_grad(), blame("forward"), nodes.declared_writes() as dirty:
            outputs = self._differentiable(self._call(passed, arguments, buffers))
        declared = {name for name, one in given if any(one is d for d in dirty)}
        found = [w for w in watch.changes("forward") if w.input not in declared]
        incoming = self.incoming(outputs, cotangents)
        for name, buffer in buffers.items():
            watch.add(f"buffer {name!r}", buffer)
        for i, (output, gradient) in enumerate(zip(outputs, incoming, strict=True)):
            number = f" {i}" if len(outputs) > 1 else ""
            watch.add(f"the output{number}", output)
            watch.add(f"the incoming gradient{number}", gradient)
        self.gradients(outputs, leaves, incoming)
        return found + watch.changes("backward")

    @functools.cached_property
    def writes_inputs(self) -> bool:
        """Whether its forward writes an input in place, declared or not."""
        with torch.no_grad():
            tensors = self._tensors(self.primals)
            self.outputs(tensors, as_given=True)
        return any(tensor._version > 0 for tensor in tensors)

    def in_dtype(self, dtype: torch.dtype) -> TorchTarget:
        """The same target in another real dtype, complex inputs in its complex one."""
        other = copy.copy(self)
        other.working = [
            dtype.to_complex() if given.is_complex else dtype for given in self.given
        ]
        other.dtype, other.gives = dtype_name(dtype), ()
        return other

    def output_paths(self, primals: Arrays) -> list[tuple[str, torch.Tensor]]:
        """The differentiable outputs, each with the way to it in what is returned."""
        with torch.enable_grad(), blame("forward"):
            passed = self._no_leaves(self.leaves(primals))
            output = self._call(passed, self._rebuild(passed))
        found = [one for one in walk(output) if isinstance(one[1], torch.Tensor)]
        return found if self._roots is None else [found[i] for i in self._roots]

    def compiled_outputs(self, tensors: Tensors) -> list[torch.Tensor]:
        """The outputs of the target compiled as one graph."""
        torch.set_rng_state(self._rng_state)
        call = self.target.apply if self.is_function else self.target
        arguments = self._rebuild(tensors)
        options = self.settings.options
        with blame("forward"):
            if self.is_module:
                return self.outputs(tensors)
            compiled = torch.compile(
                lambda *values: call(*values, **options), fullgraph=True
            )
            return self._differentiable(compiled(*arguments))

    def _other_tensors(self, arguments: Sequence[Any]) -> list[tuple[str, Any]]:
        """The tensors among the arguments that are not differentiated."""
        leaves = Arguments.of(arguments)
        names = [line.split(": ")[0] for line in self.described]
        return [
            (names[i], leaf)
            for i, leaf in enumerate(leaves.leaves)
            if i not in self.active and isinstance(leaf, torch.Tensor)
        ]
