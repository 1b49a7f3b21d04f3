"""PyTorch: one ``torch.autograd.Function`` subclass for each ``gp.function``."""

from __future__ import annotations

import contextlib
import functools
import sys
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from typing import cast as typing_cast

import torch

from gradproof._definition import read_from_outside
from gradproof._errors import DefinitionError
from gradproof._function import Forward
from gradproof._rule import ArraySpec, CallSpec
from gradproof.backends import differentiate, not_differentiated

if TYPE_CHECKING:
    from gradproof._function import Function
    from gradproof.backends import Backend

THIS = typing_cast("Backend", sys.modules[__name__])
autodiff: Callable[..., Any] = torch.func.vjp


def owns(value: Any) -> bool:
    """Whether it is a tensor."""
    return isinstance(value, torch.Tensor)


def spec(array: Any) -> ArraySpec:
    """Its shape and dtype."""
    return ArraySpec(tuple(array.shape), _dtype_name(array.dtype))


def as_array(value: Any) -> Any:
    """The tensor itself; nothing else is one."""
    if owns(value):
        return value
    raise TypeError(value)


def is_differentiable(value: Any) -> bool:
    """Whether it is a tensor of real or complex numbers."""
    return owns(value) and (value.is_floating_point() or value.is_complex())


def cast(array: Any, dtype: str) -> Any:
    """The array in another dtype."""
    return array.to(getattr(torch, dtype))


def full_like(array: Any, value: complex) -> Any:
    """The value everywhere, in the same shape and dtype."""
    return torch.full_like(array, value)


def call(function: Function[..., Any], inputs: tuple[Any, ...], options: Any) -> Any:
    """The output, part of the autograd graph where gradients are recorded."""
    if not torch.is_grad_enabled():
        # Nothing can ask for a gradient: spare inference the price of a Function.
        return function.plain(inputs, options)
    return _apply(function, inputs, options)


def autograd_function(function: Function[..., Any]) -> Any:
    """The ``torch.autograd.Function`` subclass, whose ``apply`` takes options too."""
    if "torch.apply" not in function.cache:

        def apply(*inputs: Any, **options: Any) -> Any:
            return _apply(function, *function.bind(inputs, options))

        function.cache["torch.apply"] = _subclass(function, _generated(function), apply)
    return function.cache["torch.apply"]


def _apply(
    function: Function[..., Any], inputs: tuple[Any, ...], options: dict[str, Any]
) -> Any:
    for option, value in options.items():
        if owns(value) and value.requires_grad:
            raise not_differentiated(function, option)
    result = _generated(function).apply(*inputs, *options.values())
    return _unpack(function, result).output


def _generated(function: Function[..., Any]) -> Any:
    if "torch" not in function.cache:
        function.cache["torch"] = _build(function)
    return function.cache["torch"]


def _subclass(function: Function[..., Any], base: Any, *methods: Any) -> Any:
    """A subclass that carries the function's name, as in ``LinearFunction``."""
    members = {
        "__module__": function.__module__,
        "__doc__": function.__doc__,
        "generate_vmap_rule": True,
        **{method.__name__: staticmethod(method) for method in methods},
    }
    name = "".join(p[:1].upper() + p[1:] for p in function.__name__.split("_"))
    return types.new_class(
        f"{name}Function", (base,), {}, lambda it: it.update(members)
    )


def _build(function: Function[..., Any]) -> Any:
    _refuse_outside_tensors(function)
    count = len(function.inputs)

    def forward(*flat: Any) -> Any:
        return _pack(function.run(*_split(function, flat)))

    def setup_context(ctx: Any, flat: tuple[Any, ...], result: Any) -> None:
        inputs, ctx.options = _split(function, flat)
        ran = _unpack(function, result)
        ctx.set_materialize_grads(False)
        ctx.device = next((v.device.type for v in inputs if owns(v)), "cpu")
        ctx.autocast = _autocast_dtype(ctx.device)
        met = [] if ctx.autocast is None else [_dtype_name(ctx.autocast)]
        call = CallSpec.of(THIS, inputs, ran.output, *met)
        ctx.call = call.only(ctx.needs_input_grad[:count])
        needed = function.needed(ctx.call)
        if needed.intersection(function.intermediates):
            needed.update(function.inputs)  # see _through_intermediates
        _set_aside(ctx, function.keep(needed, inputs, ran))

    def backward(ctx: Any, *grads: Any) -> Any:
        call = ctx.call.only(ctx.needs_input_grad[:count])
        kept = _taken_back(ctx)
        incoming = grads[: len(call.outputs)]
        incoming_saved = grads[len(call.outputs) :]
        gradients: list[Any] = [None] * count
        with _autocast_as(ctx.device, ctx.autocast):
            if any(one is not None for one in incoming):
                values = {**kept, **ctx.options}
                grad_output = _filled(incoming, call)
                gradients = function.pull_back(THIS, grad_output, values, call)
            if any(one is not None for one in incoming_saved):
                more = _through_intermediates(function, incoming_saved, kept, ctx, call)
                pairs = zip(gradients, more, strict=True)
                gradients = [b if a is None else a + b for a, b in pairs]
        return (*gradients, *(None for _ in function.options))

    return _subclass(
        function, torch.autograd.Function, forward, setup_context, backward
    )


