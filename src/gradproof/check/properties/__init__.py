"""The properties, one a file; adding a file adds a property.

A property is a function from a ``Session`` to an ``Outcome``, registered with its
name, its title and the properties that must have run before it. The file bears its
name. Those in ``torch_only`` import torch, and are looked into only to check something
of torch's.
"""

from __future__ import annotations

import ast
import functools
import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING

from gradproof.check.verdict import Check, Finding, Status

if TYPE_CHECKING:
    from gradproof.check.session import Session

TORCH_ONLY = "torch_only"
ON_REQUEST = ("compile",)  # too slow to run without being asked for by name


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one property came to."""

    findings: tuple[Finding, ...] = ()
    detail: str = ""
    power: float | None = None
    status: Status | None = None

    def check(self, name: str) -> Check:
        """As the verdict has it: failed where something was found."""
        status = self.status or ("failed" if self.findings else "passed")
        return Check(property=name, status=status, detail=self.detail, power=self.power)


@dataclass(frozen=True, kw_only=True)
class Property:
    """Something that holds for every right backward.

    Attributes:
        name: what users select and ignore it by.
        title: the sentence that holds.
        after: properties that run first, so that one defect is blamed once.
        needs_right_gradient: whether it says nothing once a gradient was found wrong.
        run: the test itself.
    """

    name: str
    title: str
    after: tuple[str, ...]
    needs_right_gradient: bool
    run: Callable[[Session], Outcome]

    @property
    def by_default(self) -> bool:
        """Whether it runs without being asked for by name."""
        return self.name not in ON_REQUEST


_registry: dict[str, Property] = {}


def define(
    name: str,
    title: str,
    *,
    after: tuple[str, ...] = (),
    needs_right_gradient: bool = False,
) -> Callable[[Callable[[Session], Outcome]], Callable[[Session], Outcome]]:
    """Decorator: register a property under its name."""

    def register(run: Callable[[Session], Outcome]) -> Callable[[Session], Outcome]:
        _registry[name] = Property(
            name=name,
            title=title,
            after=after,
            needs_right_gradient=needs_right_gradient,
            run=run,
        )
        return run

    return register


def names() -> tuple[str, ...]:
    """The names of all properties, without looking into any."""
    return (*_names_in(), *_names_in(TORCH_ONLY))


@functools.cache
def titles() -> dict[str, str]:
    """The title of each property by its name, without importing any."""
    found: dict[str, str] = {}
    for file in sorted(Path(__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_bytes())):
            match node:
                case ast.Call(
                    func=ast.Name("define"),
                    args=[ast.Constant(str(name)), ast.Constant(str(title))],
                ):
                    found[name] = title
    return found


@functools.cache
def every(library: str) -> tuple[Property, ...]:
    """All properties for targets of a library, each after those that it names."""
    _load(_names_in(), "")
    found = {name: _registry[name] for name in _names_in()}
    for name in _names_in(TORCH_ONLY):
        found[name] = _only_torchs(name)
    if library == "torch":
        _load(_names_in(TORCH_ONLY), f"{TORCH_ONLY}.")
        found |= {name: _registry[name] for name in _names_in(TORCH_ONLY)}
    order = TopologicalSorter({name: one.after for name, one in found.items()})
    return tuple(found[name] for name in order.static_order())


def _names_in(folder: str = "") -> tuple[str, ...]:
    path = str(Path(__file__).parent / folder)
    modules = [module.name for module in pkgutil.iter_modules([path])]
    return tuple(m.replace("_", "-") for m in modules if m != TORCH_ONLY)


def _load(properties: tuple[str, ...], folder: str) -> None:
    for name in properties:
        importlib.import_module(f"{__name__}.{folder}{name.replace('-', '_')}")


def _only_torchs(name: str) -> Property:
    def run(_: Session) -> Outcome:
        return Outcome(status="unsupported", detail="only torch has this")

    return Property(name=name, title="", after=(), needs_right_gradient=False, run=run)
