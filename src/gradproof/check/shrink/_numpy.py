"""Scripts in NumPy: the hand-written backward, or a ``gp.function``'s gradients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from gradproof.check.session import Array
from gradproof.check.shrink import script
from gradproof.check.shrink._literals import Code, NotWritableError, filled
from gradproof.check.shrink._origin import Origin
from gradproof.check.targets._leaves import walk
from gradproof.check.targets.numpy_ import NumpyTarget

USUAL = ("float64", "int64", "complex128", "bool")


class Dialect(script.Dialect):
    """NumPy's."""

    imports = ("import numpy as np",)
    taken = ("np", "gradients")
    target: NumpyTarget

    def objects(self) -> list[Any]:
        """The backward, where there is one: the script calls nothing else."""
        backward = self.target.settings.backward
        return [self.target.target] if backward is None else [backward]

    def array(self, array: Array, position: int) -> str:
        """An array, or the number that was given."""
        return _array(array)

    def pulled(self) -> Iterator[str]:
        """The gradients, from the incoming one."""
        given = self.target.incoming(self.case.primals, self.case.cotangents)
        incoming = repr(_codes(given))
        origin = Origin.of(self.objects()[0])
        passed = ", ".join(self.names)
        if self.target.settings.backward is None:
            how = f"{passed}, grad_output={incoming}{self.options}"
            yield f"gradients = {origin.name}.gradients({how})"
        else:
            how = f"{incoming}, {passed}{self.options}"
            yield f"gradients = {origin.name}({how})"

    def gradient(self) -> str:
        """The one of the input, however they are returned."""
        assert self.case.index is not None
        if self.target.settings.backward is None:
            return f"gradients.{self.target.names[self.case.index]}"
        returned = self.target.returned(self.case.primals, self.case.cotangents)
        name = self.target.names[self.case.index]
        if isinstance(returned, Mapping):
            return f"gradients[{name!r}]"
        if not isinstance(returned, list | tuple):
            return "gradients"
        paths = [path for path, _ in walk(tuple(returned))]
        every = len(paths) == len(self.target.values)
        index = self.case.index
        return f"gradients{paths[self.target.active[index] if every else index]}"


def _codes(tree: Any) -> Any:
    if isinstance(tree, tuple):
        return tuple(_codes(one) for one in tree)
    if not isinstance(tree, np.ndarray | np.generic):
        raise NotWritableError
    return Code(_array(np.asarray(tree)))


def _array(array: Array) -> str:
    dtype = str(array.dtype)
    return filled("np", array, "" if dtype in USUAL else f", dtype=np.{dtype}")
