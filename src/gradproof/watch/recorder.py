"""Notices each new kind of call of a hand-written gradient, and copies it.

Every call passes through here while recording, so what is known must cost almost
nothing: one dictionary look-up for a target that is known well enough, one key of
shapes and dtypes for another.
"""

from __future__ import annotations

import contextlib
import importlib.util
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradproof._function import Function
from gradproof.watch.calls import Call, Listener, bytes_of, copied, name_of

KINDS = 4  # calls of one target that are kept
KEYS = 1000  # different calls of one target that are looked at
MOST_TARGETS = 10_000  # classes made in a loop are not held for ever
FAMILIAR = 100  # looks in a row at nothing new, until they become fewer
STRIDES = (3, 7, 11, 5, 13)  # without a period that a loop could share
MAX_BYTES = 256 << 20
NOT_ASKED_FOR = ("torch", "gradproof")


@dataclass
class Seen:
    """What is known of one target.

    Attributes:
        keys: the different calls that were looked at.
        familiar: how many looks in a row found nothing new.
        unseen: how many calls to let pass before the next look.
    """

    target: Any
    name: str
    keys: set[Any] = field(default_factory=set)
    familiar: int = 0
    unseen: int = 0


class Recorder:
    """The calls of a program, a few of each target.

    Args:
        only: packages whose targets are recorded; all but torch's own if empty.
        max_bytes: how much all copies together may take.
        listener: is given each call as it is recorded.
    """

    def __init__(
        self,
        only: Sequence[str] = (),
        max_bytes: int = MAX_BYTES,
        listener: Listener | None = None,
    ):
        self.calls: dict[str, dict[Any, Call]] = {}
        self.too_large: dict[str, int] = {}
        self._only = tuple(only)
        self._left = max_bytes
        self.listener = listener
        self._seen: dict[Any, Seen | None] = {}  # None: not recorded, or known enough
        self._pauses = 0
        self._lock = threading.RLock()

    @property
    def applied(self) -> list[str]:
        """The names of all that was applied, recorded or not, but for torch's own."""
        names = [name_of(_generated_from(one) or one) for one in self._seen]
        return [
            name
            for name in names
            if not any(_is_in(name.partition(":")[0], one) for one in NOT_ASKED_FOR)
        ]

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """Record what is called inside, and nothing afterwards."""
        self._pauses = 0
        with contextlib.ExitStack() as stack:
            stack.callback(self._stop)
            stack.enter_context(self._checks_unrecorded())
            stack.enter_context(self._functions())
            if importlib.util.find_spec("torch") is not None:
                stack.enter_context(self._autograd_functions())
            yield

    def _stop(self) -> None:
        self._pauses = 1

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Record nothing inside."""
        self._pauses += 1
        try:
            yield
        finally:
            self._pauses -= 1

    @contextlib.contextmanager
    def _autograd_functions(self) -> Iterator[None]:
        import torch

        original = torch.autograd.Function.__dict__["apply"]
        run, seen, unknown = original.__func__, self._seen, Seen(None, "")
        transforms = torch._C._are_functorch_transforms_active
        compiling = torch.compiler.is_compiling

        def apply(cls: Any, *args: Any, **kwargs: Any) -> Any:
            known = seen.get(cls, unknown)
            if known is not None:
                if known.unseen:
                    known.unseen -= 1
                elif not (self._pauses or transforms() or compiling()):
                    self._look(cls, args, kwargs)
            return run(cls, *args, **kwargs)

        with _patched(torch.autograd.Function, "apply", classmethod(apply)):
            yield

    @contextlib.contextmanager
    def _functions(self) -> Iterator[None]:
        run, seen, unknown = Function.__call__, self._seen, Seen(None, "")

        def call(function: Any, /, *inputs: Any, **options: Any) -> Any:
            known = seen.get(function, unknown)
            if known is not None:
                if known.unseen:
                    known.unseen -= 1
                elif not self._pauses and all(map(_is_recordable, inputs)):
                    self._look(function, inputs, options)
            return run(function, *inputs, **options)

        with _patched(Function, "__call__", call):
            yield

    @contextlib.contextmanager
    def _checks_unrecorded(self) -> Iterator[None]:
        """A check makes calls that no program makes: those are not looked at."""
        from gradproof.check import runner

        run = runner.run

        def paused_run(*args: Any, **kwargs: Any) -> Any:
            with self.paused():
                return run(*args, **kwargs)

        with _patched(runner, "run", paused_run):
            yield

    def _look(self, target: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> None:
        """Copy the call if nothing like it is known of the target."""
        seen = self._seen.get(target) or self._first_time(target)
        if seen is None:
            return
        key = _key(args) if not kwargs else (_key(args), _key(tuple(kwargs.items())))
        if key in seen.keys:
            seen.familiar += 1
            rounds = min(seen.familiar // FAMILIAR, len(STRIDES))
            seen.unseen = rounds * STRIDES[seen.familiar % len(STRIDES)]
            return
        seen.keys.add(key)
        seen.familiar = 0
        with self._lock, self.paused():
            self._keep(seen, args, kwargs)
            calls = self.calls.get(seen.name, {}).values()
            is_known = len(calls) >= KINDS and all(call.grads for call in calls)
            if is_known or len(seen.keys) >= KEYS:
                self._seen[target] = None

    def _first_time(self, target: Any) -> Seen | None:
        actual = _generated_from(target) or target
        is_wanted = len(self._seen) < MOST_TARGETS and self._is_wanted(actual)
        seen = Seen(actual, name_of(actual)) if is_wanted else None
        if len(self._seen) < MOST_TARGETS:
            self._seen[target] = seen
        return seen

    def _is_wanted(self, target: Any) -> bool:
        module = str(getattr(target, "__module__", ""))
        if self._only:
            return any(_is_in(module, package) for package in self._only)
        return not any(_is_in(module, package) for package in NOT_ASKED_FOR)

    def _keep(self, seen: Seen, args: Sequence[Any], kwargs: dict[str, Any]) -> None:
        if isinstance(seen.target, Function):
            args, kwargs = _inputs_and_options(seen.target, args, kwargs)
        kind = (id(seen.target), _kind(args), _kind(tuple(kwargs.items())))
        calls = self.calls.setdefault(seen.name, {})
        before = calls.get(kind)
        if before is None and len(calls) >= KINDS:
            return
        size = bytes_of(args)
        if size > self._left:
            self.too_large.setdefault(seen.name, size)
            return
        call = copied(seen.target, args, kwargs)
        if not call.is_differentiable or (before and before.grads >= call.grads):
            return
        self._left -= size
        calls[kind] = call
        if self.listener is not None:
            self.listener(call)


@contextlib.contextmanager
def _patched(owner: Any, name: str, value: Any) -> Iterator[None]:
    before = vars(owner)[name]
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


def _key(values: Sequence[Any]) -> Any:
    """What tells calls apart that are worth a look; quick to make."""
    key: list[Any] = []
    for value in values:
        kind = type(value)
        if hasattr(value, "requires_grad"):
            key += (value.shape, value.dtype, value.requires_grad)
        elif kind is tuple or kind is list:
            key.append(_key(value))
        elif kind in (int, str, bool):
            key.append(value)
        elif kind is np.ndarray:
            key += (value.shape, value.dtype)
        else:
            key.append(kind)
    return tuple(key)


def _kind(values: Sequence[Any]) -> Any:
    """What tells calls apart that are worth a check of their own."""
    kind: list[Any] = []
    for value in values:
        if hasattr(value, "shape") and hasattr(value, "dtype"):
            kind.append((tuple(min(size, 2) for size in value.shape), value.dtype))
        elif isinstance(value, list | tuple):
            kind.append(_kind(value))
        elif isinstance(value, bool | str | type(None)):
            kind.append(value)
        else:
            kind.append(type(value))
    return tuple(kind)


def _is_in(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def _is_recordable(value: Any) -> bool:
    return hasattr(value, "requires_grad") or isinstance(
        value, np.ndarray | float | int
    )


def _generated_from(target: Any) -> Any:
    """The ``gp.function`` that an ``autograd.Function`` was made from, or None."""
    parts = getattr(getattr(target, "forward", None), "__self__", None)
    owner = getattr(parts, "function", None)
    return owner if isinstance(owner, Function) else None


def _inputs_and_options(
    function: Any, args: Sequence[Any], kwargs: dict[str, Any]
) -> tuple[Sequence[Any], dict[str, Any]]:
    """As the function is called; the class made from it takes options as inputs."""
    count = len(function.inputs)
    rest = dict(zip(function.options, args[count:], strict=False))
    return args[:count], {**rest, **kwargs}
