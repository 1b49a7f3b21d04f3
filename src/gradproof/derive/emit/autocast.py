"""torch: what was kept for a backward, in one dtype with the gradients.

Autocast makes products of another dtype than what they are made from, and does not cast
in a backward. So where the forward has a product, what was kept takes the dtype of the
gradient; where torch has no half precision for something, the gradient that of what was
kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gradproof.derive.emit.halves import Halves
from gradproof.derive.emit.layout import WIDTH, unpacked, with_comment
from gradproof.derive.ir import ancestors
from gradproof.derive.program import Differentiated

INDENT = 8  # columns before a statement of a method
PRODUCTS = {"matmul", "einsum", "convolution"}
FULL_PRECISION = {
    "inv",
    "solve",
    "det",
    "logabsdet",
    "cholesky",
    "eigvalsh",
    "eigenvectors",
}


def saved_tensors(parts: Halves, d: Differentiated) -> Iterator[str]:
    """The lines that give what was kept its names."""
    kept = list(parts.kept)
    floating = [name for name, v in parts.kept.items() if v.is_differentiable]
    operations = {value.operation for value in ancestors(d.outputs)}
    casts = bool(floating and operations & PRODUCTS) and _is_one_dtype(parts, d)
    if casts and operations & FULL_PRECISION:
        yield f"{unpacked(kept)} = ctx.saved_tensors"
        yield from _as_an_input(d, floating)
    elif casts:
        yield from _as_the_gradient(kept, floating, [v.name or "" for v in d.seeds])
    elif kept:
        yield f"{unpacked(kept)} = ctx.saved_tensors"
    for name in parts.shapes:
        yield f"{name} = ctx.{name}"


def _is_one_dtype(parts: Halves, d: Differentiated) -> bool:
    """Whether nothing else than autocast makes dtypes differ."""
    values = (*parts.kept.values(), *d.seeds)
    return len({v.dtype for v in values if v.is_differentiable}) == 1


def _as_an_input(d: Differentiated, floating: Sequence[str]) -> Iterator[str]:
    inputs = {value.name for value in d.inputs}
    first = next((name for name in floating if name in inputs), floating[0])
    others = [name for name in floating if name not in inputs and name != first]
    for name in (*(value.name for value in d.seeds), *others):
        line = f"{name} = {name}.to({first}.dtype)"
        yield from with_comment(line, "for autocast", "", outer=INDENT)


def _as_the_gradient(
    kept: Sequence[str], floating: Sequence[str], seeds: Sequence[str]
) -> Iterator[str]:
    first, *others = seeds
    cast = f"saved.to({first}.dtype) for saved in"
    if floating == kept:
        yield from _cast_and_unpacked(kept, f"({cast} ctx.saved_tensors)")
    else:  # labels stay what they are
        yield f"{unpacked(kept)} = ctx.saved_tensors"
        line = f"{unpacked(floating)} = ({cast} ({', '.join(floating)}))"
        if len(floating) > 1 and len(line) + INDENT <= WIDTH:
            yield from with_comment(line, "for autocast", "", outer=INDENT)
        else:
            others = [*floating, *others]
    for name in others:
        line = f"{name} = {name}.to({first}.dtype)"
        yield from with_comment(line, "for autocast", "", outer=INDENT)


def _cast_and_unpacked(kept: Sequence[str], source: str) -> Iterator[str]:
    """In one line, if that is not too long."""
    is_long = len(f"{unpacked(kept)} = {source}") + INDENT > WIDTH
    target = "saved_tensors" if is_long else unpacked(kept)
    yield from with_comment(f"{target} = {source}", "for autocast", "", outer=INDENT)
    if is_long:
        yield f"{unpacked(kept)} = {target}"
