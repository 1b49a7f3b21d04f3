"""JAX targets: ``custom_vjp`` callables and ``gp.function`` on JAX arrays."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gradproof._errors import InputError, TargetError
from gradproof._function import Function
from gradproof.check.targets import (
    Arrays,
    Gradients,
    RawGradient,
    Recording,
    Settings,
    Target,
    blame,
    parameter_names,
)
from gradproof.check.targets._leaves import Arguments
from gradproof.check.targets._quietly import quietly
from gradproof.check.wording import JAX


class JaxTarget(Target):
    """Anything from JAX arrays to JAX arrays that JAX can pull back."""

    library = "jax"
    usual_wording = JAX

    def __init__(
        self, target: Any, name: str, arguments: Arguments, settings: Settings
    ):
        self.name = name
        self.target = target
        self.settings = settings
        self.arguments = arguments
        leaves = list(arguments.leaves)
        names = arguments.names(parameter_names(target, 0, arguments.count))
        self.active = [i for i, leaf in enumerate(leaves) if _is_inexact(leaf)]
        if not self.active:
            raise InputError(f"{name}: no input is floating, nothing to differentiate")
        self.values = leaves
        self.names = tuple(names[i] for i in self.active)
        self.primals = tuple(_to_numpy(leaves[i]) for i in self.active)
        self.described = tuple(
            f"{one}: {leaf.dtype}{list(leaf.shape)}"
            if hasattr(leaf, "shape")
            else f"{one}: {leaf!r}"
            for one, leaf in zip(names, leaves, strict=True)
        )
        self._given = [leaves[i].dtype for i in self.active]
        self._double = True
        try:
            self.outputs_there = self.forward(self.primals)
        except Exception:  # it takes its own dtype only
            self._double = False
            self.outputs_there = self.forward(self.primals)
        self.dtype = "float64" if self._double else str(self._given[0])

    def forward(self, primals: Arrays) -> tuple[np.ndarray[Any, Any], ...]:
        """The outputs."""
        with self._precision(), blame("forward"):
            return self._outputs(self._call(*self._arrays(primals)))

    def witness_forward(self, primals: Arrays) -> tuple[np.ndarray[Any, Any], ...]:
        """The function whose gradient is meant."""
        meant = self.settings.gradient_of
        if meant is None:
            return self.forward(primals)
        with self._precision(), blame("gradient_of"):
            return self._outputs(meant(*self._filled(self._arrays(primals))))

    def record(
        self, primals: Arrays, wanted: Sequence[bool] | None = None
    ) -> Recording:
        """``jax.vjp`` of the target."""
        with self._precision(), blame("forward"):
            output, pull = jax.vjp(self._call, *self._arrays(primals))
            outputs = self._outputs(output)

        def pullback(cotangents: Arrays) -> Gradients:
            with self._precision(), blame("backward"):
                return _pulled(pull, output, cotangents)

        return Recording(outputs, pullback)

    def exact(self, primals: Arrays, cotangents: Arrays) -> Gradients | None:
        """JAX through the forward's own code, never through its rules."""
        run = self._plain_call()
        if run is None:
            return None
        try:
            with self._precision():
                output, pull = jax.vjp(run, *self._arrays(primals))
                return _pulled(pull, output, cotangents)
        except Exception:  # whatever stops it, this witness has nothing to say
            return None

    @property
    def source_in_words(self) -> str:
        """What ``exact`` differentiates."""
        if self.source_given:
            return super().source_in_words
        return "jax.vjp through the forward"

    def jvp(
        self, primals: Arrays, tangents: Arrays
    ) -> tuple[np.ndarray[Any, Any], ...] | None:
        """``jax.jvp`` of the forward's own code."""
        run = self._plain_call()
        if run is None:
            return None
        try:
            with self._precision(), quietly():
                given = self._arrays(primals), self._arrays(tangents)
                _, found = jax.jvp(run, *given)
                return self._outputs(found)
        except Exception:  # whatever stops it, this witness has nothing to say
            return None

    def complex_forward(
        self, primals: Arrays
    ) -> tuple[np.ndarray[Any, Any], ...] | None:
        """The function whose gradient is meant, on complex numbers."""
        meant = self.settings.gradient_of or self.target
        dtype = np.complex128 if self._double else np.complex64
        try:
            with self._precision(), quietly():
                inputs = self._filled([jnp.asarray(p, dtype=dtype) for p in primals])
                return self._outputs(meant(*inputs, **self.settings.options))
        except Exception:  # it takes real numbers only
            return None

    def raw(self, primals: Arrays, cotangents: Arrays) -> list[RawGradient]:
        """What the rule of a ``custom_vjp`` returns; JAX refuses some of it later."""
        target = self.target
        if not isinstance(target, jax.custom_vjp) or target.nondiff_argnums:
            gradients = self.record(primals).pullback(cotangents)
            return [
                RawGradient(name, gradient, "", "", None)
                for name, gradient in zip(self.names, gradients, strict=True)
            ]
        with self._precision(), blame("backward"):
            arrays = self._arrays(primals)
            filled = self._filled(arrays)
            output, residuals = target.fwd(*filled, **self.settings.options)
            returned = target.bwd(residuals, _incoming(output, cotangents))
        positions = [position for position, _ in self.arguments.paths]
        return [
            _raw(name, array, returned[positions[leaf]])
            for name, array, leaf in zip(self.names, arrays, self.active, strict=True)
            if len(returned) > positions[leaf]
        ]

    def like(self, array: np.ndarray[Any, Any], position: int) -> Any:
        """A JAX array with the dtype of a leaf."""
        return jnp.asarray(array, dtype=self.values[position].dtype)

    def to_numpy(self, array: Any) -> np.ndarray[Any, Any]:
        """A JAX array as NumPy's."""
        return _to_numpy(array)

    def output_tree(self, primals: Arrays) -> Any:
        """What the target returns, as JAX nests it."""
        with self._precision(), blame("forward"):
            return self._call(*self._arrays(primals))

    def _plain_call(self) -> Callable[..., Any] | None:
        """The forward's own code, or what the user gave in its place."""
        source = self.settings.gradient_of or self.settings.reference
        if source is None:
            source = _plain(self.target)
        if source is None:
            return None
        return lambda *chosen: source(*self._filled(chosen), **self.settings.options)

    def _call(self, *chosen: Any) -> Any:
        return self.target(*self._filled(chosen), **self.settings.options)

    def _filled(self, chosen: Sequence[Any]) -> list[Any]:
        leaves = list(self.values)
        for position, value in zip(self.active, chosen, strict=True):
            leaves[position] = value
        return self.arguments.rebuild(leaves)

    def _arrays(self, primals: Arrays) -> list[Any]:
        if self._double:
            return [jnp.asarray(primal) for primal in primals]
        return [
            jnp.asarray(p, dtype=d) for p, d in zip(primals, self._given, strict=True)
        ]

    def _precision(self) -> Any:
        return jax.enable_x64(True) if self._double else contextlib.nullcontext()

    def _outputs(self, output: Any) -> tuple[np.ndarray[Any, Any], ...]:
        leaves = [leaf for leaf in jax.tree.leaves(output) if _is_inexact(leaf)]
        if not leaves:
            raise TargetError(
                f"{self.name} returned no floating array but {type(output).__name__}: "
                "there is nothing to differentiate"
            )
        return tuple(_to_numpy(leaf) for leaf in leaves)


