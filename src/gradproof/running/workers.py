"""The parent's side of the workers: keep them, time them, bury them."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any

from gradproof.running.worker import CUT_OFF, MUST_RETURN

Answer = dict[str, Any]
COMMAND = [sys.executable, "-P", "-u", "-m", "gradproof.running.worker"]
PATIENCE = 0.2  # seconds between two looks at whether a silent worker still lives
GRACE = 10.0  # seconds after its timeout when a worker ends itself


class ClosedError(Exception):
    """The pool was closed while a request waited for its turn."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """One thing to ask a worker.

    Attributes:
        verb: ``list``, ``check``, ``derive`` or ``explain``.
        target: the target's text.
        folder: where its imports start from; a worker serves one such folder, so
            that two folders may each have their own ``utils.py``.
        settings: keyword arguments of ``gp.check``, or what the verb needs.
    """

    verb: str
    target: str
    folder: Path
    settings: dict[str, Any] = field(default_factory=dict)

    def encode(self, seconds: float) -> bytes:
        """The request as the line that a worker reads."""
        fields = {self.verb: self.target, "settings": self.settings, "seconds": seconds}
        return json.dumps(fields).encode() + b"\n"


class Worker:
    """One process that answers requests, and is replaced when it cannot."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: Path | None = None
        self._lock = threading.Lock()
        self._closed = False

    def ask(
        self,
        request: Request,
        timeout: float,
        at: Callable[[Answer], None] = lambda _answer: None,
    ) -> Answer:
        """The worker's answer, or an error answer that says what became of it.

        Args:
            request: what to ask.
            timeout: how many seconds it may take.
            at: told of each property that a check comes to.
        """
        process = self._ready(request.folder)
        assert process.stdin is not None
        try:
            process.stdin.write(request.encode(timeout + GRACE))
            lines = _lines(process, timeout)
            while "at" in (answer := _decoded(next(lines), request.target)):
                at(answer)
            return answer
        except TimeoutError:
            self._stop()
            return error_answer(
                "timeout",
                f"{request.target} took longer than {timeout:g} s and was stopped; "
                "give it longer with --timeout, or smaller inputs",
            )
        except (EOFError, OSError, ValueError):
            return error_answer("crash", f"{request.target} {self._obituary()}")

    def close(self) -> None:
        """Kill the process and start no other."""
        with self._lock:
            self._closed = True
        self._stop()

    def _ready(self, folder: Path) -> subprocess.Popen[bytes]:
        process = self._process
        if process and (self._folder != folder or process.poll() is not None):
            self._stop()
        with self._lock:
            if self._closed:
                raise ClosedError
            if self._process is None:
                self._process, self._folder = _start(), folder
            return self._process

    def _stop(self) -> int | None:
        """Kill the process with all it started; the status it ended with."""
        with self._lock:
            process, self._process = self._process, None
        if process is None:
            return None
        _kill_group(process)
        status = process.wait()
        for pipe in (process.stdin, process.stdout):
            _close(pipe)
        return status

    def _obituary(self) -> str:
        process = self._process
        if process is None:
            return "was interrupted"
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=1)
        alive = process.returncode is None
        status = self._stop() or 0
        if alive or status == CUT_OFF:
            return "cut its process off from gradproof; it must leave open files alone"
        return cause_of_death(status)


class Pool:
    """Several workers, and an answer for every request in the order asked."""

    def __init__(self, jobs: int, timeout: float) -> None:
        self._timeout = timeout
        self._closed = False
        self._workers = [Worker() for _ in range(jobs)]

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Kill every worker and start no other."""
        self._closed = True
        for worker in self._workers:
            worker.close()

    def answers(
        self,
        requests: Sequence[Request],
        started: Callable[[Request], None],
        finished: Callable[[Request], None] = lambda _request: None,
        at: Callable[[Request, Answer], None] = lambda _request, _answer: None,
        answered: Callable[[Request, Answer, float], None] = lambda *_given: None,
    ) -> Iterator[tuple[Answer, float]]:
        """Each request's answer and the seconds it took, in the order asked.

        Args:
            requests: what to ask.
            started: told of each request as its turn comes.
            finished: told of each one that is over, whatever came of it.
            at: told of each property that a check comes to.
            answered: given each answer as it comes, in any order; none after an
                interrupt, which ends workers in the middle of one.
        """
        idle: queue.SimpleQueue[Worker] = queue.SimpleQueue()
        for worker in self._workers:
            idle.put(worker)

        def ask(request: Request) -> tuple[Answer, float]:
            worker = idle.get()
            try:
                started(request)
                start = time.perf_counter()
                answer = worker.ask(request, self._timeout, partial(at, request))
                seconds = time.perf_counter() - start
                if not self._closed:
                    answered(request, answer, seconds)
                return answer, seconds
            finally:
                idle.put(worker)
                finished(request)

        with ThreadPoolExecutor(len(self._workers)) as threads:
            try:
                yield from threads.map(ask, requests)
            except BaseException:  # an interrupt: the threads wait for the workers
                threads.shutdown(wait=False, cancel_futures=True)
                self.close()
                raise


def _start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        COMMAND,
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is ours to handle, and kill reaches children
    )


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    if not hasattr(os, "killpg"):
        process.kill()
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _close(pipe: IO[bytes] | None) -> None:
    if pipe is not None:
        pipe.close()


def _lines(process: subprocess.Popen[bytes], timeout: float) -> Iterator[bytes]:
    """The lines of a worker, or TimeoutError, or EOFError if it ended or hung up."""
    assert process.stdout is not None
    deadline = time.monotonic() + timeout
    read = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            while b"\n" in read:
                line, _, read = read.partition(b"\n")
                yield line
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            if selector.select(min(left, PATIENCE)):
                chunk = os.read(process.stdout.fileno(), 1 << 16)
                if not chunk:
                    raise EOFError
                read += chunk
            elif process.poll() is not None:
                raise EOFError


def _decoded(line: bytes, target: str) -> Answer:
    answer = json.loads(line)
    if isinstance(answer, dict):
        return answer
    raise ValueError(f"{target} was answered with {answer!r}")


def error_answer(kind: str, message: str) -> Answer:
    """What stands in the place of a verdict."""
    return {"error": {"kind": kind, "message": message}}


def cause_of_death(status: int) -> str:
    """How a process ended, for the one whose line it costs."""
    if status >= 0:
        return f"ended its process with exit status {status}; " + MUST_RETURN
    if -status == getattr(signal, "SIGKILL", None):
        next_step = "memory may have run out: try smaller inputs"
    else:
        next_step = "PYTHONFAULTHANDLER=1 in the environment shows where"
    return f"ended its process with {_signal_name(-status)}; {next_step}"


def _signal_name(number: int) -> str:
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    return f"{name} ({signal.strsignal(number)})"
