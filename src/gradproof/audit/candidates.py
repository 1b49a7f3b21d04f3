"""What a parameter might be given, the most telling first.

A candidate says how it follows from the shape of the first tensor, so that one choice
for that fixes the others: a weight is ``(7, features)``, a bias ``(features,)``.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from gradproof.audit.clues import Clue

Shape = tuple[int, ...]

OUT = 7  # a size that no first tensor has
FIRST_SHAPES: dict[int, Shape] = {
    2: (5, 4),
    1: (6,),
    3: (3, 6, 4),
    4: (2, 6, 5, 4),
    5: (2, 6, 3, 5, 4),
    0: (),
}
SCALARS: tuple[tuple[str, tuple[Any, ...]], ...] = (
    (r".+_(idx|index)", (0, 1)),
    (r"dim|axis", (-1, 1)),
    (r"eps(ilon)?|tol|.*_eps", (1e-5,)),
    (r"p|drop(out)?(_p|_prob|_rate)?", (0.5,)),
    (r"stride|dilation|groups", (1,)),
    (r"pad(ding)?", (0, 1)),
    (r"kernel(_size)?", (3,)),
    (r"n_?iters?|max_iter|num_.*|n_.*|n|k|steps?|order|degree|heads|times", (2, 3, 20)),
    (r"reduction|mode|red", ("mean", "sum", "none")),
    (r"inplace|training|ensure_.*|is_.*|use_.*|has_.*|keepdim|.*_flag", (False, True)),
    (
        r"alpha|beta|gamma|lambd?a?_?|lamb|scale|slope|.*_slope|coeff?|factor|temp.*|tau|"
        r"momentum|threshold|margin|delta|sigma|width|rate|lr|weight_decay",
        (0.5, 1.5),
    ),
    (r"bits|n_?bits|levels", (4,)),
    (r"(.*_)?(min|low|lower)(_.*)?", (-1.0, -1)),
    (r"(.*_)?(max|high|upper)(_.*)?", (1.5, 2)),
)
TENSORS = re.compile(
    r"x\d?|y\d?|z|a|b|u|v|q|k|v|w|input\d?|inputs?_?|tensor|feat(ure)?s?|logits?|"
    r"(in)?data|query|key|value|weights?|bias|kernel|target|mask|index|indices|labels?"
)
VECTORS = re.compile(r"b|bias\d?|beta|shift|(running|moving)_.*|mean|var")
WEIGHTS = re.compile(r"w\d?|weights?\d?|kernel|gamma|scale|matrix|proj.*")
INDICES = re.compile(
    r"(.+_)?(ind(ex|ices)|idx)|labels?|targets?|ids?|perm|y_true|segment.*"
)
MASKS = re.compile(r".*mask.*")


@dataclass(frozen=True)
class Array:
    """A tensor to be made.

    Attributes:
        shape: its sizes.
        dtype: ``float64``, ``int64`` or ``bool``.
        below: what a whole number in it is smaller than.
        near: what the numbers in it are a little above of, or None.
    """

    shape: Shape
    dtype: str = "float64"
    below: int = 2
    near: float | None = None

    def __str__(self) -> str:
        return f"{self.dtype}{list(self.shape)}"


Candidate = tuple[int, Any]  # how far-fetched it is, and an Array or a plain value


def first_shapes(clue: Clue) -> list[tuple[int, Shape]]:
    """Shapes for the first tensor; what the source says goes before all."""
    if clue.is_per_channel and clue.rank is None:
        shapes = [one for one in FIRST_SHAPES.values() if len(one) > 1]
        return list(enumerate(shapes))
    if clue.rank is not None:
        return [(0, FIRST_SHAPES.get(clue.rank, (2,) * clue.rank))]
    return [(cost, shape) for cost, shape in enumerate(FIRST_SHAPES.values())]


def candidates(clue: Clue, first: Shape) -> list[Candidate]:
    """What a parameter might be given beside a first tensor of that shape."""
    if clue.default is not inspect.Parameter.empty and clue.default is not None:
        return [(0, clue.default)]
    found: list[Candidate] = []
    if clue.default is None or clue.may_be_none:
        found.append((3, None))
    annotated = _by_annotation(clue)
    if annotated:
        return annotated + found
    if clue.texts:
        return [(0, text) for text in dict.fromkeys(clue.texts)] + found
    selects = clue.is_index and INDICES.fullmatch(clue.name.lower())
    plain = [] if clue.is_tensor or selects else list(_by_name(clue))
    if plain:
        found += [(cost, value) for cost, value in enumerate(plain)]
        extra = 2
    else:
        extra = 0 if clue.is_tensor or TENSORS.fullmatch(clue.name.lower()) else 1
    found += [(cost + extra, array) for cost, array in _arrays(clue, first)]
    if not clue.is_tensor and not plain:
        found += [(2, 0.5), (2, 2), (3, True), (4, (2, 2))]
    return found


def _by_annotation(clue: Clue) -> list[Candidate]:
    text = str(getattr(clue.annotation, "__name__", clue.annotation))
    if text in ("bool", "int", "float", "str"):
        named = [v for v in _by_name(clue) if type(v).__name__ == text]
        usual: dict[str, tuple[Any, ...]] = {
            "bool": (False, True),
            "int": (2, 1, 0, 3),
            "float": (0.5, 1.5),
            "str": tuple(clue.texts) or ("mean", "sum", "none"),
        }
        return list(enumerate(dict.fromkeys((*named, *usual[text]))))
    return []


def _by_name(clue: Clue) -> Iterator[Any]:
    for pattern, values in SCALARS:
        if re.fullmatch(pattern, clue.name.lower()):
            yield from values
            return
    if clue.is_whole:
        yield from (1, 2, 3)
    elif clue.is_flag:
        yield from (False, True)


def _arrays(clue: Clue, first: Shape) -> Iterator[tuple[int, Array]]:
    name = clue.name.lower()
    if clue.is_index or INDICES.fullmatch(name):
        shapes = dict.fromkeys((first[:-1], first[:1], first, (OUT,)))
        for cost, shape in enumerate(shapes):
            yield cost, Array(shape, "int64", min(first, default=2))
        if clue.is_index:
            return
    if MASKS.fullmatch(name):
        yield 0, Array(first, "bool")
        yield 1, Array(first)
        return
    for cost, shape in enumerate(_shapes(clue, name, first)):
        yield cost, Array(shape, near=clue.near)


def _shapes(clue: Clue, name: str, first: Shape) -> Sequence[Shape]:
    """Shapes that go with the first tensor's, the likeliest for the name first."""
    last = first[-1:]
    vectors = [last, (OUT,), first[1:2]]
    matrices = [(OUT, *last), (*last, OUT)] if first else []
    convolution = [(OUT, *first[1:2], *(3,) * (len(first) - 2))]
    if clue.is_per_channel and (VECTORS.fullmatch(name) or WEIGHTS.fullmatch(name)):
        ordered = [first[1:2], *vectors]
    elif VECTORS.fullmatch(name) and (clue.after.lower(), name) != ("a", "b"):
        ordered = [(OUT,), *vectors, first]
    elif WEIGHTS.fullmatch(name):
        ordered = [*matrices[:1], *vectors, *matrices, *convolution, first]
    else:
        batched = [(*first[:-1], OUT), first[:-1]] if first else []
        ordered = [first, *matrices, *vectors, *batched, *convolution, first[:1]]
    shapes = list(dict.fromkeys([*ordered, (), first, (1,)]))
    if clue.rank is None:
        return shapes
    return [shape for shape in shapes if len(shape) == clue.rank] or shapes
