"""What can be checked: one adapter for each kind of target, all with one face.

Every adapter speaks NumPy: primals, outputs, cotangents and gradients are float64
or complex128 arrays, whatever library and dtype the target itself works in. So the
witnesses, properties and diagnoses are written once.
"""

from __future__ import annotations

import contextlib
import inspect
import sys
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradproof._errors import InputError, RuleError, TargetError
from gradproof._function import Function
from gradproof.check.targets._leaves import Arguments
from gradproof.check.wording import FUNCTION, Wording

SPACING = {
    "float32": 1.2e-7,
    "complex64": 1.2e-7,
    "float16": 9.8e-4,
    "complex32": 9.8e-4,
    "bfloat16": 7.8e-3,
}
Arrays = Sequence[np.ndarray[Any, Any]]
Gradients = Sequence[np.ndarray[Any, Any] | None]


class TargetCrash(Exception):  # noqa: N818 - the target's error, not ours
    """The target raised: its ``stage`` ``forward``, ``backward`` or ``gradient_of``."""

    def __init__(self, stage: str, error: BaseException):
        self.stage = stage
        self.error = error
        super().__init__(f"{stage} raised {describe(error)}")


class WrongCountError(ValueError):
    """A backward returned more or fewer gradients than there are inputs."""


@dataclass(frozen=True)
class Recording:
    """One forward that has run, and how to pull gradients back through it.

    Attributes:
        outputs: the differentiable outputs.
        pullback: from one cotangent an output to one gradient a primal, None where
            the target gives none; may be called again. Where the library knows of
            outputs that receive no gradient, a cotangent may be None.
    """

    outputs: tuple[np.ndarray[Any, Any], ...]
    pullback: Callable[[Sequence[Any]], Gradients]


@dataclass(frozen=True)
class RawGradient:
    """What a backward itself returned for one input, before any engine touched it."""

    input: str | None
    value: np.ndarray[Any, Any] | None
    expected: str
    got: str
    problem: str | None  # "shape", "dtype", "device", "count" or None


@dataclass(frozen=True)
class Write:
    """Something that a forward or a backward changed in place."""

    what: str
    input: str | None
    stage: str


class Target(ABC):
    """One target on one set of inputs.

    Attributes:
        name: what reports call it.
        target: the thing itself.
        names: the differentiated inputs, in order.
        primals: their values.
        dtype: what the target computes in, ``float64`` wherever it accepts that.
        described: one line for each input, for the report.
        outputs_there: the outputs at the primals.
    """

    name: str
    target: Any
    names: tuple[str, ...]
    primals: tuple[np.ndarray[Any, Any], ...]
    dtype: str
    described: tuple[str, ...]
    outputs_there: tuple[np.ndarray[Any, Any], ...]
    gives: tuple[str, ...] = ()  # dtypes of the outputs, where they are not float64

    @abstractmethod
    def forward(self, primals: Arrays) -> tuple[np.ndarray[Any, Any], ...]:
        """The differentiable outputs; nothing recorded."""

    @abstractmethod
    def record(
        self, primals: Arrays, wanted: Sequence[bool] | None = None
    ) -> Recording:
        """Run forward for gradients of the wanted primals, all where None."""

    def witness_forward(self, primals: Arrays) -> tuple[np.ndarray[Any, Any], ...]:
        """The function whose gradient is meant: the forward, or ``gradient_of``."""
        return self.forward(primals)

    def exact(self, primals: Arrays, cotangents: Arrays) -> Gradients | None:
        """Gradients by differentiating the forward's own code, where that can be."""
        return None

    @property
    def is_meant(self) -> bool:
        """Whether ``gradient_of``, where it is given, fits the outputs there."""
        if self.settings.gradient_of is None:
            return True
        try:
            meant = self.witness_forward(self.primals)
        except TargetCrash:
            return False
        return [one.shape for one in meant] == [one.shape for one in self.outputs_there]

    @property
    def source_given(self) -> bool:
        """Whether the user gave the function that ``exact`` differentiates."""
        return bool(self.settings.reference or self.settings.gradient_of)

    @property
    def source_in_words(self) -> str:
        """What ``exact`` differentiates."""
        if self.settings.gradient_of is not None:
            return "gradient_of"
        if self.settings.reference is not None:
            return "reference"
        return "autograd through the forward"

    def in_double(self) -> contextlib.AbstractContextManager[object] | None:
        """Where numbers of no declared dtype are double; None if they always are."""
        return None

    def jvp(
        self, primals: Arrays, tangents: Arrays
    ) -> tuple[np.ndarray[Any, Any], ...] | None:
        """How the outputs change, by the forward's own code, where that can be."""
        return None

    def complex_forward(
        self, primals: Arrays
    ) -> tuple[np.ndarray[Any, Any], ...] | None:
        """``witness_forward`` on complex numbers, None where it does not take them."""
        return None

    def raw(self, primals: Arrays, cotangents: Arrays) -> list[RawGradient] | None:
        """What the backward itself returns, where it can be called."""
        return None

    def writes(self, primals: Arrays, cotangents: Arrays) -> list[Write] | None:
        """What one forward and one backward change in place."""
        return None

    @property
    def wording(self) -> Wording:
        """What hints call the things that it is written with."""
        return FUNCTION if isinstance(self.target, Function) else self.usual_wording

    library: str
    usual_wording: Wording
    has_engine = False  # an engine sums and casts gradients before anyone looks

    arguments: Arguments
    settings: Settings
    values: list[Any]  # leaves of the arguments, then a module's parameters
    active: list[int]  # which of them are differentiated
    remake: Callable[[Sequence[Any]], Target]

    @property
    def count(self) -> int:
        """How many of the values belong to the arguments, and can be exchanged."""
        return len(self.values)

    def array(self, position: int) -> np.ndarray[Any, Any] | None:
        """A leaf of the arguments as NumPy's array, None where it is no array."""
        value = self.values[position]
        return self.to_numpy(value) if hasattr(value, "shape") else None

    def like(self, array: np.ndarray[Any, Any], position: int) -> Any:
        """An array of the target's library with the dtype of a leaf."""
        return np.asarray(array, dtype=self.values[position].dtype)

    def with_values(self, values: dict[int, np.ndarray[Any, Any]]) -> Target:
        """The same target on other values, of any shapes, for some of its leaves.

        Raises:
            TargetCrash, TargetError, InputError: where it does not take them.
        """
        leaves = list(self.values)
        for position, array in values.items():
            leaves[position] = self.like(array, position)
        return self.remake(leaves)

    def to_numpy(self, array: Any) -> np.ndarray[Any, Any]:
        """An array of the target's library as NumPy's."""
        return np.asarray(array)

    @property
    def epsilon(self) -> float:
        """Spacing of the numbers that the target computes in."""
        return max(SPACING.get(dtype, 2.2e-16) for dtype in (self.dtype, *self.gives))