def _through_intermediates(
    function: Function[..., Any],
    incoming: tuple[Any, ...],
    kept: dict[str, Any],
    ctx: Any,
    call: CallSpec,
) -> list[Any]:
    """In a second derivative, what flows back into the ``gp.save`` values.

    A rule's result depends on the inputs through the intermediates it was given.
    They are outputs of the generated Function, hidden from the caller, so that
    autograd knows it; their own gradients come from the forward's code.
    """
    saved = zip(function.intermediates, incoming, strict=True)
    found = {name: gradient for name, gradient in saved if gradient is not None}

    def intermediates(*inputs: Any) -> tuple[Any, ...]:
        ran = function.run(inputs, ctx.options)
        return tuple(ran.intermediates[name] for name in found)

    inputs = [kept[name] for name in function.inputs]
    _, pull = differentiate(THIS, intermediates, inputs, call.differentiated)
    return pull(tuple(found.values()))


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


# What apply is given and what it returns are flat tuples.


def _split(
    function: Function[..., Any], flat: tuple[Any, ...]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """What ``apply`` was given, as inputs and options."""
    count = len(function.inputs)
    return flat[:count], dict(zip(function.options, flat[count:], strict=True))


def _pack(ran: Forward) -> Any:
    """Outputs and intermediates side by side; one alone as it is."""
    outputs = ran.output if isinstance(ran.output, tuple) else (ran.output,)
    together = (*outputs, *ran.intermediates.values())
    return together if len(together) > 1 else together[0]


def _unpack(function: Function[..., Any], result: Any) -> Forward:
    """The inverse of ``_pack``."""
    together = result if isinstance(result, tuple) else (result,)
    count = len(together) - len(function.intermediates)
    names = zip(function.intermediates, together[count:], strict=True)
    return Forward(together[:count] if count > 1 else together[0], dict(names))


# What is kept: tensors where torch watches over them, the rest on ctx.


class _Place(int):
    """Where in ``ctx.saved_tensors`` a tensor is."""


def _set_aside(ctx: Any, kept: dict[str, Any]) -> None:
    tensors: list[Any] = []
    ctx.kept = {name: _placed(value, tensors) for name, value in kept.items()}
    ctx.save_for_backward(*tensors)


def _taken_back(ctx: Any) -> dict[str, Any]:
    tensors = ctx.saved_tensors
    return {name: _fetched(value, tensors) for name, value in ctx.kept.items()}


def _placed(value: Any, tensors: list[Any]) -> Any:
    if isinstance(value, tuple):
        return tuple(_placed(one, tensors) for one in value)
    if not owns(value):
        return value
    tensors.append(value)
    return _Place(len(tensors) - 1)


def _fetched(value: Any, tensors: tuple[Any, ...]) -> Any:
    if isinstance(value, tuple):
        return tuple(_fetched(one, tensors) for one in value)
    return tensors[value] if isinstance(value, _Place) else value


@functools.cache
def _dtype_name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


# Rules run under the autocast of their forward.


def _autocast_dtype(device: str) -> torch.dtype | None:
    if torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device):
        return torch.get_autocast_dtype(device)
    return None


def _autocast_as(
    device: str, dtype: torch.dtype | None
) -> contextlib.AbstractContextManager[Any]:
    if dtype == _autocast_dtype(device):
        return contextlib.nullcontext()
    return torch.autocast(device, dtype, enabled=dtype is not None)


def _refuse_outside_tensors(function: Function[..., Any]) -> None:
    """A tensor that the forward does not get as an input would lose its gradient."""
    for name, value in read_from_outside(function.forward):
        if owns(value) and value.requires_grad:
            raise DefinitionError(
                f"{function.__name__} reads {name!r} from outside, a tensor that "
                "requires grad, and would give it no gradient: make it an input"
            )
