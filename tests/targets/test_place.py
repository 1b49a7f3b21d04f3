"""Where a target is written."""

import pytest

from gradproof.targets.place import place

SOURCE = """\
import numpy as np

@decorated
def first(x):
    class Inner:
        pass

class Outer:
    class Inner:
        pass

if np:
    second = third = first
else:
    second: int = 3
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("def f(): pass\n")
    (package / "layers.py").write_text(SOURCE)
    (package / "wrong.py").write_text("f(\n")


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("package/layers.py", ("package/layers.py", None)),
        ("package/layers.py:first", ("package/layers.py", 4)),
        ("./package/layers.py:Outer.Inner", ("package/layers.py", 9)),
        ("package.layers:first.<locals>.Inner", ("package/layers.py", 5)),
        ("package.layers:second", ("package/layers.py", 15)),
        ("package.layers:third", ("package/layers.py", 13)),
        ("package.layers:nothing", ("package/layers.py", None)),
        ("package:f", ("package/__init__.py", 1)),
        ("package/wrong.py", ("package/wrong.py", None)),
        ("package/wrong.py:f", ("package/wrong.py", None)),
        ("nowhere.py:f", (None, None)),
        ("no.where:f", (None, None)),
        ("not a target", (None, None)),
    ],
)
def test_a_place_is_read_from_the_text(target, expected):
    assert place(target) == expected
