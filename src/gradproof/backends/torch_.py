"""PyTorch: ``torch.autograd.Function`` subclasses for each ``gp.function``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from typing import cast as typing_cast

import torch

from gradproof._errors import InputError
from gradproof._function import DEFINED
from gradproof._rule import ArraySpec
from gradproof.backends import _torch_eager, _torch_private
from gradproof.backends import _torch_forward_mode as forward_mode
from gradproof.backends import _torch_outside as outside
from gradproof.backends._torch_class import closed, general, subclass, unpack
from gradproof.backends._torch_in_graph import (
    Outside,
    outside_of,
    refuse_unseen,
    with_tensors,
)
from gradproof.backends._torch_once import refuse as refuse
from gradproof.backends._torch_tensors import dtype_name

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
    return ArraySpec(tuple(array.shape), dtype_name(array.dtype))


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


class Made(NamedTuple):
    """What stands for one function on torch.

    Attributes:
        general: the subclass of ``torch.autograd.Function`` for every context.
        apply: its ``apply``, for where no transform is active.
        in_graph: a call as ``torch.compile`` has it: one step, which it does not look
            into before autograd has.
        outside: what it reads, for a graph.
        tried: whether the fast way was made, where there is one.
    """

    general: Any
    apply: Callable[..., Any]
    in_graph: Any
    outside: Outside
    tried: bool = False


def fingerprint(values: Mapping[str, Any]) -> dict[str, Any]:
    """By name, what differs once one of the values has been written to."""
    found: dict[str, Any] = {}
    if torch.compiler.is_dynamo_compiling():  # which cannot trace this
        return found
    for name, value in values.items():
        several = value if isinstance(value, tuple) else (value,)
        tensors = (_torch_private.innermost(one) for one in several if owns(one))
        found[name] = [one._version for one in tensors if not one.is_inference()]
    return found


def call(function: Function[..., Any], inputs: tuple[Any, ...], options: Any) -> Any:
    """The output, part of the autograd graph where gradients are recorded."""
    if torch.compiler.is_dynamo_compiling():
        in_transform = _prepare(function.number)
        for position, read in enumerate(function.torch_made.outside.numbers):
            if read() != _now(function.number, str(position)):  # a guard, as it is read
                raise AssertionError
        tensors = []
        for read in function.torch_made.outside.tensors:
            tensors.extend(read())
        # A guard too: what was compiled without dual numbers is not for them.
        if not in_transform and _torch_private.dual_level() >= 0:
            _refuse_dual_numbers(function.number)
        return function.torch_made.in_graph(tuple(tensors), *inputs, **options)
    made = prepared(function)
    if not torch.is_grad_enabled() and not forward_mode.is_on():
        # Nothing can ask for a gradient: spare inference the price of a Function.
        return function.plain(inputs, options)
    _refuse_options(function, options)
    if forward_mode.is_on():
        outside.refuse_tensors(function)
    if not function.rules:
        return function.plain(inputs, options)  # torch's own operations, to torch
    apply = made.general.apply if forward_mode.is_on() else made.apply
    flat = apply(*inputs, *map(closed, options.values()))
    if not made.tried and not torch.compiler.is_compiling():
        function.torch_made = made._replace(tried=True)
        if _torch_eager.fits(function):
            _torch_eager.specialise(function, THIS)
    return unpack(function, flat).output


def prepared(function: Function[..., Any]) -> Made:
    """What stands for a function, made once.

    Raises:
        DefinitionError: for a forward that reads a tensor which requires grad.
    """
    if function.torch_made is None:
        outside.refuse_tensors(function)

        def in_graph(tensors: Any, *inputs: Any, **options: Any) -> Any:
            one = function
            if tensors:
                one = with_tensors(function, function.torch_made.outside.reads, tensors)
            return call(one, inputs, options)

        torch.compiler.allow_in_graph(in_graph)  # type: ignore[no-untyped-call]
        made = general(function, THIS)
        shortcuts = _torch_private.SHORTCUTS
        apply = made.apply if shortcuts is None else shortcuts.apply_of(made)
        function.torch_made = Made(made, apply, in_graph, outside_of(function))
    found: Made = function.torch_made
    return found


@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
def _prepare(number: str) -> bool:
    """Prepare a function while torch.compile traces a call: it cannot trace this.

    Returns:
        Whether a transform is active.
    """
    function = DEFINED[number]
    prepared(function)
    outside.refuse_tensors(function)
    refuse_unseen(function)
    shortcuts = _torch_private.SHORTCUTS
    return shortcuts is None or shortcuts.transforms_are_active()


@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
def _now(number: str, position: str) -> Any:
    """What a function reads from outside, as torch.compile finds it."""
    return DEFINED[number].torch_made.outside.numbers[int(position)]()


@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
def _refuse_dual_numbers(number: str) -> None:
    raise NotImplementedError(
        f"{DEFINED[number].__name__}: torch.compile drops the tangents of dual numbers "
        "that come from outside: call it uncompiled, or compile torch.func.jvp of it"
    )


def autograd_function(function: Function[..., Any]) -> Any:
    """The ``torch.autograd.Function`` subclass, whose ``apply`` takes options too."""
    if "torch.apply" not in function.cache:
        made = prepared(function).general

        def apply(*inputs: Any, **options: Any) -> Any:
            bound, chosen = function.bind(inputs, options)
            _refuse_options(function, chosen)
            flat = map(closed, chosen.values())
            return unpack(function, made.apply(*bound, *flat)).output

        function.cache["torch.apply"] = subclass(function, made, apply=apply)
    return function.cache["torch.apply"]


def _refuse_options(function: Function[..., Any], options: dict[str, Any]) -> None:
    for option, value in options.items():
        values = value if isinstance(value, list | tuple) else (value,)
        if any(owns(one) and outside.is_differentiated(one) for one in values):
            raise InputError(
                f"{function.__name__}: the option {option!r} is an array to "
                "differentiate, options have no gradient: make it a positional "
                "parameter, an input"
            )
