"""Scripts in JAX: ``jax.vjp`` in the input whose gradient is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gradproof.check.session import Array
from gradproof.check.shrink import script
from gradproof.check.shrink._literals import Code, NotWritableError, filled
from gradproof.check.targets.jax_ import JaxTarget


class Dialect(script.Dialect):
    """JAX's, its conjugated gradients of complex inputs among them."""

    imports = ("import jax", "import jax.numpy as jnp")
    taken = ("jax", "jnp", "output", "pull", "gradient")
    target: JaxTarget

    def setup(self) -> Iterator[str]:
        """Double precision, where the check was in it."""
        if self.target.dtype == "float64":
            yield 'jax.config.update("jax_enable_x64", True)'

    def array(self, array: Array, position: int) -> str:
        """An array, of another dtype only where it was given in one."""
        value = self.target.values[position]
        dtype = str(value.dtype)
        if position in self.target.active and self.target.dtype == "float64":
            dtype = "complex128" if np.iscomplexobj(array) else "float64"
        return _array(array, dtype)

    def pulled(self) -> Iterator[str]:
        """The pullback of one argument, the others closed over."""
        if self.case.index is None:
            raise NotWritableError
        variable, _ = self.blamed
        passed = ", ".join(self.names) + self.options
        yield (
            f"output, pull = jax.vjp(lambda {variable}: {self.call}({passed}), "
            f"{variable})"
        )
        yield f"(gradient,) = pull({self._incoming()!r})"

    def gradient(self) -> str:
        """The one of the input, inside what it was given in."""
        _, path = self.blamed
        return f"gradient{path}"

    def convention(self, gradient: Array | None) -> Array | None:
        """JAX's gradients are the conjugates of torch's."""
        return None if gradient is None else np.conj(gradient)

    def _incoming(self) -> Any:
        """The incoming gradients, nested as the output is."""
        remaining = iter(self.case.cotangents)

        def literal(one: Any) -> Code:
            if not jnp.issubdtype(one.dtype, jnp.inexact):
                raise NotWritableError
            return Code(_array(np.conj(next(remaining)), str(one.dtype)))

        return jax.tree.map(literal, self.target.output_tree(self.case.primals))


def _array(array: Array, dtype: str) -> str:
    return filled("jnp", array, f", dtype=jnp.{dtype}")
