"""Every function in every context, against PyTorch's own operations."""

from __future__ import annotations

import functools

import pytest
import torch
from torch.utils._pytree import tree_leaves

from tests.compose.contexts import CONTEXTS, floating
from tests.compose.functions import CASES

pytestmark = pytest.mark.filterwarnings("ignore")  # torch's own


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("name", CASES)
def test_it_gives_what_native_operations_give(name, context) -> None:
    function, native, inputs = CASES[name]
    kept = [x for x in inputs if x.is_floating_point() or x.is_complex()]
    rest = [x for x in inputs if x not in set(kept)]
    run = functools.partial(CONTEXTS[context], inputs=tuple(kept))
    try:
        true = run(lambda *xs: native(*xs, *rest))
    except (RuntimeError, NotImplementedError) as error:
        pytest.skip(f"torch cannot either: {str(error)[:80]}")
    found = run(lambda *xs: function(*xs, *rest))
    ours, theirs = tree_leaves(found), tree_leaves(true)
    single = any(x.dtype is torch.float32 for x in inputs)
    tolerance = 2e-2 if context == "autocast" else 1e-6 if single else 1e-9
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        assert one.dtype == other.dtype
        assert torch.allclose(one, other, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", CASES)
def test_it_gives_so_at_every_call(name) -> None:
    """The first is checked, and takes another way than the others."""
    function, native, inputs = CASES[name]
    for count in (0, *range(len(inputs) + 1)):
        ours, theirs = (_gradients(f, inputs, count) for f in (function, native))
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            assert one.dtype == other.dtype
            assert torch.allclose(one, other, atol=1e-6)


def _gradients(f, inputs, count):
    """Of the first inputs and, the other way round, of the others."""
    found = []
    for part in (range(count), range(count, len(inputs))):
        given = [
            x.clone().requires_grad_(i in part and x.dtype.is_floating_point)
            for i, x in enumerate(inputs)
        ]
        wrt = [x for x in given if x.requires_grad]
        losses = [(o.abs() ** 2).sum() for o in floating(f(*given)) if o.requires_grad]
        if losses:
            found += torch.autograd.grad(sum(losses), wrt, allow_unused=True)
    return [x for x in found if x is not None]
