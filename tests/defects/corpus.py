"""The corpus of wrong backwards: each beside its right twin, each proven wrong.

A defect is one decorated function, ``@defect(...)``, that is given whether to make the
mistake and returns the target: the right twin differs in nothing else. The proof is
never gradproof's own: it compares with torch's autograd of a plain expression, or
states the mathematics (``proofs.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

DEFECTS: list[Defect] = []

Inputs = Callable[[], Sequence[Any]]


@dataclass(frozen=True)
class Case:
    """A target and the settings of ``gp.check`` that it is checked with."""

    target: Any
    settings: dict[str, Any] = field(default_factory=dict)


Proof = Callable[[Case, Inputs], bool]


@dataclass(frozen=True)
class Defect:
    """A wrong target, its twin, and what a check must say of the wrong one.

    Attributes:
        name: a few words.
        make: from whether it is to be wrong to a target or a case, made anew each
            time, so that state is never shared.
        inputs: returns ordinary small inputs, the same each time.
        proof: whether a case is wrong, by something other than gradproof.
        fails: the property that must fail, several where one of them will do.
        diagnosis: the diagnosis that must be named, None for any.
        input: the input that must be blamed, None for any.
    """

    name: str
    make: Callable[[bool], Any]
    inputs: Inputs
    proof: Proof
    fails: str | tuple[str, ...]
    diagnosis: str | None = None
    input: str | None = None

    @property
    def family(self) -> str:
        """The name of the file that it is in."""
        return self.make.__module__.rsplit(".", 1)[-1].strip("_")

    @property
    def properties(self) -> tuple[str, ...]:
        """The properties one of which must fail."""
        one = self.fails
        return (one,) if isinstance(one, str) else one

    def case(self, wrong: bool) -> Case:
        """The wrong target or its twin, never used before."""
        made = self.make(wrong)
        return made if isinstance(made, Case) else Case(made)


def defect(name: str, **about: Any) -> Callable[[Callable[[bool], Any]], Any]:
    """Decorator: add a defect to the corpus."""

    def register(make: Callable[[bool], Any]) -> Callable[[bool], Any]:
        DEFECTS.append(Defect(name=name, make=make, **about))
        return make

    return register
