"""Explain: a derivation step by step, with the numbers in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the front page imports this file, and must stay light
    from gradproof.explain.steps import Explanation


def explain(
    f: Callable[..., Any],
    *inputs: Any,
    wrt: str | Sequence[str] | None = None,
    grad_output: Any = None,
    **options: Any,
) -> Explanation:
    """Every line of a function with its value, its gradient and its local rule.

    Args:
        f: a function of arrays, as ``gp.derive`` takes it.
        *inputs: one for each positional parameter: arrays of NumPy, torch or JAX.
        wrt: names of the inputs to differentiate in; by default every floating one.
        grad_output: gradient of the output, or a tuple of them where there are
            several; ones by default.
        **options: keyword-only arguments of ``f``.

    Returns:
        An Explanation: ``str()`` is a table, ``.steps`` has one entry a line.

    Raises:
        DeriveError: for what cannot be derived, at the line of ``f``.
        InputError: where inputs, ``wrt`` or ``grad_output`` do not fit.
    """
    from gradproof.explain.lines import explanation

    return explanation(f, inputs, options, wrt=wrt, grad_output=grad_output)
