"""How much memory a process that runs other people's code may take."""

from __future__ import annotations

import contextlib
import os

SHARE = 0.5  # of the machine's memory


def limit_memory(limit: int | None = None) -> None:
    """Have allocations beyond the limit fail, rather than the machine with them."""
    try:
        import resource
    except ImportError:  # Windows
        return
    limit = limit or _default()
    if limit:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def _default() -> int:
    try:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return 0
    return int(memory * SHARE)
