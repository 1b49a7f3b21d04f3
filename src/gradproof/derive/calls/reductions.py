"""Names of reductions and scans."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradproof.derive.calls._table import Along, call
from gradproof.derive.infer import Axes, axes_of
from gradproof.derive.ir import Value
from gradproof.derive.rules import elementwise, reductions, scans, selection
from gradproof.derive.rules.joins import concatenate
from gradproof.derive.rules.selection import take_along_axis
from gradproof.derive.rules.shape import (
    broadcast_like,
    expand_dims,
    reshape,
    squeeze,
)


def options(x: Value, axis: Any, keepdims: Any) -> dict[str, Any]:
    """The parameters of a reduction, only those that say something."""
    chosen: dict[str, Any] = {}
    if axis is None and keepdims:
        axis = tuple(range(x.ndim))
    if axis is not None:
        several = isinstance(axis, tuple | list)
        chosen["axis"] = tuple(map(int, axis)) if several else int(axis)
    if keepdims:
        chosen["keepdims"] = True
    return chosen


Reduction = Callable[..., Value]
_SIMPLE: list[tuple[Reduction, str]] = [
    (reductions.sum, "sum"),
    (reductions.mean, "mean"),
    (reductions.max_, "amax"),
    (reductions.min_, "amin"),
    (reductions.all_, "all"),
    (reductions.any_, "any"),
    (reductions.argmax, "argmax"),
    (reductions.argmin, "argmin"),
]


def _reduction(rule: Reduction) -> Reduction:
    def reduce(x: Value, axis: Axes = None, keepdims: bool = False) -> Value:
        return rule(x, **options(x, axis, keepdims))

    return reduce


for _rule, _name in _SIMPLE:
    call(_name)(_reduction(_rule))


call("max")(_reduction(reductions.max_))
call("min")(_reduction(reductions.min_))


def _extreme(x: Value, axis: Any, keepdims: bool, name: str) -> Any:
    """torch's: of two arrays, of all, or (values, indices) along an axis."""
    if isinstance(axis, Value):
        two = elementwise.maximum if name == "max" else elementwise.minimum
        return two(x, axis)
    if axis is None:
        whole = reductions.max_ if name == "max" else reductions.min_
        return whole(x)
    place = reductions.argmax if name == "max" else reductions.argmin
    kept = place(x, axis=int(axis), keepdims=True)
    values = take_along_axis(x, kept, axis=int(axis))
    if keepdims:
        return Along(values, kept)
    gone = axes_of(int(axis), x.ndim)
    return Along(squeeze(values, axis=gone), place(x, axis=int(axis)))


@call("max", library="torch")
def torch_max(x: Value, axis: Any = None, keepdims: bool = False) -> Any:
    return _extreme(x, axis, keepdims, "max")


@call("min", library="torch")
def torch_min(x: Value, axis: Any = None, keepdims: bool = False) -> Any:
    return _extreme(x, axis, keepdims, "min")


@call("ptp")
def ptp(x: Value, axis: Axes = None, keepdims: bool = False) -> Value:
    chosen = options(x, axis, keepdims)
    return reductions.max_(x, **chosen) - reductions.min_(x, **chosen)


@call("count_nonzero")
def count_nonzero(x: Value, axis: Axes = None, keepdims: bool = False) -> Value:
    return reductions.sum(elementwise.not_equal(x, 0), **options(x, axis, keepdims))


@call("prod")
def prod(x: Value, axis: Axes = None, keepdims: bool = False) -> Value:
    if axis is None and not keepdims:
        return reductions.prod(x)
    axes = axes_of(axis, x.ndim)
    if len(axes) == 1 and isinstance(axis, int):
        return reductions.prod(x, **options(x, axis, keepdims))
    for one in axes:
        x = reductions.prod(x, axis=one, keepdims=True)
    return x if keepdims else squeeze(x, axis=axes)


def _spread_of(name: str, x: Value, correction: Any, chosen: dict[str, Any]) -> Value:
    rule = reductions.var if name == "var" else reductions.std
    if correction:
        chosen["correction"] = correction
    return rule(x, **chosen)


def _variance(name: str) -> None:
    def of_numpy(
        x: Value,
        axis: Axes = None,
        keepdims: bool = False,
        *,
        ddof: float = 0,
        correction: float = 0,
    ) -> Value:
        chosen = options(x, axis, keepdims)
        return _spread_of(name, x, ddof or correction, chosen)

    def of_torch(
        x: Value,
        axis: Any = None,
        unbiased: bool = True,
        keepdims: bool = False,
        *,
        correction: float | None = None,
    ) -> Value:
        if isinstance(axis, bool):  # torch.var(x, unbiased)
            axis, unbiased = None, axis
        degrees = int(unbiased) if correction is None else correction
        return _spread_of(name, x, degrees, options(x, axis, keepdims))

    call(name)(of_numpy)
    call(name, library="torch")(of_torch)


_variance("var")
_variance("std")


@call("average")
def average(
    x: Value, axis: Axes = None, weights: Value | None = None, keepdims: bool = False
) -> Value:
    chosen = options(x, axis, keepdims)
    if weights is None:
        return reductions.mean(x, **chosen)
    if weights.shape != x.shape:
        if not isinstance(axis, int) or weights.ndim != 1:
            raise ValueError("weights need the shape of the array, or one axis")
        after = x.ndim - 1 - axis % x.ndim
        if after:
            weights = expand_dims(weights, axis=tuple(range(1, after + 1)))
        weights = broadcast_like(weights, x)
    return reductions.sum(x * weights, **chosen) / reductions.sum(weights, **chosen)


@call("cumsum", "cumulative_sum")
def cumsum(x: Value, axis: Any = None, *, include_initial: bool = False) -> Value:
    return _scanned(scans.cumsum, x, axis, 0.0 if include_initial else None)


@call("cumprod", "cumulative_prod")
def cumprod(x: Value, axis: Any = None, *, include_initial: bool = False) -> Value:
    return _scanned(scans.cumprod, x, axis, 1.0 if include_initial else None)


def _scanned(rule: Reduction, x: Value, axis: Any, first: float | None) -> Value:
    if not x.ndim:
        raise ValueError("a single number has no axis to go along")
    if axis is None:
        x, axis = x if x.ndim == 1 else reshape(x, shape=(-1,)), 0
    scanned = rule(x, axis=int(axis))
    if first is None:
        return scanned
    start = selection.getitem(x, index=selection.sliced(int(axis) % x.ndim, None, 1))
    return concatenate(broadcast_like(first, start), scanned, axis=int(axis))


@call("diff")
def diff(x: Value, n: int = 1, axis: int = -1) -> Value:
    at = axis % x.ndim
    for _ in range(n):
        after = selection.getitem(x, index=selection.sliced(at, 1, None))
        x = after - selection.getitem(x, index=selection.sliced(at, None, -1))
    return x
