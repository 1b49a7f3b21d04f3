"""A check of gradients that nobody here wrote: the published package entmax, 1.3.

Its three hand-written Functions, at the shapes their users call them: attention
scores (batch, heads, queries, keys), vocabulary logits (batch, classes), and a learnt
alpha for each head.

    gradproof check examples/entmax_audit.py
"""

import torch
from entmax.activations import Entmax15Function, SparsemaxFunction
from entmax.root_finding import EntmaxBisectFunction

import gradproof as gp


def scores(*shape):
    """Double-precision scores of a spread at which some probabilities are zero."""
    generator = torch.Generator().manual_seed(0)
    return 2 * torch.randn(shape, generator=generator, dtype=torch.float64)


@gp.examples(lambda: (scores(32, 100), -1))
@gp.examples(lambda: (scores(2, 4, 7, 9), -1))
@gp.examples(lambda: (scores(6, 50), -1, 10))
@gp.examples(lambda: (scores(6, 5, 8), 1))
class sparsemax(SparsemaxFunction):  # noqa: N801 - the name that users call
    """sparsemax(X, dim=-1, k=None)."""


@gp.examples(lambda: (scores(32, 100), -1))
@gp.examples(lambda: (scores(2, 4, 7, 9), -1))
@gp.examples(lambda: (scores(6, 50), -1, 10))
@gp.examples(lambda: (scores(6, 5, 8), 1))
class entmax15(Entmax15Function):  # noqa: N801
    """entmax15(X, dim=-1, k=None)."""


@gp.examples(lambda: (scores(32, 100), 1.5))
@gp.examples(lambda: (scores(2, 4, 7, 9), 1.5))
@gp.examples(lambda: (scores(6, 5, 8), 1.2, 1))
@gp.examples(lambda: (scores(6, 9), torch.tensor(1.5, dtype=torch.float64)))
@gp.examples(
    lambda: (scores(2, 4, 7, 9), torch.linspace(1.2, 1.9, 4).double().view(4, 1, 1))
)
class entmax_bisect(EntmaxBisectFunction):  # noqa: N801
    """entmax_bisect(X, alpha=1.5, dim=-1, n_iter=50, ensure_sum_one=True)."""


if __name__ == "__main__":
    for target in (sparsemax, entmax15, entmax_bisect):
        print(gp.check(target))
