"""Settings from ``[tool.gradproof]``."""

import pytest

from gradproof import _config
from gradproof._config import Config
from gradproof._errors import InputError


@pytest.fixture
def write(tmp_path):
    def write(text):
        file = tmp_path / "pyproject.toml"
        file.write_text(text)
        return file

    return write


def test_no_file_is_no_settings(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert _config.load(tmp_path) == Config(file=tmp_path / "pyproject.toml")


def test_every_key(write, tmp_path):
    file = write("""
[tool.gradproof]
select = ["gradient", "shape"]
ignore = ["compile"]
seed = 3
timeout = 2.5
output-format = "concise"
jobs = 4
""")
    (tmp_path / "deep" / "inside").mkdir(parents=True)
    assert _config.load(tmp_path / "deep" / "inside") == Config(
        file=file,
        select=("gradient", "shape"),
        ignore=("compile",),
        seed=3,
        timeout=2.5,
        output_format="concise",
        jobs=4,
    )


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (
            "sede = 3",
            "has an unknown key 'sede'; the keys are select, ignore, seed, timeout, "
            "output-format, jobs",
        ),
        ("seed = '3'", "seed must be an integer, not '3'"),
        ("seed = true", "seed must be an integer, not True"),
        ("jobs = 0", "jobs must be a positive integer, not 0"),
        ("timeout = -1", "timeout must be a positive number of seconds, not -1"),
        ("select = 'gradient'", "select must be a list of property names, not "),
        ("ignore = [1]", "ignore must be a list of property names, not [1]"),
        (
            "output-format = 'html'",
            "output-format must be one of concise, full, json, junit, github, sarif, "
            "not 'html'",
        ),
    ],
)
def test_a_wrong_line_is_named_with_its_file(write, tmp_path, line, problem):
    file = write(f"[tool.gradproof]\n{line}\n")
    with pytest.raises(InputError) as caught:
        _config.load(tmp_path)
    assert str(caught.value).startswith(f"{file}: [tool.gradproof] {problem}")


@pytest.mark.parametrize("text", ["[tool", "tool = 1", "[tool]\ngradproof = 1"])
def test_a_file_that_makes_no_sense_is_named(write, tmp_path, text):
    file = write(text)
    with pytest.raises(InputError) as caught:
        _config.load(tmp_path)
    assert str(caught.value).startswith(f"{file}: ")
