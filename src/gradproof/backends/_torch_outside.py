"""What a ``gp.function`` reads from outside, in whose derivative nobody would ask."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch.autograd import forward_ad

from gradproof._errors import DefinitionError
from gradproof._forward import Forward
from gradproof._outside import reads
from gradproof.backends import _torch_private

if TYPE_CHECKING:
    from gradproof._function import Function


def refuse_tensors(function: Function[..., Any]) -> None:
    """Raise where the forward names a tensor that requires grad, or has a tangent.

    Raises:
        DefinitionError: naming it.
    """
    if "reads" not in function.cache:
        function.cache["reads"] = reads(function.forward)
    for read in function.cache["reads"]:
        with contextlib.suppress(LookupError):
            value = read.value()
            if isinstance(value, torch.Tensor) and is_differentiated(value):
                kind = "requires grad" if value.requires_grad else "has a tangent"
                raise _loses_gradient(function, repr(read.name), kind)


def run_and_look(
    function: Function[..., Any],
    inputs: Sequence[Any],
    options: Any,
    fingerprint: Callable[[Mapping[str, Any]], dict[str, Any]],
) -> Forward:
    """Run the forward and see that no gradient is lost, and nothing written to.

    Raises:
        DefinitionError: where something beside its inputs requires grad, or what it
            keeps is written to.
    """
    apart = [x.detach() if isinstance(x, torch.Tensor) else x for x in inputs]
    back = {id(one): x for one, x in zip(apart, inputs, strict=True)}
    with torch.enable_grad():
        ran = function.run(apart, options, fingerprint=fingerprint)

    def taken(value: Any) -> Any:
        if not isinstance(value, torch.Tensor):
            return value
        if value.requires_grad:
            shape = tuple(next(_leaves(value)).shape)
            what = f"a parameter of shape {shape}"
            raise _loses_gradient(function, what, "requires grad")
        return back.get(id(value), value)

    output = ran.output
    several = tuple(map(taken, output)) if isinstance(output, tuple) else taken(output)
    return Forward(several, {name: taken(v) for name, v in ran.intermediates.items()})


def is_differentiated(tensor: torch.Tensor) -> bool:
    """Whether it requires grad, or has a tangent at the level that is open."""
    if tensor.requires_grad:
        return True
    if _torch_private.dual_level() < 0:
        return False
    unpacked: Any = forward_ad.unpack_dual(tensor)  # type: ignore[no-untyped-call]
    return unpacked.tangent is not None


def _leaves(tensor: torch.Tensor) -> Iterator[torch.Tensor]:
    """The tensors that a history begins with."""
    if tensor.grad_fn is None:
        yield tensor
    pending: list[Any] = [tensor.grad_fn]
    while pending:
        node = pending.pop()
        if node is not None:
            if hasattr(node, "variable"):
                yield node.variable
            pending.extend(one for one, _ in node.next_functions)


def _loses_gradient(
    function: Function[..., Any], what: str, kind: str
) -> DefinitionError:
    return DefinitionError(
        f"{function.__name__} reads {what} from outside, a tensor that {kind}, "
        "and would lose its derivative: make it an input"
    )
