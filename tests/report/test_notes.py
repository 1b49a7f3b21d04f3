"""The lines below a report, in each format that has a place for them."""

import io

import pytest

from gradproof.report import FORMATS
from gradproof.report.notes import Note, write

NOTES = [
    Note(
        "declared", "layers.py:Round[0]: gradient_of identity (" + "word " * 12 + "end)"
    ),
    Note("unmatched", "layers.py:Rund is declared, but matches no target here", True),
    Note("coverage:", "12 found, 11 called"),
]


def written(output_format, monkeypatch, notes=NOTES):
    monkeypatch.setenv("COLUMNS", "80")
    stream = io.StringIO()
    write(notes, output_format, stream)
    return stream.getvalue()


def test_full_wraps_them(monkeypatch):
    assert (
        written("full", monkeypatch)
        == """\
declared  layers.py:Round[0]: gradient_of identity (word word word word word
          word word word word word word word end)
unmatched layers.py:Rund is declared, but matches no target here
coverage: 12 found, 11 called
"""
    )


def test_concise_is_a_line_each(monkeypatch):
    lines = written("concise", monkeypatch).splitlines()
    assert lines == [str(note) for note in NOTES]


def test_github_shows_one_annotation_of_a_level(monkeypatch):
    warning, notice = written("github", monkeypatch).splitlines()
    assert warning == f"::warning title=gradproof::{NOTES[1]}"
    assert notice == f"::notice title=gradproof::{NOTES[0]}%0A{NOTES[2]}"
    [only] = written("github", monkeypatch, NOTES[2:]).splitlines()
    assert only.startswith("::notice")


@pytest.mark.parametrize("output_format", sorted(FORMATS))
def test_without_notes_nothing_is_written(output_format, monkeypatch):
    assert written(output_format, monkeypatch, []) == ""


@pytest.mark.parametrize("output_format", ["json", "junit", "sarif"])
def test_programs_get_none(output_format, monkeypatch):
    assert written(output_format, monkeypatch) == ""
