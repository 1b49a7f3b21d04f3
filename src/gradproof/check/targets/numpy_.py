"""NumPy targets: a forward with a hand-written backward, or a ``gp.function``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

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
    TargetCrash,
    Write,
    WrongCountError,
    blame,
    parameter_names,
)
from gradproof.check.targets._leaves import Arguments, walk
from gradproof.check.targets._quietly import quietly
from gradproof.check.targets._watch import Watch
from gradproof.check.wording import NUMPY


class NumpyTarget(Target):
    """A function of NumPy arrays, with ``backward=`` or rules of its own."""

    library = "numpy"
    usual_wording = NUMPY

    def __init__(
        self, target: Any, name: str, arguments: Arguments, settings: Settings
    ):
        if not isinstance(target, Function) and settings.backward is None:
            raise TargetError(
                f"{name} gives no gradient for NumPy arrays: pass its hand-written one "
                "with gp.check(forward, ..., backward=...), or make it a gp.function"
            )
        self.name = name
        self.target = target
        self.settings = settings
        self.arguments = arguments
        leaves = [_as_array(leaf) for leaf in arguments.leaves]
        names = arguments.names(parameter_names(target, 0, arguments.count))
        self.active = [i for i, leaf in enumerate(leaves) if _is_inexact(leaf)]
        if not self.active:
            raise InputError(f"{name}: no input is floating, nothing to differentiate")
        self.values = leaves
        self.names = tuple(names[i] for i in self.active)
        self._dtypes = [_widest(leaves[i].dtype) for i in self.active]
        self.primals = tuple(
            leaves[i].astype(dtype)
            for i, dtype in zip(self.active, self._dtypes, strict=True)
        )
        self.dtype = "float64"
        self.described = tuple(
            f"{name}: {leaf.dtype}{list(leaf.shape)}"
            if isinstance(leaf, np.ndarray)
            else f"{name}: {leaf!r}"
            for name, leaf in zip(names, leaves, strict=True)
        )
        self.outputs_there = self.forward(self.primals)

    def forward(self, primals: Arrays) -> tuple[np.ndarray[Any, Any], ...]:
        """The outputs."""
        with blame("forward"):
            return self._outputs(self._call(self.target, primals))

    def witness_forward(self, primals: Arrays) -> tuple[np.ndarray[Any, Any], ...]:
        """The function whose gradient is meant."""
        meant = self.settings.gradient_of
        if meant is None:
            return self.forward(primals)
        with blame("gradient_of"):
            return self._outputs(self._call(meant, primals))

    def complex_forward(
        self, primals: Arrays
    ) -> tuple[np.ndarray[Any, Any], ...] | None:
        """The function whose gradient is meant, on complex numbers."""
        meant = self.settings.gradient_of or self.target
        leaves = list(self.values)
        for position, primal in zip(self.active, primals, strict=True):
            leaves[position] = primal
        arguments = self.arguments.rebuild(leaves)
        try:
            with quietly():
                return self._outputs(meant(*arguments, **self.settings.options))
        except Exception:  # it takes real numbers only
            return None

    def record(
        self, primals: Arrays, wanted: Sequence[bool] | None = None
    ) -> Recording:
        """Run forward; the pullback is the rules', or the hand-written backward."""
        inputs = self._filled(primals)
        with blame("forward"):
            if self.settings.backward is None:
                output, pull = self.target.vjp(*inputs, **self.settings.options)
            else:
                output = self.target(*inputs, **self.settings.options)
            outputs = self._outputs(output)

        def pullback(cotangents: Arrays) -> Gradients:
            grad_output = _like(output, cotangents)
            with blame("backward"):
                if self.settings.backward is None:
                    gradients = pull(grad_output)
                else:
                    gradients = self.settings.backward(
                        grad_output, *inputs, **self.settings.options
                    )
                return self._named(gradients)

        return Recording(outputs, pullback)

    def raw(self, primals: Arrays, cotangents: Arrays) -> list[RawGradient] | None:
        """What a hand-written backward returns; a ``gp.function`` checks itself."""
        try:
            gradients = self.record(primals).pullback(cotangents)
        except TargetCrash as crash:
            if not isinstance(crash.error, WrongCountError):
                raise
            got, expected = str(crash.error).split(", expected ", maxsplit=1)
            return [RawGradient(None, None, expected, got, "count")]
        return [
            _raw(name, primal, gradient)
            for name, primal, gradient in zip(
                self.names, primals, gradients, strict=True
            )
        ]

    def writes(self, primals: Arrays, cotangents: Arrays) -> list[Write]:
        """Inputs, outputs and incoming gradients that are not as they were."""
        watch = Watch(
            np.copy, lambda one, two: np.array_equal(one, two, equal_nan=True)
        )
        primals = [primal.copy() for primal in primals]
        cotangents = [cotangent.copy() for cotangent in cotangents]
        for name, primal in zip(self.names, primals, strict=True):
            watch.add(f"input {name!r}", primal, name)
        recording = self.record(primals)
        found = watch.changes("forward")
        watch.add("the incoming gradient", cotangents[0])
        watch.add("the output", recording.outputs[0])
        recording.pullback(cotangents)
        return found + watch.changes("backward")

    def incoming(self, primals: Arrays, cotangents: Arrays) -> Any:
        """Incoming gradients as the backward is given them."""
        with blame("forward"):
            return _like(self._call(self.target, primals), cotangents)

    def returned(self, primals: Arrays, cotangents: Arrays) -> Any:
        """What a hand-written backward returns, as it returns it."""
        assert self.settings.backward is not None
        grad_output = self.incoming(primals, cotangents)
        with blame("backward"):
            return self.settings.backward(
                grad_output, *self._filled(primals), **self.settings.options
            )

    def _call(self, function: Any, primals: Arrays) -> Any:
        return function(*self._filled(primals), **self.settings.options)

    def _filled(self, primals: Arrays) -> list[Any]:
        leaves = list(self.values)
        for position, primal, dtype in zip(
            self.active, primals, self._dtypes, strict=True
        ):
            leaves[position] = np.asarray(primal, dtype=dtype)
        return self.arguments.rebuild(leaves)

    def _outputs(self, output: Any) -> tuple[np.ndarray[Any, Any], ...]:
        leaves = [np.asarray(leaf) for _, leaf in walk(output) if leaf is not None]
        arrays = tuple(leaf for leaf in leaves if _is_inexact(leaf))
        if not arrays:
            raise TargetError(
                f"{self.name} returned no floating array but {type(output).__name__}: "
                "there is nothing to differentiate"
            )
        return arrays

    def _named(self, gradients: Any) -> Gradients:
        """One gradient for each differentiated input, however they were returned."""
        if isinstance(gradients, Mapping):
            return [_maybe(gradients.get(name)) for name in self.names]
        if not isinstance(gradients, list | tuple):
            gradients = (gradients,)
        leaves = [_maybe(leaf) for _, leaf in walk(tuple(gradients))]
        if len(leaves) == len(self.values):
            return [leaves[position] for position in self.active]
        if len(leaves) == len(self.active):
            return leaves
        raise WrongCountError(
            f"{len(leaves)} gradients, expected {len(self.active)}, "
            f"one for each of {', '.join(self.names)}"
        )


