"""JAX: a ``jax.custom_jvp`` for each ``gp.function``, by transposing its rules.

Where a rule cannot be transposed, a ``jax.custom_vjp``, which refuses forward mode.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from typing import cast as typing_cast

import jax
import jax.numpy as jnp
import numpy as np

from gradproof._errors import InputError
from gradproof._rule import ArraySpec, CallSpec
from gradproof.backends import _jax_forward_mode as forward_mode

if TYPE_CHECKING:
    from gradproof._function import Function
    from gradproof.backends import Backend

THIS = typing_cast("Backend", sys.modules[__name__])

# Beside the arrays that are kept for backward, JAX carries this without looking at it.
jax.tree_util.register_static(CallSpec)


def owns(value: Any) -> bool:
    """Whether it is an array or a tracer of JAX's, or NumPy's, which JAX takes."""
    return isinstance(value, jax.Array | np.ndarray | np.generic)


def spec(array: Any) -> ArraySpec:
    """Its shape and dtype, once it is an array of JAX's."""
    return ArraySpec(jnp.shape(array), str(jnp.result_type(array)))


def as_array(value: Any) -> Any:
    """The array as one of JAX's."""
    if owns(value):
        return jnp.asarray(value)
    raise TypeError(value)


def is_differentiable(value: Any) -> bool:
    """Whether it holds real or complex numbers; a Python float does."""
    if isinstance(value, float | complex):
        return True
    return owns(value) and bool(jnp.issubdtype(value.dtype, jnp.inexact))


def cast(array: Any, dtype: str) -> Any:
    """The array in another dtype."""
    return array.astype(dtype)


def full_like(array: Any, value: complex) -> Any:
    """The value everywhere, in the same shape and dtype."""
    return jnp.full_like(array, value)


def autodiff(function: Callable[..., Any], *primals: Any, has_aux: bool) -> Any:
    """``jax.vjp`` for gradients: of complex numbers JAX pulls back the conjugates."""
    output, pull, *aux = jax.vjp(function, *primals, has_aux=has_aux)
    return output, lambda grad: _conjugate(pull(_conjugate(grad))), *aux


def call(function: Function[..., Any], inputs: tuple[Any, ...], options: Any) -> Any:
    """The output, differentiated by JAX through the rules."""
    for option, value in options.items():
        if isinstance(value, jax.core.Tracer):
            raise InputError(
                f"{function.__name__}: the option {option!r} is traced by JAX, options "
                "have no gradient and must be known: make it static, as with "
                "static_argnames, or a positional parameter, an input"
            )
    if "jax" not in function.cache:
        function.cache["jax"] = _build(function), forward_mode.build(function, THIS)
    by_vjp, by_jvp = function.cache["jax"]
    if forward_mode.is_possible(function, THIS, inputs, options):
        return by_jvp(options, *inputs)
    try:
        return by_vjp(options, *inputs)
    except TypeError as error:
        if "forward-mode" not in str(error):
            raise
        raise forward_mode.refused(function) from None


def fingerprint(values: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG001
    """Nothing: JAX arrays cannot be written to."""
    return {}


def refuse(message: str, gradient: Any, given: list[Any]) -> Any:
    """The gradient, whose own derivative in what is given is an error."""

    @jax.custom_jvp  # type: ignore[untyped-decorator]
    def identity(gradient: Any, *given: Any) -> Any:  # noqa: ARG001
        return gradient

    @identity.defjvp  # type: ignore[untyped-decorator]
    def differentiate(primals: Any, tangents: Any) -> Any:  # noqa: ARG001
        raise RuntimeError(message)

    return identity(gradient, *given)


def _build(function: Function[..., Any]) -> Any:
    def primal(options: Any, *inputs: Any) -> Any:
        return function.plain(inputs, options)

    def forward(options: Any, *inputs: Any) -> tuple[Any, Any]:
        ran = function.run(inputs, options)
        call = CallSpec.of(THIS, inputs, ran.output)
        kept = function.keep(function.needed(call), inputs, ran)
        return ran.output, (kept, call)

    def backward(options: Any, residuals: Any, cotangent: Any) -> tuple[Any, ...]:
        kept, call = residuals
        gradients = function.pull_back(
            THIS, _conjugate(cotangent), {**kept, **options}, call
        )
        return tuple(_conjugate(gradients))

    built = jax.custom_vjp(primal, nondiff_argnums=(0,))
    built.defvjp(forward, backward)
    return built


def _conjugate(values: Any) -> Any:
    def conjugate(value: Any) -> Any:
        return jnp.conj(value) if jnp.iscomplexobj(value) else value

    return jax.tree.map(conjugate, values)