def make(target: Any, inputs: Sequence[Any], settings: Settings) -> Target:
    """The adapter for a target and its inputs.

    Raises:
        TargetError: where the target is nothing that can be checked.
        InputError: where the inputs do not fit it.
    """
    name = target_name(target)
    if not callable(target):
        raise TargetError(
            f"{name} cannot be checked: it is a {type(target).__name__}, expected a "
            "gp.function, a torch.autograd.Function subclass, a module or a callable"
        )
    arguments = Arguments.of(inputs)
    adapter = _adapter(target, name, arguments, settings)

    def remake(leaves: Sequence[Any]) -> Target:
        other = make(target, arguments.rebuild(leaves), settings)
        if other.names != adapter.names:
            raise InputError(f"{name}: other inputs are differentiated at other sizes")
        return other

    adapter.remake = remake
    return adapter


def _adapter(
    target: Any, name: str, arguments: Arguments, settings: Settings
) -> Target:
    torch_found = _any_instance(arguments.leaves, "torch", "Tensor")
    jax_found = _any_instance(arguments.leaves, "jax", "Array")
    if torch_found or is_autograd_function(target):
        from gradproof.check.targets.torch_ import TorchTarget

        return TorchTarget(target, name, arguments, settings)
    if jax_found:
        from gradproof.check.targets.jax_ import JaxTarget

        return JaxTarget(target, name, arguments, settings)
    from gradproof.check.targets.numpy_ import NumpyTarget

    return NumpyTarget(target, name, arguments, settings)


@dataclass(frozen=True)
class Settings:
    """What changes how a target is called."""

    options: dict[str, Any]
    backward: Callable[..., Any] | None = None
    reference: Callable[..., Any] | None = None
    gradient_of: Callable[..., Any] | None = None


def target_name(target: Any) -> str:
    """What reports call a target."""
    name = getattr(target, "__name__", None) or type(target).__name__
    return str(name)


def is_autograd_function(target: Any) -> bool:
    """Whether it is a subclass of ``torch.autograd.Function``."""
    if "torch" not in sys.modules or not isinstance(target, type):
        return False
    return issubclass(target, sys.modules["torch"].autograd.Function)


def parameter_names(forward: Callable[..., Any], skip: int, count: int) -> list[str]:
    """Names for positional arguments, from the signature as far as it goes."""
    try:
        parameters = list(inspect.signature(forward).parameters.values())[skip:]
    except (TypeError, ValueError):
        parameters = []
    names: list[str] = []
    for parameter in parameters:
        if parameter.kind is parameter.VAR_POSITIONAL:
            missing = count - len(names)
            names += [f"{parameter.name}[{i}]" for i in range(missing)]
        elif parameter.kind is not parameter.KEYWORD_ONLY:
            names.append(parameter.name)
    names += [f"input {index}" for index in range(len(names), count)]
    return names[:count]


@contextlib.contextmanager
def blame(stage: str) -> Iterator[None]:
    """Whatever the target raises inside becomes a ``TargetCrash``."""
    try:
        yield
    except (TargetCrash, InputError, TargetError, KeyboardInterrupt):
        raise
    except Exception as error:
        raise TargetCrash(stage, error) from error


def describe(error: BaseException) -> str:
    """One line for an exception of the user's: type, text, and the user's line."""
    if isinstance(error, RuleError):
        return str(error)
    text = " ".join(str(error).split())
    what = f"{type(error).__name__}: {text}" if text else type(error).__name__
    place = _user_line(error)
    return f"{what} ({place})" if place else what


def _user_line(error: BaseException) -> str | None:
    ours = __name__.split(".", maxsplit=1)[0]
    frames = list(traceback.walk_tb(error.__traceback__))
    for frame, line in reversed(frames):
        module = frame.f_globals.get("__name__", "")
        if module.split(".")[0] not in (ours, "torch", "jax", "numpy", "contextlib"):
            return f"{frame.f_code.co_filename.rsplit('/', 1)[-1]}:{line}"
    return None


def _any_instance(values: Sequence[Any], module: str, kind: str) -> bool:
    if module not in sys.modules:
        return False
    return any(isinstance(v, getattr(sys.modules[module], kind)) for v in values)
