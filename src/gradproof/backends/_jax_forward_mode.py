"""Forward mode on JAX: one ``jax.custom_jvp``, whose tangents are transposed rules.

JAX transposes them once more for reverse mode, and has the rules again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from gradproof._errors import GradproofError
from gradproof._rule import CallSpec

if TYPE_CHECKING:
    from gradproof._function import Function
    from gradproof.backends import Backend

# What JAX raises for a rule that is not linear in grad_output, or has no transpose.
REFUSALS = (NotImplementedError, ValueError, TypeError, AssertionError, KeyError)


def build(function: Function[..., Any], backend: Backend) -> Any:
    """The function for JAX, differentiated forward by its rules transposed."""

    def primal(options: Any, *inputs: Any) -> Any:
        return function.plain(inputs, options)

    def push(options: Any, inputs: Any, tangents: Any) -> Any:
        return pushed(function, backend, options, inputs, tangents)

    built = jax.custom_jvp(primal, nondiff_argnums=(0,))
    built.defjvp(push, symbolic_zeros=True)
    return built


def is_possible(
    function: Function[..., Any], backend: Backend, inputs: Sequence[Any], options: Any
) -> bool:
    """Whether the rules can be transposed, for inputs of these shapes and dtypes."""
    if any(rule.once for rule in function.rules.values()):
        return False
    key = ("jax transposes", *map(_kind, inputs), repr(options))
    if key not in function.cache:
        function.cache[key] = _try(function, backend, inputs, options)
    return bool(function.cache[key])


def refused(function: Function[..., Any]) -> TypeError:
    """What JAX raises for a ``custom_vjp``, with whose it is, and why."""
    once = [name for name, rule in function.rules.items() if rule.once]
    why = (
        f"the rule for {once[0]!r} is registered with once=True"
        if once
        else "JAX cannot transpose its rules"
    )
    return TypeError(f"{function.__name__} has no forward-mode derivative: {why}")


def _try(
    function: Function[..., Any], backend: Backend, inputs: Sequence[Any], options: Any
) -> bool:
    arrays = [i for i, value in enumerate(inputs) if backend.owns(value)]

    def both(*chosen: Any) -> Any:
        given = dict(zip(arrays, chosen, strict=True))
        filled = [given.get(i, value) for i, value in enumerate(inputs)]
        found, _ = pushed(function, backend, options, filled, filled)
        return found

    try:
        jax.eval_shape(both, *(inputs[i] for i in arrays))
    except (*REFUSALS, GradproofError):
        return False
    return True


def pushed(
    function: Function[..., Any],
    backend: Backend,
    options: Any,
    inputs: Sequence[Any],
    tangents: Sequence[Any],
) -> tuple[Any, Any]:
    """The output and its tangent."""
    ran = function.run(inputs, options)
    call = CallSpec.of(backend, inputs, ran.output)
    zero = jax.custom_derivatives.SymbolicZero
    given = [
        i
        for i in call.differentiated
        if tangents[i] is not None and not isinstance(tangents[i], zero)
    ]
    call = call.only([i in given for i in range(len(inputs))])
    values = {**function.keep(function.needed(call), inputs, ran), **options}
    outputs = ran.output if isinstance(ran.output, tuple) else (ran.output,)

    def pullback(*cotangents: Any) -> tuple[Any, ...]:
        left = iter(map(_conjugate, cotangents))
        grads = tuple(None if spec is None else next(left) for spec in call.outputs)
        grad_output = grads if isinstance(ran.output, tuple) else grads[0]
        gradients = function.pull_back(backend, grad_output, values, call)
        return tuple(_conjugate(gradients[i]) for i in given)

    like = tuple(
        jax.ShapeDtypeStruct(jnp.shape(value), jnp.result_type(value))
        for value, spec in zip(outputs, call.outputs, strict=True)
        if spec is not None
    )
    if not _follows(pullback, like):
        raise NotImplementedError("a rule does not depend on grad_output")
    transposed = iter(
        jax.linear_transpose(pullback, *like)(tuple(tangents[i] for i in given))
    )
    pairs = zip(outputs, call.outputs, strict=True)
    found = tuple(
        _none(value) if spec is None else next(transposed) for value, spec in pairs
    )
    return ran.output, found if isinstance(ran.output, tuple) else found[0]


def _follows(pullback: Callable[..., Any], like: Sequence[Any]) -> bool:
    """Whether every result depends on what is pulled back; the transpose would be 0."""
    jaxpr = jax.make_jaxpr(pullback)(*like).jaxpr
    reached = set(map(id, jaxpr.invars))
    for equation in jaxpr.eqns:
        if reached.intersection(map(id, equation.invars)):
            reached.update(map(id, equation.outvars))
    return reached.issuperset(map(id, jaxpr.outvars))


def _none(value: Any) -> Any:
    """The tangent of what has none."""
    return np.zeros(jnp.shape(value), jax.dtypes.float0)


def _conjugate(value: Any) -> Any:
    return jnp.conj(value) if jnp.iscomplexobj(value) else value


def _kind(value: Any) -> Any:
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return tuple(value.shape), str(value.dtype)
    return type(value), repr(value)
