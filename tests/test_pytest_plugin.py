"""The pytest plugin, as a user's test suite sees it."""

import json
import subprocess
import sys
from xml.etree import ElementTree

import pytest

from gradproof import Verdict
from gradproof.commands.options import report_to
from gradproof.report import Outcome
from gradproof.watch.only import Applied

pytest_plugins = ["pytester"]

LAYERS = """
import torch

class Wrong(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return 2 * x

    @staticmethod
    def backward(ctx, grad_output):
        return 3 * grad_output

class Round(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.round()

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output

wrong = Wrong.apply
"""
SUITE = """
import pytest, torch
from layers import Round, Wrong, wrong

def x():
    return torch.randn(4, 3, requires_grad=True)

def test_wrong():
    wrong(x()).sum().backward()

@pytest.mark.gradproof(record=False)
def test_round():
    Round.apply(x())

def test_one_that_is_made_inside():
    class Inside(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return 5 * x

        @staticmethod
        def backward(ctx, grad_output):
            return 5 * grad_output

    Inside.apply(x()).sum().backward()
"""
INSIDE = "test_suite:test_one_that_is_made_inside.<locals>.Inside"
ROUND = '[tool.gradproof.targets."layers:Wrong"]\nignore = ["gradient", "sizes"]\n'


@pytest.fixture
def suite(pytester, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(pytester.path))
    pytester.makepyfile(layers=LAYERS, test_suite=SUITE)
    return pytester


def run(suite, *arguments):
    return suite.runpytest_subprocess("-p", "no:cacheprovider", *arguments)


def outcomes(suite):
    targets = json.loads((suite.path / "report.json").read_text())["targets"]
    return {each["target"]: each["ok"] for each in targets}


def test_loading_it_imports_neither_gradproof_nor_torch():
    program = "import sys, pytest_gradproof; print(*sys.modules)"
    modules = subprocess.check_output(
        [sys.executable, "-c", program], text=True
    ).split()
    assert not {"gradproof", "torch", "numpy"}.intersection(modules)


def test_without_the_option_nothing_happens(suite):
    result = run(suite)
    result.assert_outcomes(passed=3)
    result.stdout.no_fnmatch_line("*gradproof*ok*")


def test_what_the_tests_call_is_checked_and_the_run_fails(suite):
    result = run(
        suite, "--gradproof", "--gradproof-report=report.json", "--junitxml=j.xml", "."
    )
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(
        [
            "*= gradproof =*",
            "layers:Wrong * 1 finding *",
            "*gradient · x · scale*",
            "gradproof: 1 target with findings",
            "*= 3 passed in *",
        ]
    )
    assert result.ret == 1
    assert outcomes(suite) == {"layers:Wrong": False, INSIDE: True}
    properties = ElementTree.parse(suite.path / "j.xml").iter("property")
    said = {each.get("name"): each.get("value") for each in properties}
    assert said["gradproof:layers:Wrong"].startswith("gradient: the gradient of 'x'")


def test_a_report_does_not_fail_the_run(suite):
    result = run(suite, "--gradproof=report", "--gradproof-only=layers")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["gradproof: 1 target with findings"])


@pytest.mark.parametrize("workers", [[], ["-n2"]])
def test_a_package_that_nothing_is_of_fails_the_run(suite, workers):
    result = run(suite, "--gradproof", "--gradproof-only=layer", *workers)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stdout.fnmatch_lines(
        [
            "gradproof: --gradproof-only layer: 2 targets were applied, and none is of "
            "package 'layer'; did you mean layers?"
        ]
    )
    result.stdout.no_fnmatch_line("*the tests applied no*")


