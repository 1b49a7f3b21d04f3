"""The command line: what it prints and how it exits."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from gradproof.cli import main

HEADER = "import os, sys, time\nimport numpy as np\nimport gradproof as gp\n"

SQUARE = """
@gp.examples(np.array([1.0, 2.0, 3.0]))
@gp.function
def square(x):
    {body}
    return x * x

@square.gradient("x")
def grad_x(grad_output, x):
    return {factor} * grad_output * x
"""


def source(body="pass", factor=2):
    return HEADER + SQUARE.format(body=body, factor=factor)


GIVEN = (
    HEADER
    + """
import torch

@gp.function
def scaled(x, weight, *, seed=1, power=1.0):
    return weight * x**power

class Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, factor=2.0):
        ctx.factor = factor
        return factor * x

    @staticmethod
    def backward(ctx, grad_output):
        return ctx.factor * grad_output, None

class Makes:
    def __init__(self, x):
        self.x = x
"""
)

FILES = {
    "given.py": GIVEN,
    "good.py": source(),
    "bad.py": source(factor=3),
    "bare.py": HEADER + "@gp.function\ndef bare(x):\n    return x\n",
    "empty.py": "value = 1\n",
    "syntax.py": "f(\n",
    "missing.py": "import not_installed\n",
    "raises.py": "1 / 0\n",
    "leaves.py": "import sys\nsys.exit(3)\n",
    "exits.py": source("os._exit(3)"),
    "crashes.py": source("os.kill(os.getpid(), 11)"),
    "quits.py": source("sys.exit('bye')"),
    "hangs.py": source("time.sleep(600)"),
    "hangs_at_import.py": "import time\ntime.sleep(600)\n",
    "prints.py": "print('at import')\n" + source("print('when called')"),
}

ONE = ["--example=x=3", "--example=weight=3"]
COULD_NOT_RUN = {
    "nowhere.py": "there is no file nowhere.py; paths start from {here}",
    "goood.py": "there is no file goood.py; did you mean good.py?",
    ".": ". is a folder; give a file in it, such as bad.py",
    "no_such_module": "there is no module no_such_module to import; run from the "
    "folder that holds it, install it, or give the file as path.py",
    "good.py:squar": "good.py has no 'squar'; did you mean square?",
    "good.py:": "good.py: names nothing after the colon; give good.py:NAME",
    "empty.py": "empty.py defines nothing to check: that takes a @gp.function, a "
    "torch.autograd.Function subclass, or something with @gp.examples; anything else "
    "can be named, as empty.py:NAME",
    "syntax.py": "syntax.py cannot be imported: SyntaxError: '(' was never closed "
    "(syntax.py:1); to see it whole, run python syntax.py",
    "missing.py": "missing.py cannot be imported: ModuleNotFoundError: No module named "
    "'not_installed' (missing.py:1); to see it whole, run python missing.py",
    "raises.py": "raises.py cannot be imported: ZeroDivisionError: division by zero "
    "(raises.py:1); to see it whole, run python raises.py",
    "leaves.py": "leaves.py cannot be imported: SystemExit: 3 (leaves.py:2); put what "
    'only a script does under if __name__ == "__main__":',
    "exits.py:square": "exits.py:square ended its process with exit status 3; "
    "a target must return to its caller",
    "crashes.py:square": "crashes.py:square ended its process with SIGSEGV "
    "(Segmentation fault); PYTHONFAULTHANDLER=1 in the environment shows where",
    "quits.py:square": "quits.py:square ended its own check: SystemExit: bye "
    "(quits.py:8); a target must return to its caller",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("targets")
    for name, text in FILES.items():
        (folder / name).write_text(text)
    with contextlib.chdir(folder):
        yield folder


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder of its own, for settings in a file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.py").write_text(FILES["good.py"])
    (tmp_path / "bad.py").write_text(FILES["bad.py"])
    return tmp_path


def gradproof(*arguments):
    return CliRunner().invoke(main, [str(each) for each in arguments])


def concise(*arguments):
    return gradproof("check", "--output-format", "concise", *arguments)


@pytest.fixture(scope="module")
def everything_wrong(folder):
    """One run over every target that cannot run, and two that can."""
    texts = [*COULD_NOT_RUN, "bare.py", "good.py", "bad.py"]
    return concise(*texts)


def test_nothing_found_exits_with_0(folder):
    result = concise("good.py")
    assert result.stdout == "1 target: 1 ok, 0 with findings, 0 could not run\n"
    assert result.exit_code == 0


def test_findings_exit_with_1(folder):
    result = concise("bad.py", "good.py")
    first, *_, last = result.stdout.splitlines()
    assert first.startswith("bad.py:square: gradient")
    assert last == "2 targets: 1 ok, 1 with findings, 0 could not run"
    assert result.exit_code == 1


def test_what_could_not_run_wins_over_findings(everything_wrong):
    assert everything_wrong.exit_code == 2


@pytest.mark.parametrize("target", COULD_NOT_RUN)
def test_what_could_not_run_has_its_line(everything_wrong, folder, target):
    message = COULD_NOT_RUN[target].format(here=folder)
    line = f"{target}: could not run: {message}"
    assert everything_wrong.stdout.splitlines().count(line) == 1


def test_no_inputs_known_is_said_by_name(everything_wrong):
    [line] = [
        line
        for line in everything_wrong.stdout.splitlines()
        if line.startswith("bare.py:bare: could not run: ")
    ]
    assert "gp.examples" in line


def test_what_could_be_given_at_the_prompt_is_said(folder):
    line = concise("given.py:scaled").stdout.splitlines()[0]
    assert line.endswith(
        "scaled: nothing is known of x, weight: give --example x=SHAPE "
        "--example weight=SHAPE, or put @gp.examples(...) on it"
    )


@pytest.mark.parametrize(
    ("target", "given", "inputs"),
    [
        ("scaled", "x=3,4 weight=4", ["x: float64[3, 4]", "weight: float64[4]"]),
        ("scaled", "x=2:float32:1..2 weight=2.5", ["x: float32[2]", "weight: float64"]),
        ("Double", "x=3", ["x: float64[3]"]),
    ],
)
def test_inputs_can_be_given_at_the_prompt(folder, target, given, inputs):
    options = [f"--example={one}" for one in given.split()]
    if target == "scaled":
        options.append("--option=power=2.0")
    options += ["--select=gradient", "--output-format=json"]
    result = gradproof("check", f"given.py:{target}", *options)
    [target] = json.loads(result.stdout)["targets"]
    assert target["ok"], target
    shown = [re.sub(r"(\[\])?( = .*)?$", "", one) for one in target["inputs"]]
    assert shown[: len(inputs)] == inputs


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["given.py", "--example=x=3"], "are for one function: give given.py:NAME"),
        (["calls.npz", "--example=x=3"], "calls.npz has inputs: leave out --example"),
        (["given.py:scaled", "--example=x"], "'x' is no example: give NAME=SHAPE"),
        (
            ["given.py:scaled", "--option=seed=2", *ONE],
            "seed is a setting of the check",
        ),
        (["given.py:Double", "--example=y=2"], "--example y: Double has no such param"),
        (["given.py:Makes", "--example=y=2"], "Makes does not say what its parameter"),
    ],
)
def test_what_cannot_be_given_is_refused(folder, arguments, message):
    result = concise(*arguments)
    assert message in result.output
    assert result.exit_code == 2


def test_the_other_targets_still_run(everything_wrong):
    lines = everything_wrong.stdout.splitlines()
    assert any(line.startswith("bad.py:square: gradient") for line in lines)
    assert lines[-1] == (
        f"{len(COULD_NOT_RUN) + 3} targets: 1 ok, 1 with findings, "
        f"{len(COULD_NOT_RUN) + 1} could not run"
    )


@pytest.mark.parametrize("target", ["hangs.py:square", "hangs_at_import.py"])
def test_a_target_that_hangs_is_stopped(folder, target):
    result = concise(target, "--timeout", "1")
    assert result.stdout.splitlines()[0] == (
        f"{target}: could not run: {target} took longer than 1 s and was stopped; "
        "give it longer with --timeout, or smaller inputs"
    )
    assert result.exit_code == 2


def test_a_target_given_twice_is_checked_once(folder):
    result = concise("good.py", "good.py:square", "good.py", "-j", "2")
    assert result.stdout == "1 target: 1 ok, 0 with findings, 0 could not run\n"


def test_full_is_the_default(folder):
    result = gradproof("check", "bad.py")
    assert "✗ gradient" in result.stdout
    assert result.exit_code == 1


def test_select_ignore_and_seed_reach_the_check(folder):
    result = gradproof(
        "check",
        "good.py",
        "--output-format=json",
        "--select=gradient, shape",
        "--select=linearity",
        "--ignore=shape",
        "--seed=5",
    )
    [target] = json.loads(result.stdout)["targets"]
    ran = {each["property"] for each in target["checks"] if each["status"] == "passed"}
    assert "gradient" in ran
    assert ran <= {"gradient", "linearity"}
    assert target["seed"] == 5


def test_an_unknown_property_is_a_usage_error(folder):
    result = gradproof("check", "good.py", "--select", "gradeint")
    assert "--select: there is no property 'gradeint'; did you mean gradient?" in (
        result.stderr
    )
    assert "gradient, " in result.stderr
    assert result.exit_code == 2


def test_selecting_what_is_ignored_is_a_usage_error(folder):
    both = ["--select", "gradient", "--ignore", "gradient,linearity"]
    result = gradproof("check", "good.py", *both)
    assert "nothing is left to check" in result.stderr
    assert result.exit_code == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["check"],
        ["list"],
        ["nonsense"],
        ["check", "good.py", "--output-format", "html"],
        ["list", "good.py", "--output-format", "junit"],
        ["check", "good.py", "-j", "0"],
        ["check", "good.py", "--timeout", "0"],
        ["check", "good.py", "--seed", "x"],
    ],
)
def test_wrong_usage_exits_with_2(folder, arguments):
    result = gradproof(*arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith("Usage: ")
    assert "Traceback" not in result.stderr


def test_settings_come_from_the_file_and_the_command_line_wins(project):
    (project / "pyproject.toml").write_text(
        '[tool.gradproof]\noutput-format = "json"\nseed = 4\nselect = ["shape"]\n'
    )
    [target] = json.loads(gradproof("check", "bad.py").stdout)["targets"]
    assert (target["seed"], target["ok"]) == (4, True)
    result = concise("bad.py", "--select", "gradient")
    assert result.stdout.startswith("bad.py:square: gradient")


def test_what_is_declared_is_said_and_what_of_it_matches_nothing(project):
    (project / "pyproject.toml").write_text(
        '[tool.gradproof.targets."bad.py:square"]\nignore = ["gradient"]\n'
        '[tool.gradproof.targets."good.py:sqare"]\nignore = ["gradient"]\n'
        '[tool.gradproof.targets."other.py:square"]\nignore = ["gradient"]\n'
    )
    lines = concise("good.py", "bad.py", "--select", "shape").stdout.splitlines()
    assert lines[-2:] == [
        "declared  bad.py:square: without gradient",
        "unmatched good.py:sqare is declared, but matches no target here; "
        "did you mean good.py:square?",
    ]


def test_a_record_that_is_not_there(project):
    line = concise("nofile.npz").stdout.splitlines()[0]
    assert line.startswith(
        "nofile.npz: could not run: there is no file nofile.npz; paths start from"
    )


def test_a_wrong_file_is_a_usage_error(project):
    file = project / "pyproject.toml"
    file.write_text("[tool.gradproof]\nsede = 4\n")
    result = gradproof("check", "good.py")
    assert f"Error: {file}: [tool.gradproof] has an unknown key 'sede'" in result.stderr
    assert result.exit_code == 2
    file.write_text('[tool.gradproof]\nignore = ["nonsense"]\n')
    result = gradproof("check", "good.py")
    assert f"{file}: [tool.gradproof] ignore: there is no property" in result.stderr
    assert result.exit_code == 2


def test_an_annotation_says_file_and_line(folder):
    result = gradproof("check", "bad.py", "raises.py", "--output-format", "github")
    lines = (folder / "bad.py").read_text().splitlines()
    line = lines.index("def square(x):") + 1
    first, second, _ = result.stdout.splitlines()
    assert first.startswith(f"::error file=bad.py,line={line},title=bad.py%3Asquare")
    assert second.startswith("::error file=raises.py,title=raises.py%3A could not run")


def test_list_prints_targets_with_their_kind(folder):
    result = gradproof("list", "good.py", "nowhere.py", "good.py:square")
    assert result.stdout == "good.py:square  gp.function\n"
    assert result.stderr.startswith("Error: there is no file nowhere.py; ")
    assert result.exit_code == 2


def test_list_has_a_json_format(folder):
    result = gradproof("list", "good.py", "--output-format", "json")
    [target] = json.loads(result.stdout)["targets"]
    assert target == {"target": "good.py:square", "kind": "gp.function", "error": None}
    assert result.exit_code == 0


def test_version():
    result = gradproof("--version")
    assert result.stdout.startswith("gradproof, version ")


def test_stdout_is_the_report_and_nothing_else(folder):
    process = subprocess.run(
        [
            sys.executable,
            "-m",
            "gradproof",
            "check",
            "prints.py",
            "--output-format=json",
        ],
        capture_output=True,
        text=True,
    )
    assert json.loads(process.stdout)["summary"]["ok"] == 1
    assert "at import" in process.stderr
    assert "when called" in process.stderr
    assert process.returncode == 0


def test_python_dash_m_has_the_same_name():
    process = subprocess.run(
        [sys.executable, "-m", "gradproof"], capture_output=True, text=True
    )
    assert "Usage: gradproof [OPTIONS] COMMAND" in process.stdout + process.stderr


def test_a_stdout_that_cannot_encode_is_no_crash(folder):
    process = subprocess.run(
        [sys.executable, "-m", "gradproof", "check", "bad.py"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert "? gradient" in process.stdout
    assert process.returncode == 1


def test_the_parent_imports_neither_torch_nor_jax(folder):
    program = """
