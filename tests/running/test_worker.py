"""The process that targets run in."""

import json
import signal
import subprocess
import sys

import pytest

import gradproof as gp
from gradproof.running import worker
from gradproof.running.workers import COMMAND

SQUARE = """
import numpy as np
import gradproof as gp

@gp.examples(np.array([1.0, 2.0, 3.0]))
@gp.function
def square(x):
    {body}
    return x * x
"""


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)

    def write(name, body="pass"):
        (tmp_path / name).write_text(SQUARE.format(body=body))

    yield write
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


def ask(**request):
    return json.loads(worker.serve(request))


def test_list_is_answered_with_names_and_kinds(write):
    write("listed.py")
    assert ask(list="listed.py") == {"targets": [["square", "gp.function"]]}


def test_check_is_answered_with_a_verdict(write):
    write("checked.py")
    answer = ask(check="checked.py:square", settings={"seed": 3})
    assert answer["verdict"]["target"] == "square"
    assert answer["verdict"]["seed"] == 3


def test_what_cannot_be_imported_is_an_answer(write):
    error = ask(check="nowhere.py:f")["error"]
    assert error["kind"] == "target"
    assert error["message"].startswith("there is no file nowhere.py; ")


def test_no_inputs_is_an_answer_of_its_own(write, tmp_path):
    (tmp_path / "bare.py").write_text(
        "import gradproof as gp\n\n@gp.function\ndef bare(x):\n    return x\n"
    )
    assert ask(check="bare.py:bare")["error"]["kind"] == "inputs"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    ],
)
def test_a_target_that_leaves_is_an_answer(write, body, said):
    write("leaves.py", body)
    assert ask(check="leaves.py:square")["error"] == {
        "kind": "crash",
        "message": f"leaves.py:square ended its own check: {said} (leaves.py:8); "
        "a target must return to its caller",
    }


def test_a_bug_of_ours_is_called_one(write, monkeypatch):
    def broken(target, **settings):
        raise KeyError("nobody knows")

    write("fine.py")
    monkeypatch.setattr(gp, "check", broken)
    error = ask(check="fine.py:square")["error"]
    assert error["kind"] == "internal"
    assert error["message"].startswith(
        "gradproof failed on fine.py:square: KeyError: 'nobody knows' (at "
    )
    assert error["message"].endswith(
        "); this is a bug in gradproof, please report it with this line"
    )
    assert "\n" not in error["message"]


def test_an_exception_that_passed_through_the_target_is_not_called_our_bug(
    write, monkeypatch
):
    def careless(target, **settings):
        return target(None)

    write("raises.py", "raise ValueError('no good')")
    monkeypatch.setattr(gp, "check", careless)
    assert ask(check="raises.py:square")["error"] == {
        "kind": "target",
        "message": "raises.py:square raised ValueError: no good (raises.py:8); "
        "call it on its inputs to see",
    }


def test_what_a_target_prints_stays_out_of_the_answers(write):
    write("prints.py", "print('printed', flush=True); print(repr(input.__name__))")
    requests = ['{"list": "prints.py"}', '{"check": "prints.py:square"}']
    worker = subprocess.run(
        COMMAND, input="\n".join(requests) + "\n", capture_output=True, text=True
    )
    listed, *told, checked = map(json.loads, worker.stdout.splitlines())
    assert all("at" in line for line in told)
    assert listed == {"targets": [["square", "gp.function"]]}
    assert "verdict" in checked
    assert "printed" in worker.stderr
    assert worker.returncode == 0


def test_a_target_cannot_read_the_requests(write):
    write("reads.py", "input()")
    worker = subprocess.run(
        COMMAND,
        input='{"check": "reads.py:square"}\n{"list": "reads.py"}\n',
        capture_output=True,
        text=True,
    )
    assert len(worker.stdout.splitlines()) == 2


def test_a_working_folder_that_a_target_changes_is_put_back(write, tmp_path):
    write("moves.py", "import os; os.chdir('/')")
    write("stays.py")
    worker = subprocess.run(
        COMMAND,
        input='{"check": "moves.py:square"}\n{"list": "stays.py"}\n',
        capture_output=True,
        text=True,
    )
    assert '{"targets": [["square", "gp.function"]]}' in worker.stdout


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs setitimer")
def test_a_worker_that_nobody_kills_ends_itself(write):
    write("hangs.py", "while True: pass")
    worker = subprocess.run(
        COMMAND,
        input='{"check": "hangs.py:square", "seconds": 0.5}\n',
        capture_output=True,
        text=True,
    )
    assert worker.returncode == -signal.SIGALRM


def test_each_property_that_a_check_comes_to_is_said(write):
    write("slow.py")
    said = []
    answer = json.loads(worker.serve({"check": "slow.py:square"}, said.append))
    lines = [json.loads(line) for line in said]
    properties = [check["property"] for check in answer["verdict"]["checks"]]
    assert sorted(line["at"] for line in lines) == sorted(properties)
    assert all(0 <= line["share"] < 1 for line in lines)
