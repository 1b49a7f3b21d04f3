"""``gp.rule``: an operation that gradproof does not know, with its local rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def rule(
    *,
    numpy: str | None = None,
    torch: str | None = None,
    jax: str | None = None,
    latex: str | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: the local rule of an elementwise operation, for ``gp.derive``.

    The name of the rule is the name of the operation: what a forward calls by it, in
    whichever library, is that operation from then on.

        @gp.rule(numpy="np.exp(-({0}**2))", torch="torch.exp(-({0}**2))")
        def bell(grad, output, x):
            "d e^(-x²) = -2·x·e^(-x²)·dx"
            return -2 * grad * x * output

    The rule takes the gradient of the output, the output and the operands, and returns
    one gradient, or a tuple with one for each operand. It is mathematics: broadcasting
    is undone, and dtypes are cast, by the driver.

    Args:
        numpy: how it is written in NumPy; ``{0}`` is the first operand, ``np`` the
            library. By default NumPy's function of the same name.
        torch: likewise in torch.
        jax: likewise in JAX, with ``jnp`` and ``jax``; by default as in NumPy.
        latex: likewise in LaTeX.

    Returns:
        The decorator; it gives a function that works on arrays and in forwards.

    Raises:
        DefinitionError: for a name that has a rule, or a rule without an operand.
    """

    def decorate(pullback: Callable[..., Any]) -> Callable[..., Any]:
        from gradproof.derive.outside import define

        spelling = {"numpy": numpy, "torch": torch, "jax": jax, "latex": latex}
        return define(pullback, spelling)

    return decorate
