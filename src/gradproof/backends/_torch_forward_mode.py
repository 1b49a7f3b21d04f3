"""Forward mode on torch: rules transposed, or the forward where there is no rule.

A rule is linear in the gradient of the output, so the derivative of a rule with respect
to it, applied to the tangent of its input, is the tangent of the output.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch.autograd import forward_ad

from gradproof._errors import RuleError
from gradproof._rule import CallSpec
from gradproof.backends import _torch_private
from gradproof.backends._torch_tensors import map_tensors

if TYPE_CHECKING:
    from gradproof._function import Function
    from gradproof.backends import Backend


LEVEL = 0  # the only one that torch has


def is_on() -> bool:
    """Whether there may be tangents; always, where torch does not tell.

    Any transform counts: of those in a compiled graph torch's own mark knows nothing.
    """
    shortcuts = _torch_private.SHORTCUTS
    if shortcuts is None:
        return True
    return forward_ad._current_level >= 0 or shortcuts.transforms_are_active()


def tangents_of(
    function: Function[..., Any],
    backend: Backend,
    values: Mapping[str, Any],
    tangents: Sequence[Any],
    call: CallSpec,
) -> tuple[Any, ...]:
    """Tangents of the outputs and of the intermediates, one after the other.

    Args:
        function: the function whose forward has run.
        backend: torch.
        values: what the rules ask for and the options, by name.
        tangents: one an input, None for those that have none.
        call: what is known of the inputs and outputs.

    Raises:
        RuleError: for a rule through which torch cannot differentiate.
    """
    # torch switches forward mode off here, and with it the tangents of an outer level.
    switch = getattr(forward_ad, "_set_fwd_grad_enabled", None)
    if switch is None:
        raise NotImplementedError(
            f"{function.__name__}: forward mode is not supported by this torch"
        )
    with switch(True):
        values = {name: map_tensors(_primal, value) for name, value in values.items()}
        tangents = [map_tensors(_primal, tangent) for tangent in tangents]
        given = [i for i, tangent in enumerate(tangents) if tangent is not None]
        ruled = [i for i in given if function.inputs[i] in function.rules]
        others = [i for i in given if i not in ruled]
        found: list[Any] = [None] * len(call.outputs)
        if ruled:
            by_rules = _transposed(function, backend, values, tangents, call, ruled)
            found = _added(found, by_rules)
        if others:
            found = _added(found, _pushed(function, values, tangents, others, False))
        saved: list[Any] = []
        if function.intermediates:
            saved = _pushed(function, values, tangents, given, True)
    return (*found, *saved)


def _primal(tensor: Any) -> Any:
    return _unpacked(tensor).primal


def _added(first: Sequence[Any], second: Sequence[Any]) -> list[Any]:
    pairs = zip(first, second, strict=True)
    return [b if a is None else a if b is None else a + b for a, b in pairs]


def _transposed(
    function: Function[..., Any],
    backend: Backend,
    values: Mapping[str, Any],
    tangents: Sequence[Any],
    call: CallSpec,
    positions: Sequence[int],
) -> list[Any]:
    """The tangents of the outputs, by transposing the rules of these inputs."""
    wanted = call.only([i in positions for i in range(len(function.inputs))])

    def rules(*floating: Any) -> tuple[Any, ...]:
        incoming = _spread(floating, call.outputs)
        grad_output = tuple(incoming) if len(incoming) > 1 else incoming[0]
        gradients = function.pull_back(backend, grad_output, values, wanted)
        found = tuple(gradients[i] for i in positions)
        for position, gradient in zip(positions, found, strict=True):
            if not gradient.requires_grad and not _is_zero(gradient):
                raise _untracked(function, function.inputs[position])
        return found

    some = tangents[positions[0]]
    ones = (  # not zeros: what returned something else than zero is then seen
        some.new_ones(spec.shape, dtype=getattr(torch, spec.dtype))
        for spec in call.outputs
        if spec is not None
    )
    pulled: Any = torch.func.vjp(rules, *ones)
    return _spread(pulled[1](tuple(tangents[i] for i in positions)), call.outputs)


def _pushed(
    function: Function[..., Any],
    values: Mapping[str, Any],
    tangents: Sequence[Any],
    positions: Sequence[int],
    intermediates: bool,
) -> list[Any]:
    """The tangents of the outputs or of the intermediates, through the forward."""
    inputs = [values[name] for name in function.inputs]
    options = {name: values[name] for name in function.options}
    for position in positions:
        inputs[position] = forward_ad.make_dual(  # type: ignore[no-untyped-call]
            inputs[position], tangents[position], level=LEVEL
        )
    if intermediates:
        output = tuple(function.run(inputs, options).intermediates.values())
    else:
        output = function.plain(inputs, options)
    outputs = output if isinstance(output, tuple) else (output,)
    return [_tangent(value) for value in outputs]


def _tangent(value: Any) -> Any:
    if not isinstance(value, torch.Tensor):
        return None
    if not (value.is_floating_point() or value.is_complex()):
        return None
    primal, tangent = _unpacked(value)
    # For one that does not depend on the inputs torch wants zeros all the same.
    return torch.zeros_like(primal) if tangent is None else tangent


def _unpacked(tensor: Any) -> Any:
    return forward_ad.unpack_dual(tensor, level=LEVEL)  # type: ignore[no-untyped-call]


def _spread(floating: Sequence[Any], like: Sequence[Any]) -> list[Any]:
    """One an output again, None for those that are not floating."""
    left = iter(floating)
    return [None if spec is None else next(left) for spec in like]


def _is_zero(gradient: Any) -> bool:
    """Whether a gradient is known to be zero: a batch cannot be looked at."""
    try:
        return not bool(gradient.count_nonzero())
    except RuntimeError:
        return False


def _untracked(function: Function[..., Any], name: str) -> RuleError:
    return RuleError(
        f"{function.__name__}: the rule for {name!r} returned something that torch "
        "cannot trace back to grad_output, forward mode needs its transpose: write it "
        "in torch operations on grad_output",
        function=function.__name__,
        input=name,
        problem="transpose",
    )
