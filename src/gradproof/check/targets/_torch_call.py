"""How a torch target is called: which values are differentiated, in which dtype."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch

from gradproof._errors import InputError, TargetError
from gradproof.check.targets import (
    Arrays,
    Settings,
    Target,
    blame,
    is_autograd_function,
    parameter_names,
)
from gradproof.check.targets import _torch_nodes as nodes
from gradproof.check.targets._leaves import Arguments, walk
from gradproof.check.targets._torch_context import takes_context
from gradproof.check.targets._torch_module import ModuleState
from gradproof.check.targets._torch_tensors import (
    DOUBLE,
    describe,
    differentiated,
    dtype_name,
    is_inexact,
    roughly_equal,
    schema_of,
    to_numpy,
)
from gradproof.check.wording import TORCH

Tensors = Sequence[torch.Tensor]


class TorchCall(Target):
    """From arrays to the tensors that a target is given, and from its outputs back.

    ``leaves`` and ``outputs`` are the first two of the four steps of a backward pass.
    """

    library = "torch"
    usual_wording = TORCH
    has_engine = True

    def __init__(
        self, target: Any, name: str, arguments: Arguments, settings: Settings
    ):
        self.name = name
        self.target = target
        self.is_function = is_autograd_function(target)
        self.is_module = isinstance(target, torch.nn.Module)
        self.settings = settings
        self.arguments = arguments
        has_forward = self.is_function or self.is_module
        schema = schema_of(target)
        self.is_library_op = schema is not None
        skip = int(self.is_function and takes_context(target))
        forward = target.forward if has_forward else target
        named = parameter_names(forward, skip, arguments.count)
        if schema is not None:
            named = [one.name for one in schema.arguments][: arguments.count]
        names = arguments.names(named)
        values = list(arguments.leaves)
        active = differentiated(values)
        self._state: ModuleState | None = None
        self._last_state: dict[str, torch.Tensor] = {}
        if self.is_module:
            self._state = ModuleState(target, name)
            owned = self._state.parameters
            names += owned
            active += range(len(values), len(values) + len(owned))
            values += owned.values()
        if not active:
            raise InputError(
                f"{name}: no input is a floating tensor, nothing to differentiate"
            )
        self.values = values
        self.active = active
        self.names = tuple(names[i] for i in active)
        self.described = tuple(
            f"{one}: {describe(v)}" for one, v in zip(names, values, strict=True)
        )
        self._rng_state = torch.get_rng_state()
        self.given = [values[i].dtype for i in active]
        self.primals = tuple(to_numpy(values[i]) for i in active)
        self._roots: list[int] | None = None
        self.working = self.given
        self.working = self._choose_dtypes()
        self.dtype = dtype_name(self.working[0])
        self._roots = self._find_roots()

    @property
    def count(self) -> int:
        """How many of the values are leaves of the arguments: not the parameters."""
        return len(self.arguments.leaves)

    @property
    def parameters(self) -> list[str]:
        """The names of a module's parameters that are differentiated."""
        return [] if self._state is None else list(self._state.parameters)

    def like(self, array: np.ndarray[Any, Any], position: int) -> Any:
        """A tensor with the dtype and the device of a leaf."""
        value = self.values[position]
        tensor = torch.tensor(array, dtype=value.dtype, device=value.device)
        return tensor.requires_grad_(value.requires_grad)

    def to_numpy(self, array: Any) -> np.ndarray[Any, Any]:
        """A tensor as NumPy's array."""
        return to_numpy(array)

    def leaves(
        self,
        primals: Arrays,
        wanted: Sequence[bool] | None = None,
        dtypes: Sequence[torch.dtype] | None = None,
    ) -> list[torch.Tensor]:
        """Fresh leaf tensors; the wanted ones require grad, all where None."""
        leaves = self._tensors(primals, dtypes)
        for index, leaf in enumerate(leaves):
            leaf.requires_grad_(wanted is None or wanted[index])
        return leaves

    def outputs(
        self, tensors: Tensors, *, as_given: bool = False
    ) -> list[torch.Tensor]:
        """The differentiable outputs for some tensors, in the current grad mode.

        A Function that writes its input in place needs one that is no leaf: it is
        passed copies, unless the tensors are to go in ``as_given``.
        """
        with blame("forward"):
            passed = tensors if as_given else self._no_leaves(tensors)
            return self._differentiable(self._call(passed, self._rebuild(passed)))

    def _call(
        self,
        tensors: Tensors,
        arguments: Sequence[Any],
        buffers: dict[str, torch.Tensor] | None = None,
    ) -> Any:
        torch.set_rng_state(self._rng_state)
        call = self.target.apply if self.is_function else self.target
        if self._state is not None:
            others = {n: self._copied(one) for n, one in self._state.others.items()}
            self._last_state = {**(buffers or self._fresh_buffers()), **others}
        with self.in_place(tensors):
            return call(*arguments, **self.settings.options)

    @contextlib.contextmanager
    def in_place(self, tensors: Tensors) -> Iterator[None]:
        """The module with these tensors, and what the last forward left of the rest.

        So a backward finds what it reads from the module, as it does in real use.
        """
        if self._state is None:
            yield
            return
        names = self._state.parameters
        own = tensors[len(tensors) - len(names) :]
        state = {**self._last_state, **dict(zip(names, own, strict=True))}
        with self._state.replaced(state):
            yield

    def _no_leaves(self, tensors: Tensors) -> Tensors:
        """A Function that writes its input in place needs one that is no leaf."""
        return [tensor.clone() for tensor in tensors] if self.is_function else tensors

    def _fresh_buffers(self) -> dict[str, torch.Tensor]:
        """Copies of the buffers, floating ones as wide as the module computes in."""
        if self._state is None:
            return {}
        return self._state.fresh_buffers(self.working[0].to_real())

    def _copied(self, tensor: torch.Tensor) -> torch.Tensor:
        """A copy, as wide here as the differentiated inputs of its dtype are."""
        here = dict(zip(self.given, self.working, strict=True))
        return tensor.detach().clone().to(here.get(tensor.dtype, tensor.dtype))

    def _rebuild(self, tensors: Tensors) -> list[Any]:
        """The arguments, with these tensors in the places of the differentiated."""
        values = [
            self._copied(v) if isinstance(v, torch.Tensor) else v for v in self._rest
        ]
        for position, tensor in zip(self.active, tensors, strict=True):
            values[position] = tensor
        return self.arguments.rebuild(values[: len(self.arguments.leaves)])

    @property
    def _rest(self) -> list[Any]:
        active = set(self.active)
        return [None if i in active else v for i, v in enumerate(self.values)]

    def _tensors(
        self, primals: Arrays, dtypes: Sequence[torch.dtype] | None = None
    ) -> list[torch.Tensor]:
        devices = [self.values[i].device for i in self.active]
        return [
            # A copy: neither may the target write to our arrays, nor we to its.
            torch.tensor(np.array(p, order="C"), dtype=dtype, device=device)
            for p, dtype, device in zip(
                primals, dtypes or self.working, devices, strict=True
            )
        ]

    def _flat(self, output: Any) -> list[torch.Tensor]:
        outputs = [leaf for _, leaf in walk(output) if isinstance(leaf, torch.Tensor)]
        if not outputs:
            raise TargetError(
                f"{self.name} returned no tensor but {type(output).__name__}: "
                "a target returns a tensor, or a tuple, list or dict of tensors"
            )
        return outputs

    def _differentiable(self, output: Any) -> list[torch.Tensor]:
        outputs = self._flat(output)
        return outputs if self._roots is None else [outputs[i] for i in self._roots]

    def _find_roots(self) -> list[int]:
        """The outputs to differentiate: those that say so, else every floating one."""
        with torch.enable_grad():
            outputs = self.outputs(self.leaves(self.primals))
        roots = [i for i, one in enumerate(outputs) if one.requires_grad]
        self.is_plain = next(nodes.hand_written(outputs), None) is None
        self.draws_random_numbers = not torch.equal(
            torch.get_rng_state(), self._rng_state
        )
        roots = roots or [i for i, one in enumerate(outputs) if is_inexact(one)]
        if not roots:
            kinds = ", ".join(dtype_name(one.dtype) for one in outputs)
            raise TargetError(
                f"{self.name} returned {kinds} only: there is nothing to differentiate"
            )
        self.outputs_there = arrays([outputs[i] for i in roots])
        self.gives = tuple(dtype_name(outputs[i].dtype) for i in roots)
        return roots

    def _choose_dtypes(self) -> list[torch.dtype]:
        """Double precision where the target runs in it, else what was given."""
        wide = [DOUBLE[dtype.is_complex] for dtype in self.given]
        if wide == self.given:
            return wide
        with torch.no_grad():
            given = self.outputs(self._tensors(self.primals))
            try:
                self.working = wide
                widest = self.outputs(self._tensors(self.primals))
            except Exception:  # it takes its own dtype only
                return self.given
        return wide if all(map(roughly_equal, widest, given)) else self.given


def arrays(outputs: Tensors) -> tuple[np.ndarray[Any, Any], ...]:
    return tuple(map(to_numpy, outputs))
