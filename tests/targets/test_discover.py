"""Import modules and list what they define."""

import pickle
import sys

import pytest

from gradproof._errors import TargetError
from gradproof.targets import discover
from gradproof.targets.target import parse

SQUARE = """
import numpy as np
import gradproof as gp

@gp.examples(np.ones(3))
@gp.function
def square(x):
    return x * x
"""


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a file into the working folder; what it imports is forgotten after."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = dict(sys.modules)

    def write(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    yield write
    for name in set(sys.modules) - set(before):
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


def error_of(text, look=discover.list_targets):
    with pytest.raises(TargetError) as caught:
        look(parse(text))
    return str(caught.value)


def test_a_file_is_imported_once_under_its_stem(write):
    write("layers.py", SQUARE + "class Thing: pass\n")
    module = discover.load_module(parse("layers.py"))
    assert module is discover.load_module(parse("./layers.py:square"))
    assert sys.modules["layers"] is module
    assert isinstance(pickle.loads(pickle.dumps(module.Thing())), module.Thing)


def test_a_file_finds_its_neighbours_and_no_other_folders(write):
    write("models/helper.py", "VALUE = 3\n")
    write("models/uses_helper.py", "from helper import VALUE\n" + SQUARE)
    module = discover.load_module(parse("models/uses_helper.py"))
    assert module.VALUE == 3


def test_a_file_does_not_replace_a_library(write):
    import signal

    write("signal.py", SQUARE)
    assert discover.list_targets(parse("signal.py")) == [("square", "gp.function")]
    assert sys.modules["signal"] is signal


def test_the_script_part_does_not_run(write):
    write("script.py", SQUARE + 'if __name__ == "__main__":\n    raise SystemExit(9)\n')
    assert discover.list_targets(parse("script.py")) == [("square", "gp.function")]


def test_modules_are_imported_from_the_working_folder(write):
    write("package/__init__.py", "")
    write("package/layers.py", SQUARE)
    target = parse("package.layers:square")
    assert discover.load_object(target).__name__ == "square"


def test_targets_come_in_the_order_of_their_definition(write):
    write("library.py", SQUARE.replace("square", "imported"))
    write(
        "many.py",
        SQUARE
        + """
import torch
from torch.autograd import Function
from library import imported

class Zeta(Function): pass
class _Private(Function): pass

alias = square

@gp.examples(np.ones(2))
def plain(x): return x

@gp.examples(np.ones(2))
def _private(x): return x

def unmarked(x): return x

@gp.function
def alpha(x): return x
""",
    )
    assert discover.list_targets(parse("many.py")) == [
        ("square", "gp.function"),
        ("Zeta", "torch.autograd.Function"),
        ("plain", "callable with examples"),
        ("alpha", "gp.function"),
    ]


def test_an_instance_does_not_count_for_the_examples_of_its_class(write):
    write(
        "instances.py",
        SQUARE
        + """
@gp.examples(np.ones(2))
class Layer:
    def __call__(self, x): return x

layer = Layer()
""",
    )
    names = [name for name, _ in discover.list_targets(parse("instances.py"))]
    assert names == ["square", "Layer"]


def test_a_named_target_may_be_anything(write):
    write("plain.py", "def f(x): return x\n")
    assert discover.list_targets(parse("plain.py:f")) == [("f", "callable")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("layer.py", "there is no file layer.py; did you mean layers.py?"),
        ("models/x.py", "there is no file models/x.py; paths start from {here}"),
        ("models", "models is a folder; give a file in it, such as models/unet.py"),
        (
            "nowhere",
            "there is no module nowhere to import; run from the folder that holds it, "
            "install it, or give the file as path.py",
        ),
        (
            "models.nowhere",
            "there is no module models.nowhere to import; run from the folder that "
            "holds it, install it, or give the file as path.py",
        ),
        ("layers.py:squar", "layers.py has no 'squar'; did you mean square?"),
        (
            "layers.py:zzz",
            "layers.py has no 'zzz'; gradproof list layers.py shows what can be "
            "checked",
        ),
        (
            "empty.py",
            "empty.py defines nothing to check: that takes a @gp.function, a "
            "torch.autograd.Function subclass, or something with @gp.examples; "
            "anything else can be named, as empty.py:NAME",
        ),
        (
            "raises.py",
            "raises.py cannot be imported: KeyError: 'x' (raises.py:2); "
            "to see it whole, run python raises.py",
        ),
        (
            "package.raises",
            "package.raises cannot be imported: KeyError: 'x' (package/raises.py:2); "
            'to see it whole, run python -c "import package.raises"',
        ),
        (
            "syntax.py",
            "syntax.py cannot be imported: SyntaxError: '(' was never closed "
            "(syntax.py:1); to see it whole, run python syntax.py",
        ),
        (
            "missing.py",
            "missing.py cannot be imported: ModuleNotFoundError: No module named "
            "'not_installed' (missing.py:1); to see it whole, run python missing.py",
        ),
        (
            "leaves.py",
            "leaves.py cannot be imported: SystemExit: 3 (leaves.py:2); "
            'put what only a script does under if __name__ == "__main__":',
        ),
        (
            "interrupts.py",
            "interrupts.py cannot be imported: KeyboardInterrupt (interrupts.py:1); "
            "to see it whole, run python interrupts.py",
        ),
        (
            "package/relative.py",
            "package/relative.py cannot be imported: ImportError: attempted relative "
            "import with no known parent package (package/relative.py:1); "
            "it is part of a package: give it as package.module",
        ),
    ],
)
def test_each_failure_is_one_line_that_says_what_to_do(write, tmp_path, text, message):
    write("layers.py", SQUARE)
    write("models/unet.py", SQUARE)
    write("package/__init__.py", "")
    write("package/relative.py", "from . import raises\n")
    write("empty.py", "value = 1\n")
    write("syntax.py", "f(\n")
    write("missing.py", "import not_installed\n")
    write("leaves.py", "import sys\nsys.exit(3)\n")
    write("interrupts.py", "raise KeyboardInterrupt\n")
    for path in ("raises.py", "package/raises.py"):
        write(path, "table = {}\ntable['x']\n")
    assert error_of(text) == message.format(here=tmp_path)


def test_an_error_deep_in_a_library_is_told_by_the_users_own_line(write):
    write("deep.py", "import json\n\njson.loads('{')\n")
    assert "(deep.py:3)" in error_of("deep.py")


def test_a_module_that_failed_is_not_left_behind(write):
    write("half.py", "value = 1\nraise ValueError('two\\nlines')\n")
    assert "ValueError: two lines (half.py:2)" in error_of("half.py")
    assert "half" not in sys.modules
