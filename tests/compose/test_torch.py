"""Every function in every context, against PyTorch's own operations."""

from __future__ import annotations

import functools

import pytest
import torch
from torch.utils._pytree import tree_leaves

from tests.compose.contexts import CONTEXTS
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
    tolerance = 2e-2 if context == "autocast" else 1e-9
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        assert one.dtype == other.dtype
        assert torch.allclose(one, other, rtol=tolerance, atol=tolerance)
