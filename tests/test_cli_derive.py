"""The commands derive and explain: what they print and how they exit."""

import contextlib
import io
import re
import subprocess
import sys

import pytest
from click.testing import CliRunner

import gradproof as gp
from gradproof.cli import main
from gradproof.commands import derive
from gradproof.derive import emit

FUNCTIONS = '''\
import numpy as np
import gradproof as gp

print("imported")


def product(x, y):
    """p = exp(x) * y."""
    print("called")
    return np.exp(x) * y


@gp.examples(np.ones((2, 3)))
def total(x, *, axis=None):
    return np.sum(x, axis=axis)


@gp.examples(np.ones((4, 3), np.float32), np.ones(4, np.float32))
@gp.function
def weighed(x, w, *, power=2.0):
    return w @ x**power


def scaled(x, factor=3.0, shift=1):
    return np.sum(x * factor + shift)


def branch(x):
    if np.sum(x) > 0:
        return x
    return -x


def raises(x):
    raise RuntimeError("no such luck")


def leaves(x):
    raise SystemExit(3)


number = 1
'''

TORCH = """\
import torch


def entropy(logits, labels):
    return torch.nn.functional.cross_entropy(logits, labels)


class Identity(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("derive")
    (folder / "f.py").write_text(FUNCTIONS)
    (folder / "t.py").write_text(TORCH)
    (folder / "plain.py").write_text("def one(x):\n    return x\n")
    (folder / "empty.py").write_text("value = 1\n")
    (folder / "broken.py").write_text("1 / 0\n")
    with contextlib.chdir(folder):
        yield folder


def gradproof(*arguments):
    return CliRunner().invoke(main, [str(each) for each in arguments])


PRODUCT = """\
import numpy as np


def product_and_gradients(x, y, grad_output):
    assert x.shape == y.shape
    # Forward.
    exp = np.exp(x)
    output = exp * y
    # Backward.
    grad_y = grad_output * exp  # output = exp * y
    grad_x = grad_output * y * exp  # exp = exp(x)
    return output, (grad_x, grad_y)
