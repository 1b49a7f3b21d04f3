"""The common call on torch, at the price of a Function written by hand.

Plain tensors, a rule for each input, no transform, no autocast: for that a function
gets a call and a class of its own, generated as one would write them. Every other call
takes the general way.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch.autograd import forward_ad

from gradproof._rule import OUTPUT
from gradproof._save import saved_into
from gradproof.backends import _torch_private
from gradproof.backends._torch_as_by_hand import class_of, run
from gradproof.backends._torch_class import unpack

if TYPE_CHECKING:
    from gradproof._function import Function
    from gradproof.backends import Backend

PLAIN = frozenset((torch.Tensor, torch.nn.Parameter))
CONSTANTS = frozenset(
    (int, float, bool, str, type(None), torch.dtype, torch.device, torch.Size)
)


def fits(function: Function[..., Any]) -> bool:
    """Whether a function is of the common kind."""
    return (
        _torch_private.SHORTCUTS is not None
        and function.language in (None, "torch")
        and all(name in function.rules for name in function.inputs)
    )


def specialise(function: Function[..., Any], backend: Backend) -> None:
    """Give a function a class of its own, whose ``__call__`` is the fast way.

    Python looks ``__call__`` up on the class; one that passes on to another function
    would cost as much as all the tests in it.
    """
    shortcuts = _torch_private.SHORTCUTS
    assert shortcuts is not None
    absent = object()

    def otherwise(inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
        given = dict(zip(function.inputs, inputs, strict=False))
        by_name = {name: one for name, one in given.items() if one is not absent}
        options = {name: one for name, one in options.items() if one is not absent}
        if len(by_name) == len(given):
            return function.dispatch(inputs, options)
        return function.dispatch((), {**by_name, **options})

    scope: dict[str, Any] = {
        "_absent": absent,
        "_otherwise": otherwise,
        "_plain": PLAIN,
        "_constants": CONSTANTS,
        "_is_compiling": torch.compiler.is_dynamo_compiling,
        "_transforms_are_active": shortcuts.transforms_are_active,
        "_forward_ad": forward_ad,
        "_saved_into": saved_into,
        "_is_grad_enabled": torch.is_grad_enabled,
        "_forward": function.forward,
        "_autocast_is_on": shortcuts.autocast_is_on,
        "_apply": shortcuts.apply_of(class_of(function, backend, shortcuts)),
        "_unpack": functools.partial(unpack, function),
        **{
            f"_default_{name}": absent if value is inspect.Parameter.empty else value
            for name, value in function.options.items()
        },
    }
    made = run(function, _call_source(function), scope)
    own = type(function)
    function.__class__ = type(own.__name__, (own,), {"__call__": made["call"]})


def _call_source(function: Function[..., Any]) -> Iterator[str]:
    inputs, options = function.inputs, function.options
    parameters = ["_self", "/", *(f"{name}=_absent" for name in inputs), "*_more"]
    parameters += [*(f"{name}=_default_{name}" for name in options), "**_rest"]
    tests = ["_is_compiling()", "_more", "_rest"]
    tests += [f"type({name}) not in _plain" for name in inputs]
    tests += [f"type({name}) not in _constants" for name in options]
    tests += ["_transforms_are_active()", "_forward_ad._current_level >= 0"]
    tests += ["_saved_into() is not None"]
    everything = f"({', '.join(inputs)}, *_more)"
    chosen = "".join(f"{name!r}: {name}, " for name in options)
    otherwise = f"return _otherwise({everything}, {{{chosen}**_rest}})"
    keywords = (f"{name}={name}" for name in options)
    yield f"def call({', '.join(parameters)}):"
    yield f"    if {' or '.join(tests)}:"
    yield f"        {otherwise}"
    yield "    if not _is_grad_enabled():"
    yield f"        {OUTPUT} = _forward({', '.join((*inputs, *keywords))})"
    yield f"        if type({OUTPUT}) in _plain: return {OUTPUT}"
    yield f"        return _self.checked({OUTPUT})"
    yield "    if _autocast_is_on():"
    yield f"        {otherwise}"
    applied = f"_apply({', '.join((*inputs, *options))})"
    if function.intermediates:
        yield f"    return _unpack({applied}).output"
    else:
        yield f"    return {applied}"
