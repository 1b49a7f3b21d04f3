"""One more leading dimension than the inputs have: a batch of what was given."""

from __future__ import annotations

from collections.abc import Iterator

from gradproof.check.session import Array, Session
from gradproof.check.sizes import drawn
from gradproof.check.targets import Target

ONE_MORE = "one more leading dimension"
EXTRA = (2, 3, 5, 7, 11, 13)
TRIES = 3
BATCHED = 2  # dimensions: a function of one vector may well be meant for one


def deeper(session: Session) -> Iterator[dict[int, Array]]:
    """Leaves with one more leading dimension: all of a batch together, or one alone."""
    target = session.target
    arrays = {p: target.array(p) for p in range(target.count)}
    shapes = {p: a.shape for p, a in arrays.items() if a is not None and a.ndim}
    alone = [[p] for p in target.active if len(shapes.get(p, ())) >= BATCHED]
    if not alone:
        return
    taken = {size for shape in shapes.values() for size in shape}
    size = next((one for one in EXTRA if one not in taken), EXTRA[-1])
    batch = shapes[alone[0][0]][0]
    together = [position for position, shape in shapes.items() if shape[0] == batch]
    tries = [together, *(one for one in alone if one != together)]
    for positions in tries[:TRIES]:
        rng = session.rng(f"deeper {positions}")
        yield {
            position: drawn(array, (size, *array.shape), rng)
            for position in positions
            if (array := arrays[position]) is not None
        }


def keeps_the_extra(given: Target, deeper: Target) -> bool:
    """Whether outputs have the extra dimension too: then it is a batch to the forward.

    A single number may stay one where every input has the dimension: where some lack
    it, what is averaged over is anyone's guess.
    """
    before, now = given.outputs_there, deeper.outputs_there
    if len(before) != len(now):
        return False
    pairs = zip(before, now, strict=True)
    ranks = [
        (a.ndim, b.ndim)
        for p in range(given.count)
        if (a := given.array(p)) is not None and (b := deeper.array(p)) is not None
    ]
    of_all = all(a < b for a, b in ranks if a > 0)
    return all(b.shape[1:] == a.shape and (of_all or b.ndim > a.ndim) for a, b in pairs)
