"""What a ``gp.function`` reads from outside, as torch has to know it.

A tensor that requires grad would lose its gradient; a number, once compiled, would stay
what it was.
"""

from __future__ import annotations

import contextlib
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch.autograd import forward_ad

from gradproof._errors import DefinitionError
from gradproof._forward import Forward
from gradproof._outside import Read, read_from_outside, reads

if TYPE_CHECKING:
    from gradproof._function import Function

NUMBERS = (bool, int, float, complex, str, type(None))


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


def refuse_constants(function: Function[..., Any]) -> None:
    """Raise where the forward or a rule names any tensor, which no graph can hold.

    Raises:
        DefinitionError: naming it.
    """
    for code in _codes(function):
        for name, value in read_from_outside(code):
            if isinstance(value, torch.Tensor):
                raise DefinitionError(
                    f"{function.__name__} reads {name!r} from outside, a tensor, "
                    "which torch.compile cannot take along: make it an input"
                )


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


def numbers(function: Function[..., Any]) -> tuple[Callable[[], Any], ...]:
    """Functions that read the numbers which the forward and the rules read.

    They are plain code over the same globals and closures: torch.compile traces them,
    and compiles anew where what they give has changed.
    """
    found: dict[types.FunctionType, list[Read]] = {}
    for code in _codes(function):
        for read in reads(code):
            if read.owner is None and _is_number(read):
                found.setdefault(read.function, []).append(read)
    return tuple(_reader(code, several) for code, several in found.items())


def _reader(code: types.FunctionType, several: Sequence[Read]) -> Callable[[], Any]:
    cells = dict(zip(code.__code__.co_freevars, code.__closure__ or (), strict=True))
    names = sorted({read.path[0] for read in several} & cells.keys())
    lines = [
        f"def make({', '.join(names)}):",
        f"    return lambda: ({', '.join(read.name for read in several)},)",
    ]
    scope: dict[str, Any] = {}
    exec(compile("\n".join(lines), "<gradproof: read from outside>", "exec"), scope)
    made = scope["make"](*names).__code__
    closure = tuple(cells[name] for name in made.co_freevars)
    return types.FunctionType(made, code.__globals__, "read", None, closure)


def is_differentiated(tensor: torch.Tensor) -> bool:
    """Whether it requires grad, or has a tangent at the level that is open."""
    if tensor.requires_grad:
        return True
    if forward_ad._current_level < 0:
        return False
    unpacked: Any = forward_ad.unpack_dual(tensor)  # type: ignore[no-untyped-call]
    return unpacked.tangent is not None


def _is_number(read: Read) -> bool:
    try:
        value = read.value()
    except LookupError:
        return False
    if isinstance(value, list | tuple):
        return all(isinstance(one, NUMBERS) for one in value)
    return isinstance(value, NUMBERS)


def _codes(function: Function[..., Any]) -> Iterator[Callable[..., Any]]:
    yield function.forward
    yield from (rule.function for rule in function.rules.values())


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
