"""Targets that do what no target should: each costs its own line, and nothing else."""

import contextlib
import os
import random
import signal
import sys
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from gradproof.running import isolated
from gradproof.watch.calls import copied
from gradproof.watch.verdicts import How, outcome

TIMEOUT = 0.4
HOW = How({"select": ["gradient"]}, timeout=TIMEOUT, memory=6 << 30)

pytestmark = pytest.mark.skipif(not isolated.possible(), reason="needs fork")


def hang():
    time.sleep(600)


def spin():
    while True:
        pass


def ignore_signals_and_hang():
    for number in range(1, signal.NSIG):
        with contextlib.suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_IGN)
    time.sleep(600)


def leave_a_child_and_end():
    if os.fork() == 0:
        time.sleep(600)
    os._exit(0)


def crash():
    os.kill(os.getpid(), signal.SIGSEGV)


def allocate_without_bound():
    kept = []
    while True:
        kept.append(torch.empty(1 << 28))


def grow_a_list():
    bytearray(1 << 40)


def recurse(depth=0):
    return recurse(depth + 1) + 1


def close_every_file():
    os.closerange(0, 256)


def write_to_every_file():
    for number in range(3, 64):
        with contextlib.suppress(OSError):
            os.write(number, b'{"verdict": 1}\n')


def shout():
    print("\x1b[2J\x1b]0;owned\x07" * 100)
    os.write(1, b"\x1b[31m" * 1000)
    os.write(2, b"noise\n" * 1000)


def raise_what_steers_a_terminal():
    raise ValueError("\x1b[2J\x1b]0;owned\x07\r[bold]x[/bold]")


def raise_what_has_no_text():
    class SilentError(Exception):
        def __str__(self):
            raise RuntimeError("no text")

    raise SilentError


def change_what_is_global():
    torch.set_default_dtype(torch.float64)
    torch.set_grad_enabled(False)
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    torch.manual_seed(7)
    random.seed(7)
    np.random.seed(7)
    np.seterr(all="raise")
    os.environ["HOME"] = "/nowhere"
    os.chdir("/")
    os.umask(0o777)
    sys.stdout = sys.stderr = None
    sys.setrecursionlimit(50_000)
    sys.path.clear()
    sys.modules.pop("numpy", None)


def start_a_thread():
    threading.Thread(target=time.sleep, args=(600,)).start()


def exit_politely():
    sys.exit(3)


def exit_at_once():
    os._exit(3)


def interrupt():
    raise KeyboardInterrupt


def kill_the_group():
    os.killpg(0, signal.SIGKILL)


def nothing():
    pass


BEHAVIOURS = [value for value in list(globals().values()) if callable(value)]
BEHAVIOURS = [
    value
    for value in BEHAVIOURS
    if getattr(value, "__module__", "") == __name__ and value.__name__ != "given"
]
SLOW = {"hang", "spin", "ignore_signals_and_hang"}


def returns(kind, x):
    """What a call returns, where it returns."""
    return {
        "right": lambda: 2 * x,
        "none": lambda: None,
        "text": lambda: "2 * x",
        "many": lambda: (x,) * 7,
        "nan": lambda: x * float("nan"),
        "empty": lambda: x[:0],
        "itself": lambda: x,
    }[kind]()


KINDS = ("right", "none", "text", "many", "nan", "empty", "itself")


@st.composite
def targets(draw):
    behaviour = draw(st.sampled_from(BEHAVIOURS))
    place = draw(st.sampled_from(("forward", "backward")))
    turn = draw(st.integers(0, 3))
    forward_kind = draw(st.sampled_from(("right", *KINDS)))
    backward_kind = draw(st.sampled_from(KINDS))
    calls = {"forward": 0, "backward": 0}

    def act(here):
        calls[here] += 1
        if here == place and calls[here] > turn:
            behaviour()

    class Target(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            act("forward")
            return returns(forward_kind, x)

        @staticmethod
        def backward(ctx, grad_output):
            act("backward")
            return returns(backward_kind, grad_output)

    Target.__qualname__ = draw(st.sampled_from(("Target", "T\x1b[31m", "[red]T")))
    return Target


def surroundings():
    """What a target could change, as far as it can be compared."""
    return (
        torch.get_default_dtype(),
        torch.is_grad_enabled(),
        torch.are_deterministic_algorithms_enabled(),
        torch.get_num_threads(),
        torch.get_rng_state().tolist(),
        random.getstate(),
        np.random.get_state()[1].tolist(),
        np.geterr(),
        dict(os.environ),
        os.getcwd(),  # noqa: PTH109
        sys.stdout,
        sys.stderr,
        sys.getrecursionlimit(),
        list(sys.path),
        sys.modules["numpy"],
        [signal.getsignal(n) for n in range(1, signal.NSIG)],
        threading.active_count(),
        sorted(os.listdir("/proc/self/fd")),  # noqa: PTH208
    )


def has_no_children():
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return True
    return False


@settings(
    max_examples=200,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.generate],  # shrinking would take minutes
    suppress_health_check=list(HealthCheck),
)
@given(targets())
def test_a_target_costs_its_own_line_and_leaves_no_trace(target):
    call = copied(target, (torch.ones(3, 2, requires_grad=True),), {})
    before = surroundings()
    start = time.monotonic()
    came = outcome("module:" + target.__qualname__, [call], HOW)
    assert time.monotonic() - start < TIMEOUT + 2
    assert surroundings() == before
    assert has_no_children()
    assert (came.verdict is None) == (came.error is not None)
    assert came.kind in (None, "target", "inputs", "timeout", "crash")
    assert "\x1b" not in repr(came).replace("\\x1b", "") and "\x1b" not in came.target
    assert "\x1b" not in (came.error or "")


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_each_behaviour_has_its_line(behaviour):
    class Target(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            behaviour()
            return 2 * x

        @staticmethod
        def backward(ctx, grad_output):
            return 2 * grad_output

    call = copied(Target, (torch.ones(3, 2, requires_grad=True),), {})
    slow = behaviour.__name__ in SLOW
    came = outcome("module:Target", [call], HOW if slow else replace(HOW, timeout=20))
    if slow:
        assert came.kind == "timeout"
    elif behaviour in (nothing, shout):
        assert came.verdict and came.verdict.ok
    else:
        assert came.error or came.verdict is not None
    assert has_no_children()
