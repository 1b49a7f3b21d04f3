"""Small questions about tensors, and the way between them and NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

DOUBLE = {True: torch.complex128, False: torch.float64}
COMPLEX = {torch.float64: torch.complex128, torch.float32: torch.complex64}


def is_inexact(value: Any) -> bool:
    """Whether it is a tensor of real or complex numbers."""
    return isinstance(value, torch.Tensor) and (
        value.is_floating_point() or value.is_complex()
    )


def widened(tensor: torch.Tensor) -> torch.Tensor:
    """The values in double precision, detached."""
    dense = tensor.detach()
    dense = dense.to_dense() if dense.layout != torch.strided else dense
    return dense.to(DOUBLE[tensor.is_complex()])


def to_numpy(tensor: torch.Tensor) -> np.ndarray[Any, Any]:
    """A copy of the values, in double precision where they are not whole numbers."""
    if not is_inexact(tensor):
        return np.array(tensor.detach().cpu().numpy())
    return np.array(widened(tensor).numpy(force=True), order="C")


def same(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two tensors hold the same values, NaN included."""
    one, other = one.detach(), other.detach()
    if one.shape != other.shape:
        return False
    both_nan = (one != one) & (other != other)
    return bool(((one == other) | both_nan).all())


def roughly_equal(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether they agree to a tenth of the largest, as one function in two dtypes."""
    if one.shape != other.shape:
        return False
    if not is_inexact(one):
        return True
    difference = (widened(one) - widened(other)).abs()
    scale = widened(other).abs()
    finite = torch.isfinite(difference)
    if not finite.any():
        return True
    return bool((difference[finite] <= 0.1 * scale[finite].max() + 1e-30).all())


def dtype_name(dtype: torch.dtype) -> str:
    """``float64`` for ``torch.float64``."""
    return str(dtype).removeprefix("torch.")


def describe(value: Any) -> str:
    """Dtype and shape of a tensor; anything else as it prints."""
    if not isinstance(value, torch.Tensor):
        return repr(value)
    return f"{dtype_name(value.dtype)}{list(value.shape)}"


def schema_of(target: Any) -> Any:
    """The schema of a library's op, however it is got hold of; None of all else."""
    op = getattr(target, "_opoverload", target)
    if isinstance(op, torch._ops.OpOverloadPacket):
        op = getattr(op, op.overloads()[0])  # type: ignore[no-untyped-call]
    return getattr(op, "_schema", None)


def differentiated(values: Sequence[Any]) -> list[int]:
    """Positions of those that require grad; if none does, of every inexact one."""
    floating = [i for i, value in enumerate(values) if is_inexact(value)]
    asked = [i for i in floating if values[i].requires_grad]
    return asked or floating
