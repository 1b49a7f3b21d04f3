"""Which axes of the inputs have to be equal, found by tracing with sizes of their own.

Sizes may be equal in the examples by chance. So the forward is traced again with
another size for every axis; where it does not run so, the axes that it says differ are
put together, and that is tried again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gradproof._errors import DeriveError
from gradproof.derive.infer import SizesDifferError
from gradproof.derive.ir import Type

Axis = tuple[str, int]  # of the input of this name
Group = frozenset[Axis]  # axes of one size
Retrace = Callable[[Sequence[Group]], Any]


@dataclass(frozen=True)
class Apart:
    """What is left equal when no more is than the forward needs.

    Attributes:
        groups: all axes.
        spread: those of the groups in which an axis of size 1 would be broadcast, so
            that the forward itself does not say no.
    """

    groups: tuple[Group, ...]
    spread: tuple[Group, ...]


def by_size(inputs: Mapping[str, Any]) -> list[Group]:
    """The axes that have the same size in the examples."""
    found: dict[int, list[Axis]] = {}
    for name, type in inputs.items():
        if isinstance(type, Type):
            for axis, size in enumerate(type.shape):
                if size > 1:
                    found.setdefault(size, []).append((name, axis))
    return [frozenset(axes) for axes in found.values()]


def one_each(groups: Sequence[Group]) -> list[Group]:
    """Every axis in a group of its own."""
    return [frozenset([axis]) for group in groups for axis in sorted(group)]


def resized(inputs: Mapping[str, Any], groups: Sequence[Group]) -> dict[str, Any]:
    """Types of the same ranks, with a size for each group that no axis has had."""
    numbers = _numbers(inputs, groups)
    sizes = {axis: numbers[group] for group in groups for axis in group}
    changed = dict(inputs)
    for name, type in inputs.items():
        if isinstance(type, Type):
            shape = (sizes.get((name, i), n) for i, n in enumerate(type.shape))
            changed[name] = Type(tuple(shape), type.dtype)
    return changed


def _numbers(inputs: Mapping[str, Any], groups: Sequence[Group]) -> dict[Group, int]:
    before = dict(_axes(inputs))
    taken = set(before.values())
    numbers: dict[Group, int] = {}
    for step, group in enumerate(groups, start=1):
        size = before[min(group)] + step  # differences are others than before too
        while size in taken:
            size += 1
        taken.add(size)
        numbers[group] = size
    return numbers


def _axes(inputs: Mapping[str, Any]) -> list[tuple[Axis, int]]:
    types = ((n, t) for n, t in inputs.items() if isinstance(t, Type))
    return [((n, i), size) for n, t in types for i, size in enumerate(t.shape)]


def apart(inputs: Mapping[str, Any], retrace: Retrace) -> Apart | None:
    """The most groups with which the forward runs; None where nobody knows."""
    before = dict(_axes(inputs))
    groups = one_each(by_size(inputs))
    spread: list[Group] = []
    while True:
        try:
            retrace(groups)
        except DeriveError as error:
            problem = error.__context__
            if not isinstance(problem, SizesDifferError):
                return None
            sizes = _numbers(inputs, groups)
            alike = [group for group in groups if sizes[group] in problem.sizes]
            if len(alike) < 2 or len({before[min(group)] for group in alike}) > 1:
                return None
            joined = frozenset[Axis]().union(*alike)
            was_spread = any(group in alike for group in spread)
            spread = [group for group in spread if group not in alike]
            spread += [joined] if was_spread or problem.broadcasts else []
            groups = [group for group in groups if group not in alike] + [joined]
        except Exception:  # the forward is the user's, and may say no in its own way
            return None
        else:
            return Apart(tuple(groups), tuple(spread))
