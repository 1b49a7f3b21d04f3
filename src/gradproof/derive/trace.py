"""Run a forward on tracers, and write down what it does.

A tracer stands for an array. It answers to NumPy's protocols, torch's and the array
API's, to operators and to methods, and makes one value an operation. Loops unroll;
shapes and plain Python are constants. What depends on the numbers themselves is refused
at the user's line.
"""

from __future__ import annotations

import inspect
import linecache
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from gradproof._errors import DeriveError
from gradproof.derive import calls, ir
from gradproof.derive.ir import (
    LARGEST,
    Size,
    Type,
    Value,
    constant,
    made_so_far,
    make,
    scalar,
)
from gradproof.derive.rules import creation
from gradproof.derive.tracer import Tracer

_OURS = str(Path(__file__).resolve().parents[1])
_LIBRARIES = ("numpy", "torch", "jax", "array_api_compat")


@dataclass
class Program:
    """A traced forward.

    Attributes:
        name: of the function.
        inputs: its array inputs, in order.
        outputs: its outputs, in order.
        is_tuple: whether it returned a tuple.
        library: whose names it is written in, as far as the inputs tell.
        doc: its docstring's first line, if any.
        sizes_matter: whether it decided something by a size.
    """

    name: str
    inputs: list[Value]
    outputs: list[Value]
    is_tuple: bool
    library: str
    doc: str = ""
    sizes_matter: bool = False


def trace(
    function: Callable[..., Any],
    inputs: Mapping[str, Type | Any],
    options: Mapping[str, Any],
    *,
    library: str = "numpy",
) -> Program:
    """The program that a forward is, for inputs of these types.

    Args:
        function: the forward.
        inputs: by name, the type of each array, or a plain Python value as it is.
        options: keyword-only arguments.
        library: "numpy", "torch" or "jax": whose meaning a method has.

    Raises:
        DeriveError: at the user's line, for what cannot be traced.
    """
    name = called(function)
    tracing = _Tracing(name, library)
    values = {n: ir.input(n, *t) for n, t in inputs.items() if isinstance(t, Type)}
    given = [
        Tracer(values[n], tracing) if n in values else t for n, t in inputs.items()
    ]
    with tracing.watching_returns():
        try:
            returned = function(*given, **options)
        except (DeriveError, Warning):
            raise
        except Exception as error:
            raise tracing.explained(error) from error
    is_tuple = isinstance(returned, tuple | list)
    if is_tuple and len(returned) < 2:
        raise DeriveError(
            f"{name} returned a {type(returned).__name__} of {len(returned)}: return "
            "the array itself, or a tuple of two or more"
        )
    outputs: list[Value] = []
    for one in returned if is_tuple else [returned]:
        if not isinstance(one, Tracer):
            kind = type(one).__name__
            if isinstance(one, dict | list | tuple):
                problem = f"a {kind}: return an array, or a tuple of arrays"
            else:
                problem = (
                    f"a {kind} that does not depend on its inputs: return arrays "
                    "computed from them"
                )
            raise DeriveError(f"{name} returned {problem}")
        value = one.value
        if value in outputs or not _is_fresh(value):
            value = tracing.as_written.get(one, value)
        outputs.append(value)
    return Program(
        name=name,
        inputs=list(values.values()),
        outputs=outputs,
        is_tuple=is_tuple,
        library=library,
        sizes_matter=tracing.sizes_matter,
        doc=(inspect.getdoc(function) or "").split("\n")[0],
    )


NEUTRAL = {"add": 0, "subtract": 0, "multiply": 1, "divide": 1}


def without_effect(value: Value) -> Value | None:
    """What a value is the same as, where 0 is added or it is divided by 1."""
    neutral = NEUTRAL.get(value.operation)
    if neutral is None:
        return None
    x, y = value.operands
    pairs = [(x, y), (y, x)] if value.operation in ("add", "multiply") else [(x, y)]
    for rest, other in pairs:
        number = other.number()
        if number is not None and number == neutral and rest.type == value.type:
            return rest
    return None


def _is_fresh(value: Value) -> bool:
    """Whether it is an array of its own, and no view of another."""
    operation = ir.OPERATIONS.get(value.operation)
    return bool(operation and operation.elementwise) and value.operation not in (
        "real",
        "imag",
        "conj",
        "copy",
    )


