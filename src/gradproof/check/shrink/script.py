"""A case as lines of Python that run by themselves and show what is wrong.

What differs from library to library is a ``Dialect``: a subclass, one a file.
"""

from __future__ import annotations

import ast
import keyword
import math
import re
import textwrap
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from functools import cached_property
from importlib import import_module
from typing import Any

import numpy as np

from gradproof.check.session import Array, magnitude
from gradproof.check.shrink._literals import (
    MOST_DIGITS,
    Code,
    NotWritableError,
    plain,
    unnamed,
)
from gradproof.check.shrink._numbers import WRITTEN, is_ramp, largest
from gradproof.check.shrink._origin import Origin
from gradproof.check.shrink.case import Case

WIDTH = 72
WHOLE = 8  # a larger gradient is shown at its worst element
DIGITS = 3
GIVES, SHOULD_BE = "gives    ", "should be"


def lines(case: Case) -> str | None:
    """The case as source, None where some of it cannot be written down."""
    module = import_module(f"{__package__}._{case.target.library}")
    try:
        dialect: Dialect = module.Dialect(case)
        text = "\n".join(dialect.lines())
        ast.parse(text)
    except (NotWritableError, SyntaxError):  # such as a name that is cut in two
        return None
    return text


class Dialect(ABC):
    """How a library writes one call and its gradient.

    Attributes:
        imports: the lines that import it.
        taken: names that no input may have.
    """

    imports: tuple[str, ...]
    taken: tuple[str, ...]

    def __init__(self, case: Case):
        self.case = case
        self.target = case.target

    @abstractmethod
    def array(self, array: Array, position: int) -> str:
        """The literal of a leaf."""

    @abstractmethod
    def pulled(self) -> Iterator[str]:
        """The lines that call the target and its backward."""

    @abstractmethod
    def gradient(self) -> str:
        """The expression for the gradient that is wrong."""

    def raw(self) -> str:
        """The expression for what backward itself returned."""
        return self.gradient()

    def setup(self) -> Iterator[str]:
        """What must be said before the target is called."""
        return iter(())

    def lines(self) -> Iterator[str]:
        """The whole script."""
        origins = [Origin.of(one) for one in self.objects()]
        yield from self.imports
        yield from (one.line for one in origins if one.imported)
        yield from (one.line for one in origins if not one.imported)
        setup = [*self.setup()]
        if setup:
            yield ""
            yield from setup
        yield ""
        for name, value in zip(self.names, self._literals(), strict=True):
            yield from _wrapped(f"{name} = {value!r}")
        yield ""
        for line in self.pulled():
            yield from _wrapped(line)
        yield from self._shown()

    def objects(self) -> list[Any]:
        """What the script calls and must get from somewhere."""
        return [self.target.target]

    @property
    def call(self) -> str:
        """The call of the target, as far as its opening bracket."""
        return Origin.of(self.target.target).name

    @cached_property
    def names(self) -> list[str]:
        """A variable for each argument."""
        taken = {*self.taken, *(Origin.of(one).name for one in self.objects())}
        names: dict[int, str] = {}
        leaves = [line.split(": ")[0] for line in self.target.described]
        for (position, path), leaf in zip(
            self.target.arguments.paths, leaves, strict=False
        ):
            name = re.sub(r"\W+", "_", leaf.removesuffix(path)).strip("_")
            while name in taken or keyword.iskeyword(name):
                name += "_"
            names.setdefault(position, name)
        if len(names) != self.target.arguments.count:
            raise NotWritableError  # an argument without any leaf
        return [names[position] for position in sorted(names)]

    @property
    def options(self) -> str:
        """Keyword arguments, after a comma."""
        return "".join(
            f", {name}={plain(value)}"
            for name, value in self.target.settings.options.items()
        )

    @property
    def blamed(self) -> tuple[str, str]:
        """The variable that holds the input, and the way to the input in it."""
        assert self.case.index is not None
        leaf = self.target.active[self.case.index]
        position, path = self.target.arguments.paths[leaf]
        return self.names[position], path

    def leaf(self, position: int) -> Array | None:
        """The numbers in a leaf, those of the case where it is differentiated."""
        if position in self.target.active:
            return self.case.primals[self.target.active.index(position)]
        return self.target.array(position)

    def _literals(self) -> list[Any]:
        total, codes = 0, []
        for position in range(self.target.count):
            array = self.leaf(position)
            if array is None:
                codes.append(Code(plain(self.target.values[position])))
                continue
            total += 0 if is_ramp(array) else array.size
            if total > WRITTEN:
                raise NotWritableError
            codes.append(Code(self.array(array, position)))
        arguments: list[Any] = self.target.arguments.rebuild(codes)
        return [unnamed(argument) for argument in arguments]

    def _shown(self) -> Iterator[str]:
        case = self.case
        if case.raised is not None:
            yield f"# raises {case.raised}"
            return
        if case.raw is not None:
            what = ".shape" if case.raw.problem == "shape" else ".dtype"
            yield f"print({self.raw()}{what})"
            for label, spec in ((GIVES, case.raw.got), (SHOULD_BE, case.raw.expected)):
                yield f"# {label} {self.specified(spec)[what]}"
            return
        gave, expected = self.convention(case.gave), self.convention(case.expected)
        if expected is None:
            yield from self._not_finite(gave)
            return
        apart = np.abs(expected if gave is None else gave - expected)
        element = largest(apart) if expected.size > WHOLE else ()
        index = f"[{', '.join(map(str, element))}]" if element else ""
        tolist = ".tolist()" if gave is not None else ""
        yield f"print({self.gradient()}{index if gave is not None else ''}{tolist})"
        if element and gave is not None:
            gave, expected = gave[element], expected[element]
        yield from _compared(gave, expected, case.error)

    def _not_finite(self, gave: Array | None) -> Iterator[str]:
        assert gave is not None
        yield f"print({self.gradient()}.tolist())"
        yield from _said(GIVES, repr(_rounded(gave.tolist(), DIGITS)))
        yield from _said(SHOULD_BE, "finite")

    def specified(self, spec: str) -> dict[str, str]:
        """A shape and a dtype such as ``float64[2, 3]`` as they print."""
        dtype, _, shape = spec.partition("[")
        sizes = [int(size) for size in shape.rstrip("]").split(", ") if size]
        return {".shape": str(tuple(sizes)), ".dtype": dtype}

    def convention(self, gradient: Array | None) -> Array | None:
        """A gradient as the library itself gives it."""
        return gradient