def _pulled(pull: Any, output: Any, cotangents: Arrays) -> Gradients:
    """Gradients as torch and mathematics define them; JAX's are conjugated."""
    gradients = pull(_incoming(output, cotangents))
    return [_to_numpy(jnp.conj(gradient)) for gradient in gradients]


def _incoming(output: Any, cotangents: Arrays) -> Any:
    """Cotangents nested as the output is, as JAX defines them."""
    remaining = iter(cotangents)

    def incoming(one: Any) -> Any:
        if _is_inexact(one):
            return jnp.conj(jnp.asarray(next(remaining), dtype=one.dtype))
        return np.zeros(one.shape, dtype=jax.dtypes.float0)

    return jax.tree.map(incoming, output)


def _raw(name: str, primal: Any, gradient: Any) -> RawGradient:
    expected = f"{primal.dtype}{list(primal.shape)}"
    if not _is_inexact(gradient):
        return RawGradient(name, None, expected, str(gradient), None)
    problem = "shape" if gradient.shape != primal.shape else None
    if problem is None and gradient.dtype != primal.dtype:
        problem = "dtype"
    got = f"{gradient.dtype}{list(gradient.shape)}"
    return RawGradient(name, _to_numpy(jnp.conj(gradient)), expected, got, problem)


def _plain(target: Any) -> Any:
    if isinstance(target, Function):

        def forward(*inputs: Any, **options: Any) -> Any:
            return target.run(*target.bind(inputs, options)).output

        return forward
    return getattr(target, "fun", None) if isinstance(target, jax.custom_vjp) else None


def _is_inexact(leaf: Any) -> bool:
    return hasattr(leaf, "dtype") and bool(jnp.issubdtype(leaf.dtype, jnp.inexact))


def _to_numpy(array: Any) -> np.ndarray[Any, Any]:
    if not _is_inexact(array):
        return np.asarray(array)
    wide = np.complex128 if jnp.iscomplexobj(array) else np.float64
    return np.asarray(array).astype(wide)
