"""Arrays that are made of sizes alone, so that source need not list their numbers."""

from __future__ import annotations

from gradproof.derive.ir import Type
from gradproof.derive.rules import _spell
from gradproof.derive.rules._define import without_gradient


def _arange(*, stop: int) -> Type:
    return Type((int(stop),), "int64")


arange = without_gradient(
    "arange",
    _arange,
    cheap=True,
    numpy="np.arange({stop})",
    torch=_spell.arange,
    latex=r"(0, \dots, {stop} - 1)",
)


def _eye(*, size: int, dtype: str) -> Type:
    return Type((int(size), int(size)), dtype)


eye = without_gradient(
    "eye",
    _eye,
    cheap=True,
    numpy=_spell.eye,
    latex="I",
)