def _compared(gave: Array | None, expected: Array, error: float) -> Iterator[str]:
    """What came and what should come, in digits that tell them apart."""
    size = magnitude(expected) or 1.0
    apart = size if gave is None else magnitude(gave - expected)
    if not apart > 4 * error:
        raise NotWritableError
    needed = 2 + math.ceil(-math.log10(min(apart / size, 1.0)))
    justified = math.floor(-math.log10(max(error / size, 1e-16)))
    digits = max(DIGITS, min(needed, justified, MOST_DIGITS))
    for label, array in ((GIVES, gave), (SHOULD_BE, expected)):
        said = "None" if array is None else repr(_rounded(array.tolist(), digits))
        yield from _said(label, said)


def _said(label: str, text: str) -> Sequence[str]:
    """A comment that goes on where it is long."""
    return textwrap.wrap(f"# {label} {text}", WIDTH, subsequent_indent="#           ")


def _rounded(tree: Any, digits: int) -> Any:
    if isinstance(tree, list):
        return [_rounded(one, digits) for one in tree]
    if isinstance(tree, complex):
        return complex(_rounded(tree.real, digits), _rounded(tree.imag, digits))
    return float(f"{tree:.{digits}g}")


def _wrapped(line: str) -> Sequence[str]:
    """A statement in lines that are short enough; it breaks only inside brackets."""
    return textwrap.wrap(
        line,
        WIDTH,
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
