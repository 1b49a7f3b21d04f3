"""What a report ends with: declarations heeded, and those that met nothing."""

import pytest

from gradproof.commands.notes import notes
from gradproof.targets.declare import Declared

NAMES = ["pkg.ops:Round", "pkg.ops:Sign", "src/pkg/old.py:Flip", "pkg.broken"]


def unmatched(*patterns, **whole):
    declarations = [Declared(pattern=one) for one in patterns]
    return [note.text for note in notes(NAMES, declarations, **whole)]


def said(pattern, guess=None):
    next_step = f"; did you mean {guess}?" if guess else ""
    return [f"{pattern} is declared, but matches no target here{next_step}"]


@pytest.mark.parametrize("whole", [{}, {"packages": ["pkg"]}])
def test_a_slip_is_noticed_whatever_was_looked_at(whole):
    found = unmatched("pkg.ops:Rund", **whole)
    assert found == said("pkg.ops:Rund", "pkg.ops:Round")


def test_what_another_run_may_meet_is_not_spoken_of():
    assert unmatched("pkg.ops:Softmax", "pkg.other:Linear", "else:Thing") == []


@pytest.mark.parametrize("pattern", ["pkg.ops:Softmax", "pkg.gone:*"])
def test_in_a_package_that_was_looked_at_whole_everything_must_match(pattern):
    assert unmatched(pattern, packages=["pkg"]) == said(pattern)
    assert unmatched(pattern, packages=["pk"]) == []


def test_in_a_module_that_was_looked_at_whole_everything_must_match():
    assert unmatched("pkg.ops:Softmax", modules=["pkg.ops"]) == said("pkg.ops:Softmax")
    assert unmatched("pkg.gone:Softmax", modules=["pkg.ops"]) == []


def test_a_module_that_could_not_be_looked_at_is_no_reason():
    assert unmatched("pkg.broken:Round", packages=["pkg"]) == []


def test_one_thing_has_two_names():
    assert unmatched("pkg.old:Flip") == []
    assert unmatched("src/pkg/old.py:Flip") == []
    assert unmatched("pkg.py:Softmax", packages=["pkg"]) == []


def test_what_matches_something_is_no_guess():
    assert unmatched("pkg.ops:Rund", "pkg.ops:Round") == []


def test_what_is_heeded_is_said_first():
    declarations = [
        Declared(pattern="pkg.ops:Rund"),
        Declared(pattern="pkg.*:Sign", ignore=("vmap",), reason="slow"),
    ]
    assert [str(note) for note in notes(NAMES, declarations)] == [
        "declared  pkg.*:Sign: without vmap (slow)",
        f"unmatched {said('pkg.ops:Rund', 'pkg.ops:Round')[0]}",
    ]
