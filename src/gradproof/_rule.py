"""Rules, and the one place that runs them and checks what they return.

A rule is mathematics: given the gradient of the output, it returns the gradient
of one input. What every rule would otherwise repeat is done here, once, the same
on every backend: broadcasting is undone, shape, dtype and realness are checked.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from gradproof._errors import DefinitionError, RuleError

if TYPE_CHECKING:
    from gradproof.backends import Backend

OUTPUT = "output"


@dataclass(frozen=True)
class Rule:
    """The gradient of one input: a function of grad_output and of named values.

    ``once`` says that it must not be differentiated itself.
    """

    input: str
    function: Callable[..., Any]
    first: str
    positional: tuple[str, ...]
    keywords: tuple[str, ...]
    once: bool = False

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the values that it asks for beside grad_output."""
        return self.positional + self.keywords

    @property
    def name(self) -> str:
        """What the function is called."""
        return getattr(self.function, "__name__", type(self.function).__name__)

    def __call__(self, grad_output: Any, values: Mapping[str, Any]) -> Any:
        """The raw gradient, as the rule returns it."""
        return self.function(
            grad_output,
            *(values[name] for name in self.positional),
            **{name: values[name] for name in self.keywords},
        )

    @classmethod
    def of(
        cls,
        input: str,
        function: Callable[..., Any],
        owner: str,
        *,
        once: bool = False,
    ) -> Rule:
        """Read what a rule needs from its parameters.

        Raises:
            DefinitionError: for a rule without a positional parameter, or with
                ``*args`` or ``**kwargs``.
        """
        signature = inspect.signature(function)
        parameters = list(signature.parameters.values())
        variable = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
        keyword_only = inspect.Parameter.KEYWORD_ONLY
        if (
            not parameters
            or parameters[0].kind is keyword_only
            or any(p.kind in variable for p in parameters)
        ):
            raise DefinitionError(
                f"{owner}: the rule for {input!r} must name its parameters, "
                f"grad_output first, as in def grad_{input}(grad_output, ...): "
                f"it has {signature}"
            )
        return cls(
            input=input,
            function=function,
            first=parameters[0].name,
            positional=tuple(p.name for p in parameters[1:] if p.kind != keyword_only),
            keywords=tuple(p.name for p in parameters[1:] if p.kind == keyword_only),
            once=once,
        )


class ArraySpec(NamedTuple):
    """Shape and dtype of an array."""

    shape: tuple[int, ...]
    dtype: str

    def __str__(self) -> str:
        return f"{self.dtype}[{', '.join(map(str, self.shape))}]"


@dataclass(frozen=True)
class CallSpec:
    """What backward knows of a call without keeping an array.

    Attributes:
        inputs: one an input; None for those that get no gradient.
        outputs: one an output; None for those that are not floating.
        dtypes: the real and complex dtypes that met in the call. Where a float32
            input meets a float64 one, the output and so the gradients are float64;
            casting back is the adjoint of that promotion, not a mistake.
    """

    inputs: tuple[ArraySpec | None, ...]
    outputs: tuple[ArraySpec | None, ...]
    dtypes: frozenset[str]

    @classmethod
    def of(
        cls, backend: Backend, inputs: Sequence[Any], output: Any, *dtypes: str
    ) -> CallSpec:
        """Of a call that has run; ``dtypes`` are those that met beside its arrays."""

        def spec(value: Any) -> ArraySpec | None:
            return backend.spec(value) if backend.is_differentiable(value) else None

        specs = tuple(map(spec, inputs))
        outputs = tuple(map(spec, output if isinstance(output, tuple) else (output,)))
        arrays = [  # a Python number promotes nothing
            spec
            for value, spec in zip(inputs, specs, strict=True)
            if backend.owns(value)
        ]
        met = {spec.dtype for spec in (*arrays, *outputs) if spec is not None}
        return cls(specs, outputs, frozenset(met.union(dtypes)))

    def only(self, wanted: Sequence[bool]) -> CallSpec:
        """The same call, where only the wanted inputs get a gradient."""
        if all(wanted):
            return self
        pairs = zip(self.inputs, wanted, strict=True)
        specs = tuple(spec if want else None for spec, want in pairs)
        return CallSpec(specs, self.outputs, self.dtypes)

    @property
    def differentiated(self) -> list[int]:
        """Positions of the inputs that get a gradient."""
        return [i for i, spec in enumerate(self.inputs) if spec is not None]

    @property
    def has_complex(self) -> bool:
        """Whether something complex takes part."""
        return any(dtype.startswith("complex") for dtype in self.dtypes)


def project(
    gradient: Any,
    primal: ArraySpec,
    call: CallSpec,
    *,
    backend: Backend,
    function: str,
    input: str,
) -> Any:
    """Bring what a rule returned into the space of its input.

    Broadcasting is undone by summing, promotion by casting, and a real input takes
    the real part where the function is complex.

    Raises:
        RuleError: where the gradient cannot belong to the input.
    """

    def error(problem: str, came: str, next_step: str) -> RuleError:
        return RuleError(
            f"{function}: the rule for {input!r} returned {came}, "
            f"expected {primal}: {next_step}",
            function=function,
            input=input,
            problem=problem,
            gradient=gradient,
        )

    if gradient is None:
        raise error("missing", "None", "is the return statement missing?")
    try:
        gradient = backend.as_array(gradient)
    except TypeError:
        came = f"a {type(gradient).__name__}"
        wanted = f"return one array, the gradient of {input!r} alone"
        raise error("type", came, wanted) from None
    got = backend.spec(gradient)
    if got.shape != primal.shape:
        if not broadcasts(primal.shape, got.shape):
            raise error("shape", str(got), _shape_hint(primal.shape, got.shape))
        gradient = sum_to(gradient, primal.shape)
    if got.dtype == primal.dtype:
        return gradient
    if got.dtype.startswith("complex") and not primal.dtype.startswith("complex"):
        if not call.has_complex:
            raise error("realness", str(got), "a real function has a real gradient")
        return backend.cast(gradient.real, primal.dtype)
    if got.dtype not in call.dtypes:
        dtypes = ", ".join(sorted(call.dtypes))
        raise error("dtype", str(got), f"inputs and outputs are {dtypes} only")
    return backend.cast(gradient, primal.dtype)


def broadcasts(shape: Sequence[int], to: Sequence[int]) -> bool:
    """Whether an array of this shape broadcasts to the other shape."""
    if len(shape) > len(to):
        return False
    tail = to[len(to) - len(shape) :]
    return all(small in (1, large) for small, large in zip(shape, tail, strict=True))


def sum_to(array: Any, shape: tuple[int, ...]) -> Any:
    """Sum over what broadcasting from ``shape`` added, of whatever library."""
    extra = array.ndim - len(shape)
    stretched = (
        extra + axis
        for axis, size in enumerate(shape)
        if size == 1 and array.shape[extra + axis] != 1
    )
    axes = (*range(extra), *stretched)
    return array.sum(axis=axes).reshape(shape) if axes else array


def _shape_hint(expected: tuple[int, ...], got: tuple[int, ...]) -> str:
    if len(got) >= 2 and (*got[:-2], got[-1], got[-2]) == expected:
        return "is a transpose missing?"
    if broadcasts(got, expected):
        return "spread it over the elements that were summed, with xp.broadcast_to"
    if math.prod(got) == math.prod(expected):
        return "a reshape or a permutation is missing"
    return "the gradient has the shape of its input"