def _raw(name: str, primal: Any, gradient: Any) -> RawGradient:
    expected = f"{primal.dtype}{list(primal.shape)}"
    if gradient is None:
        return RawGradient(name, None, expected, "None", None)
    problem = None
    if gradient.shape != primal.shape:
        problem = "shape"
    elif gradient.dtype != primal.dtype:
        problem = "dtype"
    got = f"{gradient.dtype}{list(gradient.shape)}"
    return RawGradient(name, gradient, expected, got, problem)


def _like(output: Any, cotangents: Arrays) -> Any:
    """Cotangents nested and typed as the output is."""
    if isinstance(output, list | tuple):
        remaining = iter(cotangents)
        return tuple(
            next(remaining).astype(one.dtype, copy=False)
            if _is_inexact(one)
            else np.zeros_like(one)
            for one in map(np.asarray, output)
        )
    return cotangents[0].astype(np.asarray(output).dtype, copy=False)


def _as_array(leaf: Any) -> Any:
    return np.asarray(leaf) if isinstance(leaf, np.generic | float | complex) else leaf


def _maybe(gradient: Any) -> Any:
    return None if gradient is None else np.asarray(gradient)


def _is_inexact(leaf: Any) -> bool:
    return isinstance(leaf, np.ndarray) and np.issubdtype(leaf.dtype, np.inexact)


def _widest(dtype: Any) -> Any:
    return np.complex128 if np.issubdtype(dtype, np.complexfloating) else np.float64
