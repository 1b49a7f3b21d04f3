"""What ``gp.derive`` gives: a backward as source, and the same to run."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from gradproof._errors import InputError
from gradproof.derive import forms
from gradproof.derive.assumptions import assumptions
from gradproof.derive.axes import (
    Group,
    Needed,
    Sizes,
    apart,
    by_size,
    partly,
    sizes_for,
)
from gradproof.derive.emit import FORMS
from gradproof.derive.ir import Value
from gradproof.derive.program import Differentiated, differentiate
from gradproof.derive.trace import Program


class Derivation:
    """The backward of a function, for inputs of some shapes.

    Attributes:
        forward: the function.
        program: what it does, traced.
        wrt: names of the inputs that it is differentiated in.
        retrace: traces the forward again, with other sizes of axes.
    """

    def __init__(
        self,
        forward: Callable[..., Any],
        program: Program,
        wrt: Sequence[str],
        retrace: Callable[[Sizes], Program],
    ):
        self.forward = forward
        self.program = program
        self.wrt = tuple(wrt)
        self.retrace = retrace
        self._backwards: dict[bool, Differentiated] = {}
        self._sources: dict[str, str] = {}
        self._modules: dict[str, Mapping[str, Any]] = {}
        self._gradients: Callable[..., Any] = namedtuple(  # type: ignore[misc]
            "Gradients", self.wrt
        )

    def __repr__(self) -> str:
        inputs = ", ".join(f"{v.name}: {v.dtype}{list(v.shape)}" for v in self._inputs)
        return (
            f"<derivation of {self.program.name}({inputs}) wrt {', '.join(self.wrt)}>"
        )

    @property
    def _inputs(self) -> list[Value]:
        return self.program.inputs

    @cached_property
    def seeded(self) -> Differentiated:
        """The backward from the gradients of the outputs."""
        return self._assuming(self._backward(seeded=True))

    @cached_property
    def from_one(self) -> Differentiated:
        """The backward of a single number, whose gradient is 1; else as ``seeded``."""
        if not self.is_scalar:
            return self.seeded
        return self._assuming(self._backward(seeded=False))

    def _backward(self, *, seeded: bool) -> Differentiated:
        if seeded not in self._backwards:
            made = self._differentiated(self.program, seeded=seeded)
            self._backwards[seeded] = made
        return self._backwards[seeded]

    def _differentiated(self, program: Program, *, seeded: bool) -> Differentiated:
        wrt = [v for v in program.inputs if v.name in self.wrt]
        return differentiate(program, wrt, seeded=seeded)

    def _assuming(self, d: Differentiated) -> Differentiated:
        return replace(d, assumed=tuple(assumptions(d, self._needed)))

    @cached_property
    def _needed(self) -> Needed | None:
        """What must hold of sizes; None where no other sizes will do at all."""
        if self.program.sizes_matter:
            return None
        inputs = {v.name or "": v.type for v in self._inputs}
        finest, together = apart(inputs, self.retrace), by_size(inputs)

        def is_same(groups: Sequence[Group]) -> bool:
            return self._is_written_the_same(sizes_for(inputs, groups))

        if finest and is_same(finest.groups):
            return Needed(finest.spread)
        if not is_same(together):
            return partly(inputs, self.retrace, self._is_written_the_same)
        if not finest:
            return Needed(tuple(group for group in together if len(group) > 1))
        needed = []
        for group in together:
            parts = [one for one in finest.groups if one <= group]
            others = [one for one in together if one != group]
            if len(parts) > 1 and not is_same([*parts, *others]):
                needed.append(group)
        spread = (g for g in finest.spread if not any(g <= one for one in needed))
        return Needed((*needed, *spread))

    def _is_written_the_same(self, sizes: Sizes) -> bool:
        """Whether the same source would be written for inputs of other sizes."""
        write, seeded = FORMS["numpy"].emit, not self.is_scalar
        try:
            other = self._differentiated(self.retrace(sizes), seeded=seeded)
        except Exception:  # the forward is the user's, and may say no in its own way
            return False
        return write(other) == write(self._backward(seeded=seeded))

    @property
    def is_scalar(self) -> bool:
        """Whether the output is a single number."""
        output = self.program.outputs[0]
        return not self.program.is_tuple and output.shape == () and output.is_real

    def source(self, to: str) -> str:
        """The backward as text.

        Args:
            to: ``"numpy"``, ``"torch"`` (an ``autograd.Function``), ``"torch-library"``
                (a ``custom_op`` with ``register_autograd``), ``"jax"`` (a
                ``custom_vjp``), ``"latex"`` or ``"markdown"``. Code runs on its own: it
                imports that library and nothing of gradproof's.

        Raises:
            InputError: for a form that there is not.
        """
        if to not in FORMS:
            raise InputError(f"no form {to!r}: there are {', '.join(FORMS)}")
        if to not in self._sources:
            form = FORMS[to]
            self._sources[to] = form.emit(self.seeded if form.seeded else self.from_one)
        return self._sources[to]

    def module(self, to: str) -> Mapping[str, Any]:
        """What the source of a form defines, run."""
        if to not in self._modules:
            self._modules[to] = forms.run(self.source(to), self.program.name, to)
        return self._modules[to]

    @property
    def saved(self) -> Mapping[str, Mapping[str, Any]]:
        """What the torch form keeps for backward: by name, ``why`` and ``bytes``."""
        return forms.saved(self.seeded)

    @property
    def function(self) -> Any:
        """A ``gp.function`` of the forward, whose gradients are the derived ones."""
        from gradproof._function import Function, function

        if isinstance(self.forward, Function):
            return self.forward
        return function(self.forward)

    def gradients(self, *inputs: Any, grad_output: Any = None) -> Any:
        """The gradients by input name, a named tuple, from the source that was written.

        Args:
            *inputs: arrays of NumPy, torch or JAX, of the shapes it was derived for.
            grad_output: gradient of the output, or a tuple of them; may be left out
                where the output is a single number.

        Raises:
            InputError: where grad_output is missing.
        """
        return self._gradients(*forms.gradients(self, inputs, grad_output))
