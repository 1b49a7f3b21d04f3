r"""How a rule is written: a decorated function of mathematics.

    @elementwise(latex=r"\sin {0}")
    def sin(grad, output, x):
        "d sin x = cos x · dx"
        return grad * cos(x)

A rule takes the gradient of the output, the output and the operands, and returns one
gradient an operand. It does not undo broadcasting, add up or cast: the transpose does.
The decorated name then makes values: ``cos(x)``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradproof.derive import infer
from gradproof.derive.ir import Infer, Operation, Pullback, Value, register

REALS = (-3.0, 3.0)
POSITIVE = (0.2, 3.0)
UNIT = (-0.9, 0.9)

Rule = Callable[[Pullback], Callable[..., Value]]


def operation(
    infer: Infer,
    *,
    numpy: Any = None,
    torch: Any = None,
    jax: Any = None,
    latex: Any = None,
    elementwise: bool = False,
    cheap: bool = False,
    shape_only: tuple[int, ...] = (),
    domain: tuple[tuple[float, float], ...] = (),
) -> Rule:
    """Decorator: register an operation with its pullback.

    Args:
        infer: the type of the result.
        numpy: its spelling in NumPy (see ``emit.expressions``); by default a call of
            the same name.
        torch: in torch, likewise.
        jax: in JAX; by default as in NumPy.
        latex: in LaTeX.
        elementwise: as in ``ir.Operation``.
        cheap: likewise.
        shape_only: likewise.
        domain: likewise.
    """

    def decorate(pullback: Pullback) -> Callable[..., Value]:
        name = pullback.__name__.rstrip("_")
        spelling: dict[str, Any] = {
            "numpy": numpy,
            "torch": torch,
            "jax": jax,
            "latex": latex,
        }
        return register(
            Operation(
                name=name,
                infer=infer,
                pullback=pullback,
                spelling={k: v for k, v in spelling.items() if v is not None},
                elementwise=elementwise,
                cheap=cheap,
                shape_only=frozenset(shape_only),
                domain=domain,
                words=(pullback.__doc__ or "").strip(),
            )
        )

    return decorate


def elementwise(
    *domain: tuple[float, float],
    to_float: bool = True,
    cheap: bool = True,
    **options: Any,
) -> Rule:
    """Decorator: an operation that works element by element.

    Args:
        *domain: one interval of real numbers an operand.
        to_float: whether integers become floats.
        cheap: whether to compute it again rather than keep it.
        **options: spellings, as ``operation`` takes them, and ``infer``.
    """
    kind = options.pop("infer", infer.floating if to_float else infer.same)
    return operation(kind, elementwise=True, cheap=cheap, domain=domain, **options)


def without_gradient(name: str, infer: Infer, **options: Any) -> Callable[..., Value]:
    """An operation that has no gradient, or the gradient zero everywhere."""
    spelling: dict[str, Any] = {
        form: options.pop(form)
        for form in ("numpy", "torch", "jax", "latex")
        if form in options
    }
    shape_only = frozenset(options.pop("shape_only", ()))
    return register(
        Operation(name, infer, None, spelling, shape_only=shape_only, **options)
    )
