"""Run what was written: the modules that sources define, and their gradients."""

from __future__ import annotations

import linecache
import math
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from gradproof._derived import library_of
from gradproof._errors import InputError
from gradproof.derive.ir import WEAK
from gradproof.derive.program import Differentiated

if TYPE_CHECKING:
    from gradproof.derive.derivation import Derivation


def run(source: str, name: str, form: str) -> Mapping[str, Any]:
    """The names that a source defines; tracebacks show its lines."""
    filename = f"<derived {name}, {form}, {abs(hash(source)):x}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    module = ModuleType(f"derived_{name}")
    exec(compile(source, filename, "exec"), module.__dict__)
    return module.__dict__


def saved(d: Differentiated) -> Mapping[str, Mapping[str, Any]]:
    """What the torch form keeps: by name, why and how many bytes."""
    from gradproof.derive.emit.halves import halves

    parts = halves(d, "torch")
    kept = {}
    for name, value in parts.kept.items():
        what = "an input" if value.operation == "input" else "an output"
        kept[name] = {
            "why": f"{what} that the gradients use: "
            f"of {', '.join(_users(d, name, parts.backward))}",
            "bytes": math.prod(value.shape) * _bytes(value.dtype),
        }
    return kept


def _users(d: Differentiated, name: str, backward: Sequence[Any]) -> list[str]:
    import re

    used = set()
    for statement in backward:
        if any(re.search(rf"\b{re.escape(name)}\b", line) for line in statement.lines):
            used |= statement.needed_for
    return [d.wrt[position].name or "" for position in sorted(used)]


def _bytes(dtype: str) -> int:
    return 8 if dtype in WEAK else np.dtype(dtype).itemsize


def gradients(d: Derivation, inputs: Sequence[Any], grad_output: Any) -> Sequence[Any]:
    """The gradients, by the form of the library whose arrays these are."""
    if grad_output is None and not d.is_scalar:
        raise InputError(
            f"{d.program.name} does not return a single number: "
            "pass grad_output, the gradient of the output"
        )
    if len(inputs) > len(d.program.inputs):  # what is no array was a constant
        inputs = [value for value in inputs if hasattr(value, "shape")]
    _check_shapes(d, inputs)
    library = library_of(inputs) or "numpy"
    if library == "numpy":
        found: Sequence[Any] = by_numpy(d, inputs, grad_output)[1]
        return found
    function = d.module(library)[d.program.name]
    positions = [i for i, v in enumerate(d.program.inputs) if v.name in d.wrt]
    if library == "torch":
        return _by_torch(function, inputs, positions, grad_output)
    import jax

    output, pull = jax.vjp(function, *inputs)
    if grad_output is None:
        grad_output = jax.numpy.ones_like(output)
    pulled = pull(grad_output)
    return [pulled[i] for i in positions]


def _check_shapes(d: Derivation, inputs: Sequence[Any]) -> None:
    """The same ranks, and the same axes to broadcast."""
    became: dict[int, int] = {}
    for value, array in zip(d.program.inputs, inputs, strict=True):
        got = tuple(map(int, getattr(array, "shape", ())))
        fits = len(got) == value.ndim
        for before, now in zip(value.shape, got, strict=False):
            first = became.setdefault(before, now)
            fits &= now == 1 if before == 1 else (first == 1) == (now == 1)
        if not fits:
            raise InputError(
                f"{d.program.name} was derived for {value.name} of shape "
                f"{value.shape}, and this one has {got}, with other axes to broadcast: "
                "derive it for these inputs"
            )


def by_numpy(d: Derivation, inputs: Sequence[Any], grad_output: Any) -> Any:
    """The output and the gradients, by the NumPy form."""
    run_ = d.module("numpy")[f"{d.program.name}_and_gradients"]
    if not d.is_scalar:
        several = isinstance(grad_output, tuple | list)
        return run_(*inputs, *(grad_output if several else [grad_output]))
    output, found = run_(*inputs)
    if grad_output is not None:
        found = tuple(grad_output * gradient for gradient in found)
    return output, found


def _by_torch(
    function: Any, inputs: Sequence[Any], positions: Sequence[int], grad_output: Any
) -> Sequence[Any]:
    import torch

    leaves = [
        value.detach().requires_grad_() if i in positions else value
        for i, value in enumerate(inputs)
    ]
    output = function(*leaves)
    outputs = output if isinstance(output, tuple) else (output,)
    if grad_output is None:
        grad_output = torch.ones_like(outputs[0])
    incoming = grad_output if isinstance(grad_output, tuple | list) else [grad_output]
    pairs = [(o, g) for o, g in zip(outputs, incoming, strict=True) if o.requires_grad]
    found: Sequence[Any] = torch.autograd.grad(
        [o for o, _ in pairs], [leaves[i] for i in positions], [g for _, g in pairs]
    )
    return found