def called(function: Any) -> str:
    """The name of a function; a lambda has none that could be written."""
    name: str = getattr(function, "__name__", type(function).__name__)
    return name if name.isidentifier() else "function"


def tracing_for(function: str, library: str = "numpy") -> _Tracing:
    """A trace of its own, for a rule that is written in array functions."""
    return _Tracing(function, library)


@dataclass
class _Tracing:
    """What tracers share: whose names they answer to, and where the user is.

    Attributes:
        function: what is traced.
        library: whose meaning a method has.
        sizes: of axes that the forward has asked for, by their number.
        sizes_matter: whether it decided something by one of them.
        as_written: by the tracer that is what it was made from, ``x - 0.0``.
    """

    function: str
    library: str
    sizes: dict[int, Size] = field(default_factory=dict)
    sizes_matter: bool = False
    as_written: dict[Tracer, Value] = field(default_factory=dict)
    records_gradients: bool = field(default_factory=lambda: _records_gradients())

    def size_decides(self) -> None:
        """The forward decided something by a size, so it holds for these alone."""
        self.sizes_matter = True

    def invoke(
        self,
        called: str,
        name: str,
        args: Sequence[Any],
        options: Mapping[str, Any],
        *,
        library: str | None = None,
    ) -> Any:
        """Make the values that a call of this name means.

        Args:
            called: as the user wrote it, ``np.sum``.
            name: of what is called, ``sum``.
            args: with tracers among them.
            options: likewise.
            library: whose meaning the name has, if not that of the inputs' library.
        """
        frame = _user_frame()
        self.name_locals(frame)
        if self.records_gradients and not _records_gradients():
            raise self.refusal(
                f"{called} is called under no_grad",
                "give what it computes as an input that wrt= leaves out",
            )
        if name.endswith("_") and not name.startswith("_"):
            raise self.refusal(
                f"{called} writes in place",
                f"use {called.rstrip('_')}, which gives a new array",
            )
        meaning = calls.find(name, library or self.library)
        if meaning is None:
            raise self.refusal(
                f"{called} is not supported",
                "write it with operations that are, or give gp.rule a rule for it",
            )
        if options.get("out") is not None:
            raise self.refusal(f"{called}(out=...) writes in place", "leave out= out")
        options = {k: v for k, v in options.items() if k != "out"}
        before = made_so_far()
        try:
            result = calls.bind(
                meaning,
                tuple(map(self.plain, args)),
                {k: self.plain(v) for k, v in options.items()},
            )
        except DeriveError:
            raise
        except ValueError as error:
            raise self.refusal(f"{called}: {error}") from None
        except TypeError as error:
            raise self.refusal(f"{called} is supported, but not so: {error}") from None
        return self.traced(result, before, _line(frame))

    def plain(self, argument: Any) -> Any:
        """Tracers as their values, arrays as constants, containers likewise."""
        if isinstance(argument, Tracer):
            return argument.value
        if isinstance(argument, tuple | list):
            return type(argument)(map(self.plain, argument))
        if isinstance(argument, np.generic):
            return argument.item()
        if hasattr(argument, "__array__") and not isinstance(argument, type):
            return self.constant(argument)
        return argument

    def constant(self, array: Any) -> Value:
        """An array that the forward closed over, small enough to be written out."""
        detached = array.detach() if hasattr(array, "detach") else array
        values = np.asarray(detached)
        pattern = self.pattern(values)
        if pattern is not None:
            return pattern
        if values.size > LARGEST:
            raise self.refusal(
                f"an array of shape {values.shape} is used that is no input",
                "make it an input: source cannot hold so many numbers",
            )
        return constant(values)

    def pattern(self, array: np.ndarray[Any, Any]) -> Value | None:
        """What is made of sizes alone: 0, 1, 2, ..., an identity, one number."""
        if array.size < 2:
            return None
        size = self.sizes.get(len(array), len(array))
        if array.dtype == np.int64 and np.array_equal(array, np.arange(array.size)):
            return creation.arange(stop=size)
        number = array.flat[0].item()
        diagonal = np.full(len(array), number)
        is_scaled = array.ndim == 2 and number and np.isfinite(number)
        if is_scaled and np.array_equal(array, np.diag(diagonal)):
            identity = creation.eye(size=size, dtype=array.dtype.name)
            return identity if number == 1 else number * identity
        if np.all(array == array.flat[0]) and array.dtype.kind in "fc":
            shape = tuple(self.sizes.get(n, n) for n in array.shape)
            return make("full", scalar(number), shape=shape, dtype=array.dtype.name)
        return None

    def traced(self, result: Any, since: int, line: str) -> Any:
        if isinstance(result, Value):
            if result.serial > since and result.line is None:
                _set_line(result, since, line)
            rest = without_effect(result) if result.serial > since else None
            tracer = Tracer(result if rest is None else rest, self)
            if rest is not None:
                self.as_written[tracer] = result
            return tracer
        if isinstance(result, tuple | list):
            several = [self.traced(one, since, line) for one in result]
            named = getattr(type(result), "_make", None)
            return named(several) if named else type(result)(several)
        return result

    def refusal(self, problem: str, next_step: str = "") -> DeriveError:
        """An error at the user's line, with what it says."""
        frame = _user_frame()
        where = _line(frame)
        code = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
        text = f"{where}: in {self.function}, {problem}"
        text += f": {next_step}" if next_step else ""
        return DeriveError(f"{text}\n    {code}" if code else text)

    def explained(self, error: Exception) -> Exception:
        """What a library made of a tracer that it does not take, at the user's line.

        An error of the user's own code stays what it is.
        """
        frames = list(traceback.walk_tb(error.__traceback__))
        innermost = frames[-1][0]
        ours = innermost.f_code.co_filename.startswith(_OURS)
        if ours or not (_is_inside(innermost) or "Tracer" in str(error)):
            return error
        users = [(f, line) for f, line in frames if not _is_inside(f)]
        if not users:
            return error
        frame, number = users[-1]
        code = linecache.getline(frame.f_code.co_filename, number).strip()
        return DeriveError(
            f"{_line(frame, number)}: in {self.function}, what is called here does not "
            f"take a traced array ({type(error).__name__}): write it with NumPy, torch "
            f"or xp = gp.namespace(x)\n    {code}"
        )

    def name_of(self, tracer: Tracer) -> str:
        """What the user calls it where they are now, or what made it."""
        frame = _user_frame()
        self.name_locals(frame)
        for name, local in frame.f_locals.items():
            if local is tracer:  # y = x.copy() has the value of x
                return name
        return tracer.value.name or f"the result of {tracer.value.operation}"

    def name_locals(self, frame: FrameType) -> None:
        """Values that local variables hold get their names."""
        for name, local in frame.f_locals.items():
            if type(local) is Tracer and local.value.name is None:
                local.value.name = name

    @contextmanager
    def watching_returns(self) -> Iterator[None]:
        """Name what local variables hold when a function returns."""

        def profile(frame: FrameType, event: str, _: Any) -> None:
            if event == "return" and not _is_inside(frame):
                self.name_locals(frame)

        if sys.getprofile() is not None:  # a profiler is at work, and cannot share
            yield
            return
        sys.setprofile(profile)
        try:
            yield
        finally:
            sys.setprofile(None)


