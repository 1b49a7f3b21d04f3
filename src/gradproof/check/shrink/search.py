"""The search for the smallest sizes: what shows the finding stays, the rest goes."""

from __future__ import annotations

from collections.abc import Iterator

from gradproof._errors import GradproofError
from gradproof.check import ranks, sizes
from gradproof.check.session import Session
from gradproof.check.shrink._place import Place
from gradproof.check.shrink.case import Case, completed, judge
from gradproof.check.sizes import Dimension
from gradproof.check.targets import TargetCrash
from gradproof.check.verdict import Finding

TRIES = 40  # calls that are judged
OF_ITS_ORDER = 0.1  # of the finding's error: what is smaller may be another mistake
SMALL = (1, 2, 3)
DRAWS = 2  # of the values, where a few elements may miss the wrong ones


def smallest(session: Session, finding: Finding) -> Case | None:
    """The smallest case that shows a finding, None where no single call does."""
    least = 0.0 if finding.error is None else OF_ITS_ORDER * finding.error
    found = _smallest(session, finding, least)
    if found is None and least:  # few elements may be off by less than many
        return _smallest(session, finding, 0.0)
    return found


def _smallest(session: Session, finding: Finding, least_error: float) -> Case | None:
    search = _Search(session, finding, least_error)
    found = sizes.dimensions(session)
    start = next(filter(search.shows, _starts(session, finding, found)), None)
    if start is None or search.best is None:
        return None
    place = start
    for dimension in sorted(found, key=lambda one: -one.size):
        place = search.shrunk(place, dimension)
    return completed(session, search.best)


class _Search:
    """Judges places, at most so many, and keeps the last case that showed it."""

    def __init__(self, session: Session, finding: Finding, least_error: float):
        self._session = session
        self._finding = finding
        self._least = least_error
        self._left = TRIES
        self.best: Case | None = None

    def shows(self, place: Place) -> bool:
        """Whether a call there shows the finding."""
        for draw in range(1 if self._finding.property == "sizes" else DRAWS):
            if self._left <= 0:
                return False
            self._left -= 1
            purpose = f"shrink {draw}"
            case = judge(self._session, self._finding, place, purpose, self._least)
            if case is not None:
                self.best = case
                return True
        return False

    def shrunk(self, place: Place, dimension: Dimension) -> Place:
        """The place with one dimension as small as still shows it."""
        now = max(place.axes.get(axis, dimension.size) for axis in dimension.axes)
        movable = [
            axis
            for axis in dimension.axes
            if place.axes.get(axis, dimension.size) == now
            and axis[0] not in place.values
        ]
        if not movable:
            return place

        def at(size: int) -> Place:
            axes = {**place.axes, **dict.fromkeys(movable, size)}
            return Place(axes=axes, values=place.values)

        for size in (one for one in SMALL if one < now):
            if self.shows(at(size)):
                return at(size)
        low, high = SMALL[-1], now
        while high - low > 1:
            middle = (low + high) // 2
            if self.shows(at(middle)):
                high = middle
            else:
                low = middle
        return at(high) if high < now else place


def _starts(
    session: Session, finding: Finding, found: list[Dimension]
) -> Iterator[Place]:
    """Where to begin: a few elements at once if that will do, else the given sizes."""
    if finding.property == "sizes":
        places = [Place(axes=a, values={}) for _, a in sizes.variants(found)]
        repeated = sizes.duplicates(session)
        where = str(finding.where)
        if repeated and "repeated" in where:
            yield Place(axes={}, values=repeated)
        if ranks.ONE_MORE in where:
            yield from _deeper(session, found)
        yield from sorted(places, key=lambda one: _words(session, one) not in where)
        return
    for few in (2, 3):
        axes = {a: few for one in found if one.size > few for a in one.axes}
        if axes:
            yield Place(axes=axes, values={})
    yield Place(axes={}, values={})


def _deeper(session: Session, found: list[Dimension]) -> Iterator[Place]:
    """With one more leading dimension, at a few elements in the others if they do."""
    for few in (2, 3):
        axes = {a: few for one in found if one.size > few for a in one.axes}
        values = sizes.resized(session, axes, "words")
        try:
            small = session.elsewhere(session.target.with_values(values))
        except (TargetCrash, GradproofError):
            continue
        for deeper in ranks.deeper(small):
            yield Place(axes={}, values=values | deeper)
    yield from (Place(axes={}, values=one) for one in ranks.deeper(session))


def _words(session: Session, place: Place) -> str:
    """The sizes at a place, as a finding says where it was seen."""
    return sizes.in_words(session, sizes.resized(session, place.axes, "words"))
