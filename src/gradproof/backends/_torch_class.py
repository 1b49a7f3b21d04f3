"""The ``torch.autograd.Function`` subclass of a ``gp.function``."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from gradproof._forward import Forward
from gradproof._rule import CallSpec
from gradproof.backends import _torch_forward_mode as forward_mode
from gradproof.backends import _torch_private, differentiate
from gradproof.backends._torch_outside import run_and_look
from gradproof.backends._torch_tensors import (
    autocast_as,
    autocast_dtype,
    device_of,
    dtype_name,
    set_aside,
    taken_back,
)

if TYPE_CHECKING:
    from gradproof._function import Function
    from gradproof.backends import Backend


def general(function: Function[..., Any], backend: Backend) -> Any:
    """The class for every context."""
    parts = Parts(function, backend)
    return subclass(
        function,
        torch.autograd.Function,
        forward=parts.forward,
        setup_context=parts.setup_context,
        backward=parts.backward,
        jvp=parts.jvp,
    )


def subclass(function: Function[..., Any], base: Any, **methods: Any) -> Any:
    """A subclass that carries the function's name, as in ``LinearFunction``."""
    members = {
        "__module__": function.__module__,
        "__doc__": function.__doc__,
        "generate_vmap_rule": True,
        **{name: staticmethod(method) for name, method in methods.items()},
    }
    name = "".join(p[:1].upper() + p[1:] for p in function.__name__.split("_"))
    return types.new_class(
        f"{name}Function", (base,), {}, lambda it: it.update(members)
    )


