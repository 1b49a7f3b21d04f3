"""Ctrl-C loses nothing of what was done by then."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

PROGRAM = """
import json, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from gradproof.running import run_all
from gradproof.running.progress import progress
from gradproof.running.workers import Pool

with Pool(jobs=2, timeout=60) as pool, progress() as shown:
    try:
        run_all.check(["targets.py:slow", "targets.py:nothing", "targets.py:fast"],
                   {"select": ["gradient"]}, pool, shown)
    except run_all.Interrupted as interrupt:
        print(json.dumps([(each.target, each.kind) for each in interrupt.outcomes]))
"""

TARGETS = """
import os, time
import numpy as np
import gradproof as gp

@gp.examples(np.ones(3))
@gp.function
def fast(x):
    open("fast", "w").close()
    return x * x

@gp.examples(np.ones(3))
@gp.function
def slow(x):
    while not os.path.exists("over"):
        open("started", "w").close()
        time.sleep(0.1)
    return x
"""


def test_what_was_done_before_an_interrupt_comes_with_it(tmp_path: Path) -> None:
    (tmp_path / "targets.py").write_text(TARGETS)
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if (tmp_path / "started").exists() and (tmp_path / "fast").exists():
            break
        time.sleep(0.1)
    time.sleep(5)  # it is called; now let its check come to an end
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 0, stderr
    done = [("targets.py:nothing", "target"), ("targets.py:fast", None)]
    assert [tuple(one) for one in json.loads(stdout)] == done
