"""Declarations, and which targets they are of."""

import pytest

from gradproof.targets.declare import fits


@pytest.mark.parametrize(
    ("name", "pattern", "expected"),
    [
        ("package.ops:Round", "package.ops:Round", True),
        ("package.ops:Round", "package.*:Round", True),
        ("src/package/ops.py:Round", "package.ops:Round", True),
        ("ops.py:Round", "ops:*", True),
        ("ops.py:Round", "ops.py:Round", True),
        ("ops.py:Round", "op:Round", False),
        ("package.ops:Round", "ops:Round", False),
    ],
)
def test_a_file_and_the_module_in_it_are_one(name, pattern, expected):
    assert fits(name, pattern) is expected
