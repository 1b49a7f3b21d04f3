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
Sizes = Mapping[Axis, int]
Retrace = Callable[[Sizes], Any]


@dataclass(frozen=True)
class Apart:
    """What is left equal when no more is than the forward needs.

    Attributes:
        groups: all axes that may have other sizes.
        spread: those of the groups in which an axis of size 1 would be broadcast, so
            that the forward itself does not say no.
    """

    groups: tuple[Group, ...]
    spread: tuple[Group, ...]


@dataclass(frozen=True)
class Needed:
    """What must hold of sizes.

    Attributes:
        equal: axes that are of one size.
        fixed: axes that are of the size that they have.
        multiples: of an axis, how many times which other it is.
    """

    equal: tuple[Group, ...]
    fixed: frozenset[Axis] = frozenset()
    multiples: tuple[tuple[Axis, int, Axis], ...] = ()


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


def resized(inputs: Mapping[str, Any], sizes: Sizes) -> dict[str, Any]:
    """Types of the same ranks, with other sizes."""
    changed = dict(inputs)
    for name, type in inputs.items():
        if isinstance(type, Type):
            shape = (sizes.get((name, i), n) for i, n in enumerate(type.shape))
            changed[name] = Type(tuple(shape), type.dtype)
    return changed


def sizes_for(inputs: Mapping[str, Any], groups: Sequence[Group]) -> Sizes:
    """For each group a size that no axis has had."""
    numbers = _numbers(inputs, groups)
    return {axis: numbers[group] for group in groups for axis in group}


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


def apart(
    inputs: Mapping[str, Any],
    retrace: Retrace,
    within: Sequence[Group] | None = None,
) -> Apart | None:
    """The most groups with which the forward runs; None where nobody knows.

    Args:
        inputs: types of the examples.
        retrace: runs the forward for other sizes.
        within: the axes to change; one that does not fit those that stay is left out.
    """
    before = dict(_axes(inputs))
    groups = one_each(by_size(inputs) if within is None else within)
    spread: list[Group] = []
    while True:
        try:
            retrace(sizes_for(inputs, groups))
        except DeriveError as error:
            problem = error.__context__
            if not isinstance(problem, SizesDifferError):
                return None
            sizes = _numbers(inputs, groups)
            alike = [group for group in groups if sizes[group] in problem.sizes]
            if within is not None and len(alike) == 1:
                groups.remove(alike[0])
                spread = [group for group in spread if group is not alike[0]]
                continue
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


def partly(
    inputs: Mapping[str, Any], retrace: Retrace, is_same: Callable[[Sizes], bool]
) -> Needed | None:
    """Which axes may have other sizes, where not all may; None where none may.

    Args:
        inputs: types of the examples.
        retrace: runs the forward for other sizes.
        is_same: whether the same source would be written for them.
    """

    def is_free(groups: Sequence[Group]) -> bool:
        return bool(groups) and is_same(sizes_for(inputs, [*free, *groups]))

    free: list[Group] = []
    equal: list[Group] = []
    for together in by_size(inputs):
        found = apart(inputs, retrace, [together])
        loose = list(found.groups) if found else []
        everything = frozenset[Axis]().union(*loose) == together
        if everything and is_free(loose):
            free += loose
        elif len(together) > 1 and is_free([together]):
            free.append(together)
            equal.append(together)
        else:
            free += loose if not everything and is_free(loose) else []
            for one in loose:
                free += [one] if one not in free and is_free([one]) else []
        equal += [group for group in found.spread if group in free] if found else []
    rest = [g - frozenset[Axis]().union(*free) for g in by_size(inputs)]
    fixed = [group for group in rest if group]
    scaled = _multiples(inputs, free, fixed, is_same)
    if scaled:
        equal += [group for group in fixed if len(group) > 1]
        return Needed(tuple(equal), multiples=scaled)
    if not free:
        return None
    return Needed(tuple(equal), frozenset[Axis]().union(*fixed))


def _multiples(
    inputs: Mapping[str, Any],
    free: Sequence[Group],
    fixed: Sequence[Group],
    is_same: Callable[[Sizes], bool],
) -> tuple[tuple[Axis, int, Axis], ...]:
    """The sizes that are fixed as multiples of the smallest, if that will do."""
    before = dict(_axes(inputs))
    smallest, *others = sorted(fixed, key=lambda g: before[min(g)]) or [frozenset()]
    if not others:
        return ()
    base = before[min(smallest)]
    if any(before[min(group)] % base for group in others):
        return ()
    times = {axis: before[axis] // base for group in fixed for axis in group}
    sizes = sizes_for(inputs, free)
    number = base + 1 + max(sizes.values(), default=0)  # no size is another's by chance
    for base in (number, number + 1):  # one of them is odd
        scaled = {axis: factor * base for axis, factor in times.items()}
        if not is_same({**sizes, **scaled}):
            return ()
    return tuple((min(group), times[min(group)], min(smallest)) for group in others)
