"""Names that no derivation can answer to, with what to do instead."""

from __future__ import annotations

from typing import Any

from gradproof.derive.calls._table import call

RANDOM = "it draws random numbers: draw them outside and make them an input"
SHAPE = (
    "the shape of its result depends on the numbers: choose with where(mask, x, 0), "
    "or make the indices an input"
)
IN_PLACE = "it writes in place: make a new array, with where, concatenate or stack"

NAMES = {
    RANDOM: "rand_like randn_like randint_like bernoulli multinomial normal poisson "
    "random permutation shuffle gumbel_softmax feature_dropout",
    SHAPE: "nonzero argwhere flatnonzero unique unique_values unique_counts "
    "unique_inverse unique_all unique_consecutive masked_select compress extract "
    "trim_zeros union1d intersect1d setdiff1d bincount",
    IN_PLACE: "put put_along_axis place putmask copyto fill_diagonal fill itemset "
    "index_put masked_scatter add.at subtract.at multiply.at",
}


def _refusal(reason: str) -> Any:
    def refuse(*_: Any, **__: Any) -> Any:
        raise ValueError(reason)

    return refuse


for _reason, _names in NAMES.items():
    call(*_names.split())(_refusal(_reason))
