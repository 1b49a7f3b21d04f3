"""What a check shares with the process it runs in, and puts back."""

from __future__ import annotations

import contextlib
import random
import sys
import threading
from collections.abc import Iterator

import numpy as np

_one_at_a_time = threading.RLock()


@contextlib.contextmanager
def nothing_left_behind() -> Iterator[None]:
    """Random state, default dtype, grad mode and error handling are put back.

    Random state belongs to the process, not to a thread: two checks at once would
    draw from one stream, and each would put back what the other is in the middle of.
    So the checks of one process take turns; to gain time, use processes.
    """
    with _one_at_a_time, _put_back():
        yield


@contextlib.contextmanager
def _put_back() -> Iterator[None]:
    torch = sys.modules.get("torch")
    python_state, numpy_state = random.getstate(), np.random.get_state()
    errors = np.seterr(all="ignore")
    if torch is not None:
        torch_state, dtype = torch.get_rng_state(), torch.get_default_dtype()
        grad_mode = torch.is_grad_enabled()
    try:
        yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)
        np.seterr(**errors)
        if torch is not None:
            torch.set_rng_state(torch_state)
            torch.set_default_dtype(dtype)
            torch.set_grad_enabled(grad_mode)


def seed_everything(seed: int) -> None:
    """Seed what examples and targets draw from when they draw without a seed."""
    random.seed(seed)
    np.random.seed(seed)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)
