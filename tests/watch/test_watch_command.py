"""``gradproof watch``: the script as ``python`` runs it, and what it used."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

SCRIPT = """
import sys, time
import torch

class Wrong(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return 2 * x

    @staticmethod
    def backward(ctx, grad_output):
        return 3 * grad_output

class Flip(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad_output):
        return -grad_output

if __name__ == "__main__":
    for size in (2, 3, 4):
        Wrong.apply(torch.ones(size, size, requires_grad=True)).sum().backward()
    Flip.apply(torch.ones(3, 2, requires_grad=True))
    print(sys.argv, sys.path[0], __name__, __file__)
    what = sys.argv[1] if len(sys.argv) > 1 else ""
    if what == "raise":
        raise ValueError("from the script")
    if what == "wait":
        print("waiting", flush=True)
        time.sleep(60)
    sys.exit(what if what == "bye" else int(what or 0))
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "train.py").write_text(SCRIPT)
    return tmp_path


def python(folder, *arguments):
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, capture_output=True, text=True
    )


def gradproof(folder, *arguments):
    return python(folder, "-m", "gradproof", *arguments)


@pytest.mark.parametrize(
    "arguments", [["train.py"], ["train.py", "3"], ["train.py", "bye"], ["-m", "train"]]
)
def test_the_script_runs_as_with_python(folder, arguments):
    alone = python(folder, *arguments)
    watched = gradproof(folder, "watch", "--select=gradient", *arguments)
    assert watched.stdout == alone.stdout
    assert watched.returncode == (alone.returncode or 1)
    assert "train.py:Wrong  1 finding" in watched.stderr


def test_an_exception_of_the_script_has_no_frames_of_ours(folder):
    alone = python(folder, "train.py", "raise").stderr.splitlines()
    watched = gradproof(folder, "watch", "train.py", "raise").stderr.splitlines()
    assert alone[0] == watched[0] == "Traceback (most recent call last):"
    assert watched[: len(alone)][-1] == "ValueError: from the script"
    assert any("train.py:Wrong" in line for line in watched)


def test_an_interrupt_ends_the_script_and_not_the_check(folder):
    process = subprocess.Popen(
        [sys.executable, "-m", "gradproof", "watch", "train.py", "wait"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while "waiting" not in process.stdout.readline():
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "train.py:Wrong  1 finding" in errors


def test_fail_fast_stops_the_script(folder):
    result = gradproof(folder, "watch", "--fail-fast", "train.py")
    assert result.stdout == ""
    assert result.returncode == 1
    assert "train.py:Wrong  1 finding" in result.stderr


def test_a_record_is_replayed_elsewhere(folder):
    result = gradproof(folder, "watch", "--record=calls", "train.py")
    assert "calls.npz: calls of 2 targets" in result.stderr
    assert result.returncode == 0
    result = gradproof(folder, "check", "calls.npz", "--output-format=json")
    targets = {each["target"]: each for each in json.loads(result.stdout)["targets"]}
    assert set(targets) == {"train.py:Wrong", "train.py:Flip"}
    assert targets["train.py:Wrong"]["findings"][0]["diagnosis"] == "scale"


def test_what_looks_meant_is_said_and_can_be_declared(folder):
    told = gradproof(folder, "watch", "--output-format=json", "train.py").stderr
    flip = next(
        each
        for each in json.loads(told)["targets"]
        if each["target"] == "train.py:Flip"
    )
    assert "a gradient reversal" in flip["findings"][0]["hint"]
    assert 'gradient_of = "-identity"' in flip["findings"][0]["hint"]
    (folder / "said.toml").write_text(
        '[targets."train.py:Flip"]\ngradient_of = "-identity"\nreason = "adversarial"\n'
    )
    result = gradproof(folder, "watch", "--inputs=said.toml", "train.py")
    assert "train.py:Flip   ok" in result.stderr
    assert "train.py:Flip: gradient_of -identity (adversarial)" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.py"], "Error: there is no file nowhere.py; paths start from"),
        (["-m", "nowhere"], "Error: -m nowhere: No module named nowhere"),
        ([], "give a SCRIPT, or -m MODULE"),
    ],
)
def test_what_cannot_run_is_said(folder, arguments, message):
    result = gradproof(folder, "watch", *arguments)
    assert message in result.stderr
    assert result.returncode == 2


def test_a_damaged_record_is_no_crash(folder):
    (folder / "calls.npz").write_bytes(b"PK\x03\x04 no archive")
    result = gradproof(folder, "check", "calls.npz")
    assert "calls.npz cannot be read" in " ".join(result.stdout.split())
    assert result.returncode == 2


def test_a_package_that_nothing_is_of_is_said(folder):
    run = gradproof(folder, "watch", "--only", "trian", "train.py")
    assert run.returncode == 2
    assert run.stderr.splitlines() == [
        "gradproof: --only trian: 2 targets were applied, and none is of package "
        "'trian'; did you mean train?"
    ]
