"""Text from outside, made harmless for a terminal."""

from __future__ import annotations

from typing import Any


def escaped(value: Any) -> Any:
    """Plain data with whatever could steer a terminal in its texts made visible."""
    if isinstance(value, str):
        return "".join(
            c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode()
            for c in value
        )
    if isinstance(value, list | tuple):
        return [escaped(one) for one in value]
    if isinstance(value, dict):
        return {key: escaped(one) for key, one in value.items()}
    return value