"""
GIVEN = ("f.py:product", "--example", "x=2,3", "--example", "y=2,3")


def test_stdout_is_the_source_and_nothing_else(folder):
    command = [sys.executable, "-m", "gradproof", "derive", *GIVEN]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.stdout == PRODUCT
    assert result.stderr.splitlines().count("imported") == 1
    assert result.returncode == 0


FORMS = {
    "numpy": "import numpy as np\n",
    "torch": "import torch\n",
    "torch-library": "import torch\n",
    "jax": "import jax\n",
    "latex": r"% \bar{x} is",
    "markdown": "# product\n",
}


@pytest.mark.parametrize("to", FORMS)
def test_every_form_can_be_asked_for(folder, to):
    result = gradproof("derive", "--to", to, *GIVEN)
    assert result.exit_code == 0
    assert result.stdout.startswith(FORMS[to])


def test_all_forms_are_tried_here():
    assert FORMS.keys() == emit.FORMS.keys()


def test_a_form_that_there_is_not_is_an_error_of_usage(folder):
    result = gradproof("derive", "--to", "fortran", *GIVEN)
    assert result.exit_code == 2
    assert "'fortran' is not one of 'numpy', 'torch'" in result.stderr


def test_inputs_are_those_of_gp_examples(folder):
    result = gradproof("derive", "f.py:total")
    assert result.exit_code == 0
    assert "grad_x = np.ones_like(x)" in result.stdout


def test_an_example_replaces_the_one_of_its_name(folder):
    result = gradproof("explain", "f.py:weighed", "--example", "x=4,2")
    assert result.exit_code == 0
    assert re.search(r"^  x +\[4, 2\]", result.stdout, re.MULTILINE)
    assert re.search(r"^  w +\[4\]", result.stdout, re.MULTILINE)


def test_options_are_constants(folder):
    result = gradproof("derive", "f.py:total", "--option", "axis=1")
    assert "np.sum(x, axis=1)" in result.stdout
    result = gradproof("derive", "f.py:weighed", "--option", "power=3.0")
    assert "x**3.0" in result.stdout


def test_a_positional_parameter_can_be_an_option_too(folder):
    given = ("--example", "x=3", "--option", "factor=5")
    result = gradproof("derive", "f.py:scaled", *given)
    assert "x * 5 + 1" in result.stdout


def test_an_integer_input_with_a_range(folder):
    given = ("--example", "logits=4,10", "--example", "labels=4:int64:0..10")
    result = gradproof("derive", "t.py:entropy", "--to", "torch", *given)
    assert result.exit_code == 0
    assert "return grad_logits, None" in result.stdout


def test_a_function_in_torchs_names_gets_tensors(folder):
    given = ("--example", "logits=4,10", "--example", "labels=4:int64:0..10")
    result = gradproof("explain", "t.py:entropy", *given)
    assert result.exit_code == 0
    assert "logits" in result.stdout


def test_wrt_chooses_the_inputs(folder):
    result = gradproof("derive", *GIVEN, "--wrt", "y")
    assert "return output, (grad_y,)" in result.stdout


def test_several_targets_are_one_module(folder):
    text = "import numpy as np\ndef double(x, y):\n    return np.sum(2 * x + y)\n"
    (folder / "g.py").write_text(text)
    result = gradproof("derive", "f.py:product", "g.py:double", *GIVEN[1:])
    assert result.stdout.startswith(PRODUCT + "\n\ndef double_and_gradients(")
    assert result.stdout.count("import numpy") == 1
    exec(result.stdout, {})


def test_joined_sources_import_everything_first_and_once():
    sources = ["import math\n\nimport jax\n\n\nA\n", "import jax\n\n\nB\n"]
    assert derive.joined(sources, "jax") == ("import math\nimport jax\n\n\nA\n\n\nB\n")
    assert derive.joined(["x\n", "y\n"], "latex") == "x\n\ny\n"
    assert derive.joined(["x\n"], "jax") == "x\n"


def test_to_a_file_and_check_it(folder):
    result = gradproof("derive", *GIVEN, "-o", "written.py")
    assert (result.exit_code, result.stdout) == (0, "")
    assert (folder / "written.py").read_text() == PRODUCT
    result = gradproof("derive", *GIVEN, "--check", "written.py")
    assert result.exit_code == 0
    assert (result.stdout, "stale" in result.stderr) == ("", False)


def test_one_target_that_cannot_run_leaves_nothing_printed(folder):
    result = gradproof("derive", "f.py:total", "f.py:totl")
    assert (result.exit_code, result.stdout) == (2, "")


def test_a_stale_file_exits_with_1_and_stays_as_it_is(folder):
    (folder / "stale.py").write_text(PRODUCT + "\n")
    result = gradproof("derive", *GIVEN, "--check", "stale.py")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == (
        "stale.py is stale: write it again with -o stale.py"
    )
    assert (folder / "stale.py").read_text() == PRODUCT + "\n"


COULD_NOT_RUN = {
    ("f.py:product",): "product: nothing is known of x, y: give --example x=SHAPE "
    "--example y=SHAPE, or put @gp.examples(...) on it",
    ("f.py:product", "--example", "x=3"): "product: nothing is known of y: give "
    "--example y=SHAPE, or put @gp.examples(...) on it",
    ("f.py:product", "--example", "yy=3"): "--example yy: product has no such "
    "parameter; did you mean y? it has x, y",
    ("f.py:product", "--option", "z=3"): "--option z: product has no such parameter; "
    "it has x, y",
    ("f.py",): "f.py is a whole file: name a function in it, as f.py:total; it has "
    "total, weighed",
    ("plain.py",): "plain.py is a whole file: name a function in it, as plain.py:one; "
    "it has one",
    ("empty.py",): "empty.py defines no function to derive",
    ("broken.py:f",): "broken.py cannot be imported: ZeroDivisionError: division by "
    "zero (broken.py:1); to see it whole, run python broken.py",
    ("nowhere.py:f",): "there is no file nowhere.py; paths start from {here}",
    ("f.py:totl",): "f.py has no 'totl'; did you mean total?",
    ("f.py:",): "f.py: names nothing after the colon; give f.py:NAME",
    ("t.py:Identity",): "t.py:Identity is a torch.autograd.Function, whose backward is "
    "written already: give the function that it computes, or gradproof check it",
    ("f.py:number",): "f.py:number is a int, not a function",
    ("f.py:raises", "--example", "x=3"): "f.py:raises raised RuntimeError: no such "
    "luck (f.py:35); call it on its inputs to see",
    (
        "f.py:leaves",
        "--example",
        "x=3",
    ): "f.py:leaves ended its own derivation: SystemExit: 3 "
    "(f.py:39); a target must return to its caller",
    ("f.py:total", "--wrt", "y"): "total cannot be differentiated in 'y': its floating "
    "inputs are x",
}


@pytest.mark.parametrize("arguments", COULD_NOT_RUN, ids=" ".join)
def test_what_could_not_run_says_why_and_exits_with_2(folder, arguments):
    result = gradproof("derive", *arguments)
    message = COULD_NOT_RUN[arguments].format(here=folder)
    assert [
        line for line in result.stderr.splitlines() if line.startswith("Error")
    ] == [f"Error: {message}"]
    assert (result.exit_code, result.stdout) == (2, "")


def test_explain_says_so_too(folder):
    result = gradproof("explain", "f.py:leaves", "--example", "x=3")
    assert (
        "Error: f.py:leaves ended its own explanation: SystemExit: 3" in result.stderr
    )
    assert (result.exit_code, result.stdout) == (2, "")


def test_what_cannot_be_derived_is_its_one_message(folder):
    result = gradproof("derive", "f.py:branch", "--example", "x=3")
    assert result.exit_code == 2
    error = result.stderr[result.stderr.index("Error: ") :]
    assert error.startswith("Error: f.py:29: in branch, ")
    assert error.endswith("\n    if np.sum(x) > 0:\n")
    assert "Traceback" not in error


def test_a_file_to_check_that_is_not_there(folder):
    result = gradproof("derive", *GIVEN, "--check", "gone.py")
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1] == (
        "Error: gone.py cannot be read: No such file or directory; "
        "write it with -o gone.py"
    )


def test_a_folder_for_the_output_is_made(folder):
    assert gradproof("derive", *GIVEN, "-o", "new/folder/a.py").exit_code == 0
    assert (folder / "new/folder/a.py").exists()


def test_a_file_that_cannot_be_written(folder):
    (folder / "taken").write_text("")
    result = gradproof("derive", *GIVEN, "-o", "taken/a.py")
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1].startswith(
        "Error: taken/a.py cannot be written: "
    )


def test_output_and_check_exclude_each_other(folder):
    result = gradproof("derive", *GIVEN, "--check", "a.py", "-o", "a.py")
    assert result.exit_code == 2
    assert "--output and --check exclude each other" in result.stderr


USAGE = {
    ("--example", "x"): "'x' is no example: give NAME=SHAPE, NAME=SHAPE:DTYPE or "
    "NAME=SHAPE:DTYPE:LOW..HIGH, or NAME=NUMBER",
    ("--example", "x=3,a"): "'x=3,a': '3,a' is neither a shape, as in 3,4 or 5 or (), "
    "nor a number, as in 2.5",
    ("--example", "x=3:int65x"): "'x=3:int65x': 'int65x' is neither a dtype, as in "
    "float32, int64, bool or torch.float32, nor a range, as in 0..10",
    ("--example", "x=3:5..2"): "'x=3:5..2': '5..2' is neither a dtype, as in "
    "float32, int64, bool or torch.float32, nor a range, as in 0..10",
    ("--option", "axis"): "'axis' is no option: give NAME=VALUE, as in axis=1",
}


@pytest.mark.parametrize("arguments", USAGE, ids=" ".join)
def test_what_cannot_be_read_is_an_error_of_usage(folder, arguments):
    result = gradproof("derive", "f.py:product", *arguments)
    assert result.exit_code == 2
    assert result.stderr.endswith(f": {USAGE[arguments]}\n")


def test_explain_prints_the_table(folder):
    result = gradproof("explain", "f.py:total")
    import numpy as np

    def total(x, *, axis=None):
        return np.sum(x, axis=axis)

    assert result.stdout == str(gp.explain(total, np.ones((2, 3)))) + "\n"
    assert result.exit_code == 0


def test_explain_takes_several_targets(folder):
    result = gradproof("explain", "f.py:total", "f.py:weighed")
    assert "\n\n\nweighed(x, w) → output\n" in result.stdout


def test_another_seed_gives_other_numbers(folder):
    first, again, other = (
        gradproof("explain", *GIVEN, "--seed", seed).stdout for seed in (0, 0, 1)
    )
    assert first == again != other


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_gets_colour_and_the_same_text(monkeypatch):
    stream = Terminal()
    monkeypatch.setattr(derive, "stdout", lambda: stream)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    derive._shown(PRODUCT, "python")
    assert "\x1b[" in stream.getvalue()
    assert re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue()) == PRODUCT