import sys
from gradproof.cli import main
main(["check", "bad.py", "--select", "gradient"], standalone_mode=False)
"""
    check = "import atexit, sys; atexit.register(lambda: print(sorted(sys.modules)))"
    process = subprocess.run(
        [sys.executable, "-c", check + program], capture_output=True, text=True
    )
    modules = process.stdout.splitlines()[-1]
    assert "'gradproof.cli'" in modules
    assert "'torch'" not in modules
    assert "'jax'" not in modules


def test_a_terminal_shows_what_runs_on_stderr_only(folder):
    pty = pytest.importorskip("pty")
    terminal, side = pty.openpty()
    process = subprocess.run(
        [sys.executable, "-m", "gradproof", "check", "good.py"],
        stdout=subprocess.PIPE,
        stderr=side,
        text=True,
        env={**os.environ, "TERM": "xterm-256color"},
    )
    os.close(side)
    shown = os.read(terminal, 1 << 16).decode()
    os.close(terminal)
    assert "running good.py" in shown
    assert "/1" in shown
    assert "running" not in process.stdout
    assert "\x1b" not in process.stdout


def test_an_interrupt_ends_the_workers_and_exits_with_130(tmp_path):
    (tmp_path / "hangs.py").write_text(
        source("open('pid', 'w').write(str(os.getpid())); time.sleep(600)")
    )
    program = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from gradproof.cli import main; main(['check', 'hangs.py'])"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    pid = _written(tmp_path / "pid")
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=30)
    assert (process.returncode, stdout, stderr) == (130, "", "Interrupted.\n")
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def _written(path: Path) -> int:
    deadline = time.monotonic() + 30
    while not (path.exists() and path.read_text()):
        assert time.monotonic() < deadline, "the target never started"
        time.sleep(0.05)
    return int(path.read_text())
