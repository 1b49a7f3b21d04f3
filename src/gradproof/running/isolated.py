"""Work in a copy of this process: whatever it does there, this one stays as it is.

A worker process imports its target by name. What a script defined, or a test inside a
function, has no name to import: a fork has it as it is.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import secrets
import selectors
import signal
import sys
import time
import warnings
from collections.abc import Callable
from typing import NoReturn

from gradproof.running.limits import limit_memory
from gradproof.running.worker import CUT_OFF, MUST_RETURN
from gradproof.running.workers import (
    GRACE,
    PATIENCE,
    Answer,
    cause_of_death,
    error_answer,
)

MOST_FILES = 4096
SIGNALS = ("SIGALRM", "SIGINT", "SIGTERM", "SIGHUP")


def possible() -> bool:
    """Whether a copy of this process can compute: on Linux, with no GPU in use."""
    if sys.platform != "linux":
        return False
    torch = sys.modules.get("torch")
    return torch is None or not torch.cuda.is_initialized()


def run(
    work: Callable[[], Answer], name: str, timeout: float, memory: int | None = None
) -> Answer:
    """The answer that ``work`` gives in a copy of this process, or what became of it.

    Args:
        work: gives plain data.
        name: what to call it in an error.
        timeout: seconds that it may take.
        memory: bytes that it may allocate; half of the machine's by default.
    """
    receiver, sender = os.pipe()
    token = secrets.token_bytes(16).hex().encode()  # what a target writes lacks it
    sys.stdout.flush()
    sys.stderr.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # other threads do not matter to the copy
        process = os.fork()
    if process == 0:
        _serve(work, name, sender, token, timeout, memory)
    os.close(sender)
    said, patience = b"", 0.0
    try:
        said = _line(receiver, token, process, time.monotonic() + timeout)
        patience = 2 * PATIENCE
    except TimeoutError:
        return error_answer(
            "timeout", f"{name} took longer than {timeout:g} s and was stopped"
        )
    finally:
        os.close(receiver)
        status = _bury(process, patience)
    with contextlib.suppress(ValueError):
        answer = json.loads(said)
        if isinstance(answer, dict):
            return answer
    return error_answer("crash", f"{name} {_obituary(status)}")


def _serve(
    work: Callable[[], Answer],
    name: str,
    sender: int,
    token: bytes,
    timeout: float,
    memory: int | None,
) -> NoReturn:
    """The copy's whole life; nothing of the original's is flushed or ended by it."""
    status = CUT_OFF
    try:
        _settle_in(sender, timeout, memory)
        try:
            answer = work()
        except BaseException as error:
            said = " ".join(f"{type(error).__name__}: {error}".split())
            answer = error_answer("crash", f"{name} ended: {said}; {MUST_RETURN}")
        _write_all(sender, token + json.dumps(answer).encode() + b"\n")
        status = 0
    finally:
        os._exit(status)


def _write_all(sender: int, text: bytes) -> None:
    while text:
        text = text[os.write(sender, text) :]


def _settle_in(sender: int, timeout: float, memory: int | None) -> None:
    os.setsid()  # Ctrl-C is for the original, and killing it reaches its children
    faulthandler.disable()
    for each in SIGNALS:
        signal.signal(getattr(signal, each), signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, timeout + GRACE)
    limit_memory(memory)
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    sys.stdout = sys.stderr = os.fdopen(1, "w", closefd=False)
    os.closerange(3, sender)  # the original's files are not to be written
    os.closerange(sender + 1, MOST_FILES)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)  # OpenMP's threads did not come along


def _line(receiver: int, token: bytes, process: int, deadline: float) -> bytes:
    """The line that begins with the token, as far as the copy came with it."""
    said = b""
    with selectors.DefaultSelector() as selector:
        selector.register(receiver, selectors.EVENT_READ)
        while b"\n" not in said.partition(token)[2]:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            if selector.select(min(left, PATIENCE)):
                chunk = os.read(receiver, 1 << 16)
                if not chunk:
                    break
                said += chunk
            elif _is_over(process):
                break
    return said.partition(token)[2].partition(b"\n")[0]


def _is_over(process: int) -> bool:
    over = os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    return over is not None


def _bury(process: int, patience: float) -> int:
    """Kill it with all that it started; the status it ended with."""
    deadline = time.monotonic() + patience
    while not _is_over(process) and time.monotonic() < deadline:
        time.sleep(0.001)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    return os.waitstatus_to_exitcode(status)


def _obituary(status: int) -> str:
    if status == CUT_OFF:
        return "cut its process off from gradproof; it must leave open files alone"
    return cause_of_death(status)
