"""``gp.check``: inputs → witnesses → properties → diagnosis → verdict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from gradproof.check.verdict import Verdict

if TYPE_CHECKING:
    from concurrent.futures import Executor


def check(
    target: Any,
    *inputs: Any,
    backward: Callable[..., Any] | None = None,
    reference: Callable[..., Any] | None = None,
    gradient_of: Callable[..., Any] | None = None,
    select: Sequence[str] | None = None,
    ignore: Sequence[str] | None = None,
    rtol: float | None = None,
    atol: float | None = None,
    seed: int = 0,
    executor: Executor | None = None,
    raise_exception: bool = False,
    **options: Any,
) -> Verdict:
    """Whether a gradient is right, and what is wrong with it.

    Nothing is left behind: random state, grad mode, ``.grad`` fields and inputs are
    as before.

    Args:
        target: a ``gp.function``; a ``torch.autograd.Function`` subclass; a module
            (its parameters are checked too), an op or any callable from tensors to
            tensors; a NumPy forward together with ``backward=``; a JAX callable.
        *inputs: what to call it on, of any shapes and dtypes. Those that require grad
            are differentiated; if none does, every floating or complex one. Anything
            else passes through. Without inputs they come from ``gp.examples`` on the
            target, or from jaxtyping annotations on the forward.
        backward: a hand-written NumPy backward,
            ``(grad_output, *inputs) -> gradients``.
        reference: a plain differentiable function that computes the same value: an
            exact witness.
        gradient_of: the function whose gradient is meant, where it is not the
            target's own (straight-through, surrogate, gradient reversal).
        select: names of the only properties to check.
        ignore: names of properties to leave out.
        rtol: tolerance relative to the derivative; estimated from the error of the
            numerical witness where neither is given.
        atol: tolerance in units of the derivative along a direction of length one.
        seed: seed of every random choice.
        executor: runs examples and properties side by side, with the same verdict:
            processes (loky, dask, ``ProcessPoolExecutor``) save time, threads none.
        raise_exception: raise where something is found.
        **options: keyword arguments for the target itself.

    Returns:
        The verdict; true where nothing was found.

    Raises:
        GradientError: with the verdict as its text, if ``raise_exception``.
        InputError: for unknown properties or inputs that do not fit.
        NoInputsError: where no inputs are given or known.
        TargetError: where the target cannot be called, or gives nothing to check.
    """
    from gradproof.check.runner import run

    return run(
        target,
        inputs,
        {"backward": backward, "reference": reference, "gradient_of": gradient_of},
        options=options,
        select=select,
        ignore=ignore,
        tolerances={"rtol": rtol, "atol": atol},
        seed=seed,
        executor=executor,
        raise_exception=raise_exception,
    )
