"""What a target's text says."""

from pathlib import Path

import pytest

from gradproof._errors import TargetError
from gradproof.targets.target import Target, parse


@pytest.mark.parametrize(
    ("text", "source", "name"),
    [
        ("layers.py", "layers.py", None),
        ("layers.py:linear", "layers.py", "linear"),
        ("some/where/layers.py:linear", "some/where/layers.py", "linear"),
        ("package.module", "package.module", None),
        ("package.module:linear", "package.module", "linear"),
        ("C:\\layers.py", "C:\\layers.py", None),
        ("C:\\layers.py:linear", "C:\\layers.py", "linear"),
    ],
)
def test_the_four_forms(text, source, name):
    target = parse(text)
    assert target == Target(source, name)
    assert str(target) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("layers.py:", "layers.py: names nothing after the colon; give layers.py:NAME"),
        (
            "not a module",
            "'not a module' is neither a file nor a module; give path.py, "
            "path.py:name, package.module or package.module:name",
        ),
        (
            "",
            "'' is neither a file nor a module; give path.py, path.py:name, "
            "package.module or package.module:name",
        ),
    ],
)
def test_anything_else_is_refused(text, message):
    with pytest.raises(TargetError) as caught:
        parse(text)
    assert str(caught.value) == message


def test_imports_start_from_the_folder_of_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert parse("models/layers.py").folder == tmp_path / "models"
    assert parse("models.layers").folder == Path.cwd()


def test_a_folder_without_code_is_a_path_and_a_package_is_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("examples", "package"):
        (tmp_path / name).mkdir()
    (tmp_path / "package" / "__init__.py").touch()
    assert parse("examples").is_path
    assert not parse("package").is_path