def _records_gradients() -> bool:
    """Whether torch, if it is there, would record what is computed now."""
    torch = sys.modules.get("torch")
    return torch is not None and torch.is_grad_enabled()


def _set_line(value: Value, since: int, line: str) -> None:
    stack = [value]
    while stack:
        one = stack.pop()
        if one.serial > since and one.line is None:
            one.line = line
            stack.extend(one.operands)


def _user_frame() -> FrameType:
    """The innermost frame that is not ours nor an array library's."""
    frame = sys._getframe(1)
    while _is_inside(frame) and frame.f_back is not None:
        frame = frame.f_back
    return frame


_inside: dict[str, bool] = {}


def _is_inside(frame: FrameType) -> bool:
    filename = frame.f_code.co_filename
    if filename not in _inside:
        roots = [_OURS]
        for library in _LIBRARIES:
            module = sys.modules.get(library)
            if module is not None and module.__file__:
                roots.append(str(Path(module.__file__).parent))
        _inside[filename] = any(filename.startswith(f"{root}/") for root in roots)
    return _inside[filename]


def _line(frame: FrameType, number: int | None = None) -> str:
    path = Path(frame.f_code.co_filename)
    try:
        shown = path.relative_to(Path.cwd())
    except ValueError:
        shown = path
    return f"{shown}:{frame.f_lineno if number is None else number}"
