"""Torch targets: autograd Functions, modules, ops, ``gp.function`` and callables."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from gradproof._errors import InputError, TargetError
from gradproof._function import Function
from gradproof.check.targets import (
    Arrays,
    Gradients,
    RawGradient,
    Recording,
    Settings,
    Target,
    Write,
    blame,
    is_autograd_function,
    parameter_names,
)
from gradproof.check.targets import _torch_nodes as nodes
from gradproof.check.targets._leaves import Arguments, walk
from gradproof.check.targets._torch_context import (
    forward_in_grad_mode,
    takes_context,
)
from gradproof.check.targets._torch_tensors import (
    DOUBLE,
    describe,
    dtype_name,
    is_inexact,
    roughly_equal,
    same,
    to_numpy,
)
from gradproof.check.targets._watch import Watch

Tensors = Sequence[torch.Tensor]


class TorchTarget(Target):
    """Anything from tensors to tensors.

    Beside the contract, for the properties that only torch has: ``leaves``,
    ``outputs``, ``incoming`` and ``gradients`` are the four steps of a backward pass.
    """

    library = "torch"
    has_engine = True

    def __init__(
        self, target: Any, name: str, arguments: Arguments, settings: Settings
    ):
        self.name = name
        self.target = target
        self.is_function = is_autograd_function(target)
        self.is_module = isinstance(target, torch.nn.Module)
        self._settings = settings
        self._arguments = arguments
        has_forward = self.is_function or self.is_module
        schema = getattr(getattr(target, "_opoverload", target), "_schema", None)
        self.is_library_op = schema is not None
        skip = int(self.is_function and takes_context(target))
        forward = target.forward if has_forward else target
        named = parameter_names(forward, skip, arguments.count)
        if schema is not None:
            named = [one.name for one in schema.arguments][: arguments.count]
        names = arguments.names(named)
        values = list(arguments.leaves)
        active = _active(values)
        self.parameters: list[str] = []
        self._buffers: dict[str, torch.Tensor] = {}
        if self.is_module:
            owned = dict(target.named_parameters())
            self.parameters = [n for n, p in owned.items() if p.requires_grad]
            self._buffers = dict(target.named_buffers())
            names += self.parameters
            active += range(len(values), len(values) + len(self.parameters))
            values += [owned[name] for name in self.parameters]
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
        return len(self._arguments.leaves)

    # What the contract asks for.

    def forward(self, primals: Arrays) -> tuple[np.ndarray[Any, Any], ...]:
        """The differentiable outputs."""
        with torch.no_grad():
            return _arrays(self.outputs(self._tensors(primals)))

    def witness_forward(self, primals: Arrays) -> tuple[np.ndarray[Any, Any], ...]:
        """The function whose gradient is meant."""
        meant = self._settings.gradient_of
        if meant is None:
            return self.forward(primals)
        with blame("forward"), torch.no_grad():
            return _arrays(self._differentiable(meant(*self._filled(primals))))

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

        return Recording(_arrays(outputs), pullback)

    def exact(self, primals: Arrays, cotangents: Arrays) -> Gradients | None:
        """Autograd through the forward's own code, never through its backward."""
        run = self.plain_outputs
        if run is None:
            return None
        leaves = self.leaves(primals)
        try:
            with torch.enable_grad():
                outputs = run(leaves)
            if not any(one.requires_grad for one in outputs):
                return None
            incoming = self.incoming(outputs, cotangents)
            gradients = self.gradients(outputs, leaves, incoming)
        except Exception:  # whatever stops it, this witness has nothing to say
            return None
        return [None if g is None else to_numpy(g) for g in gradients]

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
            return nodes.raw_gradients(graph, self.names)

    def writes(self, primals: Arrays, cotangents: Arrays) -> list[Write]:
        """Tensors that are not as they were after forward, or after backward."""
        watch = Watch(lambda tensor: tensor.detach().clone(), same)
        leaves = self.leaves(primals)
        with torch.enable_grad():
            passed = self._no_leaves(leaves)
        for name, tensor in zip(self.names, passed, strict=True):
            watch.add(f"input {name!r}", tensor, name)
        arguments = self._rebuild(passed)
        for name, tensor in self._other_tensors(arguments):
            watch.add(f"input {name!r}", tensor, name)
        buffers = self._fresh_buffers()
        training = self.is_module and self.target.training
        for name, buffer in buffers.items():
            if not training:  # in training a module's forward may update its buffers
                watch.add(f"buffer {name!r}", buffer)
        with torch.enable_grad(), blame("forward"):
            outputs = self._differentiable(self._call(passed, arguments, buffers))
        declared = nodes.declared_writes(dict(zip(self.names, passed, strict=True)))
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

    def like(self, array: np.ndarray[Any, Any], position: int) -> Any:
        """A tensor with the dtype and the device of a leaf."""
        value = self.values[position]
        tensor = torch.tensor(array, dtype=value.dtype, device=value.device)
        return tensor.requires_grad_(value.requires_grad)

    def to_numpy(self, array: Any) -> np.ndarray[Any, Any]:
        """A tensor as NumPy's array."""
        return to_numpy(array)

    # The four steps of a backward pass.

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

    def incoming(
        self, outputs: Tensors, cotangents: Sequence[Any]
    ) -> list[torch.Tensor | None]:
        """Incoming gradients as tensors like the outputs; None stays None."""
        return [
            None if v is None else torch.tensor(v, dtype=one.dtype, device=one.device)
            for one, v in zip(outputs, cotangents, strict=True)
        ]

    @functools.cached_property
    def writes_inputs(self) -> bool:
        """Whether its forward writes an input in place, declared or not."""
        with torch.no_grad():
            tensors = self._tensors(self.primals)
            self.outputs(tensors, as_given=True)
        return any(tensor._version > 0 for tensor in tensors)

    def gradients(
        self,
        outputs: Tensors,
        leaves: Tensors,
        incoming: Sequence[torch.Tensor | None],
        **how: Any,
    ) -> list[torch.Tensor | None]:
        """The engine's gradients of the leaves that require one, None for the rest."""
        pairs = [
            (one, gradient)
            for one, gradient in zip(outputs, incoming, strict=True)
            if one.requires_grad and gradient is not None
        ]
        chosen = [leaf for leaf in leaves if leaf.requires_grad]
        if not pairs or not chosen:
            return [None] * len(leaves)
        roots, cotangents = zip(*pairs, strict=True)
        with blame("backward"):
            found = iter(
                torch.autograd.grad(roots, chosen, cotangents, allow_unused=True, **how)
            )
        return [next(found) if leaf.requires_grad else None for leaf in leaves]

    def in_dtype(self, dtype: torch.dtype) -> TorchTarget:
        """The same target with real inputs and computation in another dtype."""
        other = copy.copy(self)
        other.working = [given if given.is_complex else dtype for given in self.given]
        other.dtype, other.gives = dtype_name(dtype), ()
        return other

    @property
    def plain_outputs(self) -> Callable[[Tensors], list[torch.Tensor]] | None:
        """The forward's own operations, without its backward, where they are known."""
        run = self._source()
        if run is None:
            return None
        # Copies: a forward may write to its inputs.
        return lambda tensors: self._differentiable(
            run(*self._rebuild([tensor.clone() for tensor in tensors]))
        )

    def compiled_outputs(self, tensors: Tensors) -> list[torch.Tensor]:
        """The outputs of the target compiled as one graph."""
        torch.set_rng_state(self._rng_state)
        call = self.target.apply if self.is_function else self.target
        arguments = self._rebuild(tensors)
        options = self._settings.options
        with blame("forward"):
            if self.is_module:
                return self.outputs(tensors)
            compiled = torch.compile(
                lambda *values: call(*values, **options), fullgraph=True
            )
            return self._differentiable(compiled(*arguments))

    # How it runs.

    def _call(
        self,
        tensors: Tensors,
        arguments: Sequence[Any],
        buffers: dict[str, torch.Tensor] | None = None,
    ) -> Any:
        torch.set_rng_state(self._rng_state)
        options = self._settings.options
        if self.is_module:
            count = len(tensors) - len(self.parameters)
            parameters = dict(zip(self.parameters, tensors[count:], strict=True))
            state = {**(buffers or self._fresh_buffers()), **parameters}
            return torch.func.functional_call(
                self.target, state, tuple(arguments), options
            )
        call = self.target.apply if self.is_function else self.target
        return call(*arguments, **options)

    def _source(self) -> Callable[..., Any] | None:
        """The forward's own code, or what the user gave in its place."""
        given = self._settings.gradient_of or self._settings.reference
        if given is not None:
            return given
        if isinstance(self.target, Function):
            return self._plain_forward
        return self._stand_in if self.is_function else None

    def _plain_forward(self, *arguments: Any) -> Any:
        bound, options = self.target.bind(arguments, self._settings.options)
        return self.target.run(bound, options).output

    def _stand_in(self, *arguments: Any) -> Any:
        torch.set_rng_state(self._rng_state)
        return forward_in_grad_mode(self.target, arguments, self._settings.options)

    def _no_leaves(self, tensors: Tensors) -> Tensors:
        """A Function that writes its input in place needs one that is no leaf."""
        return [tensor.clone() for tensor in tensors] if self.is_function else tensors

    def _fresh_buffers(self) -> dict[str, torch.Tensor]:
        """Copies of the buffers, floating ones as wide as the module computes in."""
        floating = self.working[0]
        return {
            name: buffer.to(floating, copy=True)
            if buffer.is_floating_point() and not floating.is_complex
            else buffer.clone()
            for name, buffer in self._buffers.items()
        }

    def _filled(self, primals: Arrays) -> list[Any]:
        return self._rebuild(self._tensors(primals))

    def _rebuild(self, tensors: Tensors) -> list[Any]:
        """The arguments, with these tensors in the places of the differentiated."""
        values = [
            v.detach().clone() if isinstance(v, torch.Tensor) else v for v in self._rest
        ]
        for position, tensor in zip(self.active, tensors, strict=True):
            values[position] = tensor
        return self._arguments.rebuild(values[: len(self._arguments.leaves)])

    @property
    def _rest(self) -> list[Any]:
        active = set(self.active)
        return [None if i in active else v for i, v in enumerate(self.values)]

    def _other_tensors(self, arguments: Sequence[Any]) -> list[tuple[str, Any]]:
        """The tensors among the arguments that are not differentiated."""
        leaves = Arguments.of(arguments)
        names = [line.split(": ")[0] for line in self.described]
        return [
            (names[i], leaf)
            for i, leaf in enumerate(leaves.leaves)
            if i not in self.active and isinstance(leaf, torch.Tensor)
        ]

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
        self.outputs_there = _arrays([outputs[i] for i in roots])
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


def _arrays(outputs: Tensors) -> tuple[np.ndarray[Any, Any], ...]:
    return tuple(map(to_numpy, outputs))


def _active(values: Sequence[Any]) -> list[int]:
    floating = [i for i, value in enumerate(values) if is_inexact(value)]
    asked = [i for i in floating if values[i].requires_grad]
    return asked or floating