class Parts:
    """The methods of the classes; what ``apply`` is given and returns is flat."""

    def __init__(self, function: Function[..., Any], backend: Backend):
        self.function = function
        self.backend = backend
        self.count = len(function.inputs)
        self.looked = False

    def forward(self, *flat: Any) -> Any:
        inputs, options = self._split(flat)
        if self.looked or forward_mode.is_on() or torch.compiler.is_compiling():
            return pack(self.function.run(inputs, options), inputs)
        look = self.backend.fingerprint
        ran = run_and_look(self.function, inputs, options, look)
        self.looked = True
        return pack(ran, inputs)

    def setup_context(self, ctx: Any, flat: tuple[Any, ...], result: Any) -> None:
        function = self.function
        inputs, options = self._split(flat)
        ran = unpack(function, result)
        ctx.set_materialize_grads(False)
        ctx.device = device_of(inputs)
        ctx.autocast = autocast_dtype(ctx.device)
        met = [] if ctx.autocast is None else [dtype_name(ctx.autocast)]
        call = CallSpec.of(self.backend, inputs, ran.output, *met)
        pushes = forward_mode.is_on()
        # An input that has a tangent need not require a gradient.
        ctx.call = call if pushes else call.only(ctx.needs_input_grad[: self.count])
        needed = function.needed(ctx.call)
        if needed.intersection(function.intermediates):
            needed.update(function.inputs)  # see through_intermediates
        kept = {**function.keep(needed, inputs, ran), **options}
        ctx.kept, tensors = set_aside(kept)
        ctx.save_for_backward(*tensors)
        if pushes:
            ctx.save_for_forward(*tensors)

    def backward(self, ctx: Any, *grads: Any) -> Any:
        outputs = len(ctx.call.outputs)
        gradients = self._by_rules(ctx, grads[:outputs])
        if any(one is not None for one in grads[outputs:]):
            kept = taken_back(ctx.kept, ctx.saved_tensors)
            positions = ctx.call.only(ctx.needs_input_grad[: self.count]).differentiated
            with autocast_as(ctx.device, ctx.autocast):
                more = self.through_intermediates(kept, grads[outputs:], positions)
            gradients = list(map(added, gradients, more))
        return (*gradients, *(None for _ in self.function.options))

    def _by_rules(self, ctx: Any, incoming: tuple[Any, ...]) -> list[Any]:
        """The gradients of the inputs, for the gradients of the outputs."""
        if all(one is None for one in incoming):
            return [None] * self.count
        call = ctx.call.only(ctx.needs_input_grad[: self.count])
        values = taken_back(ctx.kept, ctx.saved_tensors)
        with autocast_as(ctx.device, ctx.autocast):
            grad_output = _filled(incoming, call)
            return self.function.pull_back(self.backend, grad_output, values, call)

    def jvp(self, ctx: Any, *tangents: Any) -> Any:
        kept = taken_back(ctx.kept, ctx.saved_tensors)
        with autocast_as(ctx.device, ctx.autocast):
            found = forward_mode.tangents_of(
                self.function,
                self.backend,
                kept,
                tangents[: self.count],
                ctx.call,
            )
        return found if len(found) > 1 else found[0]

    def _split(self, flat: tuple[Any, ...]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        options = map(opened, flat[self.count :])
        by_name = zip(self.function.options, options, strict=True)
        return flat[: self.count], dict(by_name)

    def through_intermediates(
        self,
        values: Mapping[str, Any],
        incoming: tuple[Any, ...],
        positions: Sequence[int],
    ) -> list[Any]:
        """In a second derivative, what flows back into the ``gp.save`` values.

        A rule's result depends on the inputs through the intermediates it was given.
        They are outputs of the generated Function, hidden from the caller, so that
        autograd knows it; their own gradients come from the forward's code.
        """
        function = self.function
        saved = zip(function.intermediates, incoming, strict=True)
        found = {name: gradient for name, gradient in saved if gradient is not None}
        options = {name: values[name] for name in function.options}

        def intermediates(*inputs: Any) -> tuple[Any, ...]:
            ran = function.run(inputs, options)
            return tuple(ran.intermediates[name] for name in found)

        inputs = [values[name] for name in function.inputs]
        _, pull = differentiate(self.backend, intermediates, inputs, positions)
        return pull(tuple(found.values()))


def added(first: Any, second: Any) -> Any:
    """The sum of two gradients, either of which may be missing."""
    return second if first is None else first if second is None else first + second


class _Closed:
    """A container that a transform of torch's must not look into."""

    def __init__(self, value: Any):
        self.value = value


def closed(option: Any) -> Any:
    """An option as one argument, whatever it holds."""
    return _Closed(option) if isinstance(option, tuple | list | dict) else option


def opened(option: Any) -> Any:
    """The inverse of ``closed``."""
    return option.value if isinstance(option, _Closed) else option


def pack(ran: Forward, inputs: Sequence[Any]) -> Any:
    """Outputs and intermediates side by side; one alone as it is."""
    outputs = ran.output if isinstance(ran.output, tuple) else (ran.output,)
    together: list[Any] = []
    for value in (*outputs, *ran.intermediates.values()):
        together.append(_apart(value, (*inputs, *together)))
    return tuple(together) if len(together) > 1 else together[0]


def _apart(value: Any, others: Sequence[Any]) -> Any:
    """The value as a tensor of its own: one cannot have the tangents of two places."""
    if not isinstance(value, torch.Tensor):
        return value
    is_another = any(one is value for one in others)
    # Of a view torch wants the tangent as a view, which a transposed rule is not.
    if _torch_private.dual_level() >= 0 and (is_another or value._is_view()):
        return value.clone()
    return value.view_as(value) if is_another else value


def unpack(function: Function[..., Any], result: Any) -> Forward:
    """The inverse of ``pack``."""
    together = result if isinstance(result, tuple) else (result,)
    count = len(together) - len(function.intermediates)
    names = zip(function.intermediates, together[count:], strict=True)
    return Forward(together[:count] if count > 1 else together[0], dict(names))


def _filled(incoming: tuple[Any, ...], call: CallSpec) -> Any:
    """The gradient of the output, with zeros for an output that nothing used."""
    some = next(one for one in incoming if one is not None)
    filled = tuple(
        some.new_zeros(spec.shape, dtype=getattr(torch, spec.dtype))
        if one is None and spec is not None
        else one
        for one, spec in zip(incoming, call.outputs, strict=True)
    )
    return filled if len(filled) > 1 else filled[0]
