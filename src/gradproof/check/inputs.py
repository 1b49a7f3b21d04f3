"""Where inputs come from when none are given: examples, or annotations."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from gradproof._errors import NoInputsError
from gradproof.check.targets import is_autograd_function, target_name
from gradproof.targets.examples import ATTRIBUTE, Example

SIZES = (3, 4, 5, 2, 6, 7)
T = TypeVar("T")


@dataclass
class Dimensions:
    """Sizes for the names in shape annotations: another one for each name."""

    sizes: dict[str, int] = field(default_factory=dict)

    def of(self, name: str) -> int:
        """The size of a named dimension."""
        return self.sizes.setdefault(name, SIZES[len(self.sizes) % len(SIZES)])

    def shape(self, text: str) -> tuple[int, ...]:
        """The shape for a jaxtyping string such as ``"batch in 3"``."""
        shape: list[int] = []
        for part in text.split():
            part = part.rsplit("=", 1)[-1]
            if part.startswith("*") or part == "...":
                shape += [self.of(f"{part} 1"), self.of(f"{part} 2")]
            elif part.lstrip("#").isdigit():
                shape.append(int(part.lstrip("#")))
            elif part in ("_", ""):
                shape.append(self.of(f"_{len(self.sizes)}"))
            else:
                shape.append(self._expression(part.lstrip("#?_")))
        return tuple(shape)

    def _expression(self, text: str) -> int:
        """A name, or a sum or difference of names and numbers."""
        total = 0
        for term in text.replace("-", "+-").split("+"):
            sign, name = (-1, term[1:]) if term.startswith("-") else (1, term)
            if name:
                total += sign * (int(name) if name.isdigit() else self.of(name))
        return max(total, 1)


def examples_for(target: Any) -> Sequence[Example]:
    """The examples that a target carries, else one made from its annotations.

    Raises:
        NoInputsError: where there is neither.
        InputError: where making the examples fails.
    """
    made: list[Example] = [
        example.made(target_name(target)) for example in vars_of(target, ATTRIBUTE)
    ]
    return made or [_annotated(target)]


def vars_of(target: Any, attribute: str) -> Sequence[Any]:
    """The attribute, inherited or not, as a sequence."""
    return tuple(getattr(target, attribute, ()))


def _annotated(target: Any) -> Example:
    name = target_name(target)
    forward = getattr(target, "forward", target)
    skip = 0
    if is_autograd_function(target):
        from gradproof.check.targets._torch_context import takes_context

        skip = int(takes_context(target))
    try:
        hints = typing.get_type_hints(forward, include_extras=True)
        parameters = list(inspect.signature(forward).parameters.values())[skip:]
    except Exception:  # annotations that cannot be evaluated tell nothing
        hints, parameters = {}, []
    dimensions = Dimensions()
    rng = np.random.default_rng(0)
    inputs: list[Any] = []
    for parameter in parameters:
        if parameter.kind is parameter.KEYWORD_ONLY:
            break
        hint = hints.get(parameter.name)
        if hasattr(hint, "dim_str") and hasattr(hint, "dtypes"):
            inputs.append(_array(hint, dimensions, rng))
        elif parameter.default is not parameter.empty:
            inputs.append(parameter.default)
        else:
            raise _no_inputs(name, f"parameter {parameter.name!r} says nothing")
    if not inputs:
        raise _no_inputs(name, "its forward says nothing")
    return Example(tuple(inputs), {})


def _array(hint: Any, dimensions: Dimensions, rng: np.random.Generator) -> Any:
    shape = dimensions.shape(hint.dim_str)
    dtypes = hint.dtypes if isinstance(hint.dtypes, Sequence) else ("float64",)
    values: Any = rng.standard_normal(shape)
    if "bool" in dtypes:
        values = values > 0
    elif not any(str(one).startswith(("float", "bfloat", "complex")) for one in dtypes):
        values = rng.integers(0, 2, shape)
    elif all(str(one).startswith("complex") for one in dtypes):
        values = values + 1j * rng.standard_normal(shape)
    return _converter(hint.array_type)(values)


def _converter(array_type: Any) -> Callable[[Any], Any]:
    module = getattr(array_type, "__module__", "").split(".")[0]
    if module == "torch":
        import torch

        return torch.as_tensor
    if module in ("jax", "jaxlib"):
        import jax.numpy as jnp

        return jnp.asarray
    return np.asarray


def _no_inputs(name: str, why: str) -> NoInputsError:
    return NoInputsError(
        f"{name}: no inputs are known, and {why}: give them in the call, "
        f"gp.check({name}, x, ...), put @gp.examples(x, ...) on it, or annotate its "
        'inputs with jaxtyping, x: Float[Tensor, "batch features"]'
    )
