"""The array libraries that a ``gp.function`` runs on.

One module each, looked up only when an array of theirs is passed: importing this
imports neither torch nor jax.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from gradproof._errors import InputError
from gradproof._rule import ArraySpec

if TYPE_CHECKING:
    from gradproof._function import Function


class Backend(Protocol):
    """What an array library must offer to run a ``gp.function``."""

    def owns(self, value: Any) -> bool:
        """Whether the value is an array of this library."""

    def spec(self, array: Any) -> ArraySpec:
        """Its shape and dtype."""

    def as_array(self, value: Any) -> Any:
        """The value as an array of this library; TypeError where it is none."""

    def is_differentiable(self, value: Any) -> bool:
        """Whether it is an array of real or complex numbers."""

    def cast(self, array: Any, dtype: str) -> Any:
        """The array in another dtype."""

    def full_like(self, array: Any, value: complex) -> Any:
        """The value everywhere, in the same shape and dtype."""

    def call(
        self, function: Function[..., Any], inputs: tuple[Any, ...], options: Any
    ) -> Any:
        """The output, taking part in the library's own differentiation."""

    def fingerprint(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """By name, what differs once one of the values has been written to."""

    def refuse(self, message: str, gradient: Any, given: list[Any]) -> Any:
        """The gradient, whose own derivative in what is given is an error."""

    @property
    def autodiff(self) -> Callable[..., Any] | None:
        """The library's own vjp, if any; called as ``jax.vjp`` is."""


def of(function: Function[..., Any], inputs: Sequence[Any]) -> Backend:
    """The backend of some inputs: torch or JAX where an array of theirs is among them.

    Raises:
        InputError: where arrays of different libraries meet.
    """
    if _any(inputs, "torch", "Tensor"):
        if _any(inputs, "jax", "Array") or _any(inputs, "numpy", "ndarray"):
            raise _mixed(function, inputs)
        from gradproof.backends import torch_

        return torch_
    if _any(inputs, "jax", "Array"):
        from gradproof.backends import jax_

        return jax_
    from gradproof.backends import numpy_

    return numpy_


def differentiate(
    backend: Backend,
    function: Callable[..., Any],
    inputs: Sequence[Any],
    positions: Sequence[int],
) -> tuple[Any, Callable[[Any], list[Any]]]:
    """Autodiff of a function in the inputs at these positions, the others fixed.

    The pullback gives one gradient for each input, None for the fixed ones; it does
    not look at the gradient of an output that is not floating.
    """
    assert backend.autodiff is not None

    def floating(several: Any, like: Any) -> tuple[Any, ...]:
        pairs = zip(_as_tuple(several), _as_tuple(like), strict=True)
        return tuple(one for one, output in pairs if backend.is_differentiable(output))

    def partial(*chosen: Any) -> Any:
        given = dict(zip(positions, chosen, strict=True))
        output = function(*(given.get(i, one) for i, one in enumerate(inputs)))
        return floating(output, output), output

    chosen = [inputs[position] for position in positions]
    _, pull, output = backend.autodiff(partial, *chosen, has_aux=True)

    def pullback(grad_output: Any) -> list[Any]:
        gradients: list[Any] = [None] * len(inputs)
        found = pull(floating(grad_output, output))
        for position, gradient in zip(positions, found, strict=True):
            gradients[position] = gradient
        return gradients

    return output, pullback


def incoming(
    backend: Backend, function: Function[..., Any], output: Any, grad_output: Any
) -> Any:
    """What a pullback was given, as one array an output, shaped and typed like it.

    A scalar's gradient is 1 where it is left out; among several outputs None is 0.

    Raises:
        InputError: naming the output that it does not fit.
    """
    name = function.__name__
    if not isinstance(output, tuple):
        if grad_output is None:
            shape = tuple(getattr(output, "shape", ()))
            if shape != ():
                raise InputError(
                    f"{name} returned an array of shape {shape}, not a scalar: "
                    "pass grad_output, the gradient of the output"
                )
            grad_output = 1
        return _incoming(backend, name, "the output", output, grad_output)
    if not isinstance(grad_output, tuple | list) or len(grad_output) != len(output):
        raise InputError(
            f"{name} has {len(output)} outputs: grad_output must be a tuple of "
            f"{len(output)} arrays, one for each in order"
        )
    return tuple(
        _incoming(backend, name, f"output {number}", *pair)
        for number, pair in enumerate(zip(output, grad_output, strict=True))
    )


def _incoming(
    backend: Backend, name: str, which: str, output: Any, gradient: Any
) -> Any:
    expected = tuple(getattr(output, "shape", ()))
    got = tuple(getattr(gradient, "shape", ()))
    if not backend.is_differentiable(output):
        return None
    if gradient is None:
        return backend.full_like(output, 0)
    if got != expected:
        raise InputError(
            f"{name}: grad_output for {which} has shape {got}, expected {expected}"
        )
    if isinstance(gradient, int | float | complex):
        return backend.full_like(output, gradient)
    try:
        gradient = backend.as_array(gradient)
    except TypeError:
        raise InputError(
            f"{name}: grad_output for {which} is a {type(gradient).__name__}, "
            f"expected a {type(output).__name__}"
        ) from None
    dtype = backend.spec(output).dtype
    came = backend.spec(gradient).dtype
    if came.startswith("complex") and not dtype.startswith("complex"):
        raise InputError(f"{name}: grad_output for {which} is {came}, expected {dtype}")
    return gradient if came == dtype else backend.cast(gradient, dtype)


def _as_tuple(output: Any) -> tuple[Any, ...]:
    return output if isinstance(output, tuple) else (output,)


def _mixed(function: Function[..., Any], inputs: Sequence[Any]) -> InputError:
    libraries = {"torch.Tensor": "torch", "jax.Array": "JAX", "numpy.ndarray": "NumPy"}
    found = (
        f"{name!r} is {library}'s"
        for name, value in zip(function.inputs, inputs, strict=True)
        for kind, library in libraries.items()
        if _any([value], *kind.split("."))
    )
    return InputError(
        f"{function.__name__} was given arrays of different libraries, "
        f"{', '.join(found)}: convert them to one library"
    )


def _any(values: Sequence[Any], module: str, kind: str) -> bool:
    """Whether one of the values is such an array; its module need not be imported."""
    if module not in sys.modules:
        return False
    array = getattr(sys.modules[module], kind)
    return any(isinstance(value, array) for value in values)
