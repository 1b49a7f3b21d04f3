"""What ``gp.function`` has derived: rules that nobody wrote, forwards in other names.

The one place where a function meets ``derive``; nothing here is imported before it is
needed.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gradproof._outside import read_from_outside
from gradproof._watched import watched

if TYPE_CHECKING:
    from gradproof._function import Function

LIBRARIES = ("numpy", "torch", "jax")

# Numbers that torch.compile leaves open; one that is looked at, it takes as a constant.
SYMBOLIC = {"SymInt": int, "SymFloat": float, "SymBool": bool}


def written_in(forward: Callable[..., Any]) -> str | None:
    """Whose names a forward is written in; None where it does not matter.

    Methods, operators and ``gp.namespace`` are anybody's.
    """
    found = {library for library in _libraries(forward) if library in LIBRARIES}
    return found.pop() if len(found) == 1 else None


def _libraries(forward: Callable[..., Any]) -> Iterator[str]:
    for _, value in read_from_outside(forward):
        if isinstance(value, types.ModuleType):
            yield value.__name__.partition(".")[0]
        elif isinstance(value, types.FunctionType):
            yield (value.__module__ or "").partition(".")[0]


def library_of(inputs: Sequence[Any]) -> str | None:
    """Whose arrays these are; None where there is none among them."""
    for value in inputs:
        root = type(value).__module__.partition(".")[0]
        if root in ("torch", "numpy"):
            return root
        if root in ("jax", "jaxlib"):
            return "jax"
    return None


def translated(
    function: Function[..., Any], inputs: Sequence[Any], options: Mapping[str, Any]
) -> Callable[..., tuple[Any, dict[str, Any]]] | None:
    """The forward in the names of the library whose arrays these are, if it has others.

    Returns:
        A function from the inputs to the output and what the forward saved, or None
        where the forward itself will do.
    """
    library = library_of(inputs)
    if library is None or function.language in (None, "jax", library):
        return None
    from gradproof.derive.translate import translate

    options = {name: _settled(value) for name, value in options.items()}
    key = ("translated", library, _outside(function), *_key(inputs, options))
    if key not in function.cache:
        function.cache[key] = translate(function, inputs, options, to=library)
    made: Callable[..., tuple[Any, dict[str, Any]]] = function.cache[key]
    return made


def gradients(
    function: Function[..., Any],
    wrt: Sequence[str],
    inputs: Sequence[Any],
    options: Mapping[str, Any],
    grad_output: Any,
) -> dict[str, Any]:
    """The gradients in inputs that have no rule, by name, for NumPy arrays.

    Raises:
        DeriveError: for a forward that cannot be derived, at its line.
    """
    from gradproof.derive import derive

    key = ("derived", tuple(wrt), _outside(function), *_key(inputs, options))
    if key not in function.cache:
        function.cache[key] = derive(function, *inputs, wrt=tuple(wrt), **options)
    derivation = function.cache[key]
    outputs = derivation.program.outputs
    if isinstance(grad_output, tuple):
        pairs = zip(grad_output, outputs, strict=True)
        grad_output = tuple(grad for grad, value in pairs if value.is_differentiable)
    found = derivation.gradients(*inputs, grad_output=grad_output)
    return dict(zip(derivation.wrt, found, strict=True))


def _outside(function: Function[..., Any]) -> Any:
    """A key of what the forward reads from outside, which is a constant until then."""
    if "outside" not in function.cache:
        function.cache["outside"] = watched(function.forward)
    return function.cache["outside"]()


def _key(inputs: Sequence[Any], options: Mapping[str, Any]) -> tuple[Any, ...]:
    """What a derivation depends on: types of arrays, and everything else as it is."""
    return (*map(_type, inputs), *((n, _type(v)) for n, v in options.items()))


def _type(value: Any) -> Any:
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return (tuple(map(int, value.shape)), str(value.dtype))
    return (type(value), value if value.__hash__ else repr(value))


def _settled(value: Any) -> Any:
    """An option of which nothing is left open."""
    if isinstance(value, tuple):
        return tuple(map(_settled, value))
    number = SYMBOLIC.get(type(value).__name__)
    return number(value) if number else value