def test_the_report_has_the_colours_of_the_terminal(suite, monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    shown = run(suite, "--gradproof", "--color=yes", "-k", "wrong").stdout.str()
    assert "\x1b[31m1 finding" in shown
    assert "\x1b[1m\x1b[31mgradproof: 1 target with findings" in shown


def test_a_package_that_there_is_not_fails_the_run_beside_one_that_there_is():
    applied = Applied(["layers", "lost", "json"], "--gradproof-only")
    applied.add(["layers.a:Wrong", "suite:Other"], existing=["json"])
    [line] = applied.problems()
    assert line == (
        "--gradproof-only lost: 2 targets were applied, and none is of package "
        "'lost'; they are of layers, suite"
    )


@pytest.mark.parametrize(("existing", "count"), [([], 1), (["layers"], 0)])
def test_where_nothing_is_applied_a_package_need_only_be_there(existing, count):
    applied = Applied(["layers"], "--gradproof-only")
    applied.add([], existing=existing)
    assert len(applied.problems()) == count


def test_a_report_of_a_suffix_without_a_format_is_refused(suite):
    result = run(suite, "--gradproof", "--gradproof-report=report.html")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["*report.html: the suffix says the format, and is one of .json, .xml, *"]
    )


@pytest.mark.parametrize(
    ("suffix", "begins"),
    [
        (".json", '{\n  "version": 1,'),
        (
            ".xml",
            '<?xml version="1.0" encoding="utf-8"?>\n<testsuites name="gradproof"',
        ),
        (".sarif", '{\n  "$schema": "https://json.schemastore.org/sarif-2.1.0.json"'),
        (".txt", "target "),
    ],
)
def test_the_suffix_says_the_format(tmp_path, suffix, begins):
    file = tmp_path / "reports" / f"report{suffix}"
    verdict = Verdict(target="Wrong")
    report_to(file, [Outcome(target="layers:Wrong", verdict=verdict)])
    assert file.read_text().startswith(begins)


def test_a_report_says_where_a_target_is(suite):
    run(suite, "--gradproof", "--gradproof-report=report.sarif")
    log = json.loads((suite.path / "report.sarif").read_text())
    [result] = log["runs"][0]["results"]
    [location] = result["locations"]
    line = LAYERS.strip().splitlines().index("class Wrong(torch.autograd.Function):")
    assert location["physicalLocation"] == {
        "artifactLocation": {"uri": "layers.py"},
        "region": {"startLine": line + 1},
    }


def test_the_workers_of_xdist_are_heard(suite):
    result = run(suite, "--gradproof", "--gradproof-report=report.json", "-n2")
    assert result.ret == 1
    assert outcomes(suite) == {"layers:Wrong": False, INSIDE: True}


def test_settings_come_from_files(suite):
    suite.makepyprojecttoml(
        f"{ROUND}reason = 'meant'\n[tool.pytest.ini_options]\ngradproof = 'fail'\n"
    )
    result = run(suite, "--gradproof-only=layers")
    result.stdout.fnmatch_lines(
        ["*layers:Wrong*", "declared  layers:Wrong: without gradient, sizes (meant)"]
    )


def test_a_declared_function_that_there_is_not_fails_the_run(suite):
    suite.makepyprojecttoml(
        """
        [tool.gradproof.targets."layers:Wrong"]
        gradient_of = "layers:wrnog"
        """
    )
    run = suite.runpytest_subprocess("--gradproof", "-k", "test_wrong")
    assert run.ret == 1
    run.stdout.fnmatch_lines(
        [
            '*gradient_of = "layers:wrnog" is declared of it*',
            "*gradproof: 1 target that could not be run*",
        ]
    )


def test_a_mistake_in_the_settings_is_one_of_usage(suite):
    suite.makepyprojecttoml('[tool.gradproof.targets."a:B"]\nignored = ["gradient"]\n')
    result = run(suite, "--gradproof")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*has an unknown key 'ignored'*"])


def test_the_fixture_fails_with_the_verdict_and_no_traceback_of_ours(suite):
    suite.makepyfile(
        test_suite="""
        import pytest, torch
        from layers import Wrong

        def test_fixture(gradproof):
            gradproof(Wrong, torch.randn(3, 4))

        @pytest.mark.gradproof(select=["shape"])
        def test_marker(gradproof):
            assert gradproof(Wrong, torch.randn(3, 4)).ok
        """
    )
    result = run(suite, "--strict-markers", "-W", "error", "-rA")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["Wrong: 1 finding", "*gradient · x · scale*"])
    result.stdout.no_fnmatch_line("*pytest_gradproof.py*")
