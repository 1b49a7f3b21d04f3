"""Calls side by side, each in a process that may hang or die without harm.

Unlike the command line's workers, these take objects, and inherit what is imported.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

FORK = multiprocessing.get_context("fork")
DIED, TIMED_OUT = "died", "timeout"


@dataclass(frozen=True)
class Answer:
    """What became of one call; ``value`` is None where it hung or died.

    Attributes:
        job: what it was called with.
        value: what it returned.
        failure: ``timeout``, ``died`` or empty.
        seconds: how long it took.
    """

    job: Any
    value: Any
    failure: str
    seconds: float


class _Worker:
    """One process that answers jobs, and is replaced when it cannot."""

    def __init__(self, call: Callable[[Any], Any]) -> None:
        self._call = call
        self._start()

    def _start(self) -> None:
        self.pipe, theirs = FORK.Pipe()
        self._process = FORK.Process(
            target=_serve, args=(self._call, theirs), daemon=True
        )
        self._process.start()
        theirs.close()

    def give(self, job: Any) -> None:
        """Begin a job."""
        self.job, self.began = job, time.monotonic()
        self.pipe.send(job)

    def answer(self, timeout: float) -> Answer | None:
        """The answer to the job, None where there is none yet."""
        seconds = time.monotonic() - self.began
        try:
            if self.pipe.poll():
                return Answer(self.job, self.pipe.recv(), "", seconds)
        except EOFError:
            return self._bury(DIED, seconds)
        if seconds > timeout:
            return self._bury(TIMED_OUT, seconds)
        return None

    def _bury(self, failure: str, seconds: float) -> Answer:
        self.stop()
        self._start()
        return Answer(self.job, None, failure, seconds)

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.join()
        self.pipe.close()


def _serve(call: Callable[[Any], Any], pipe: Connection) -> None:
    while True:
        try:
            job = pipe.recv()
        except (EOFError, KeyboardInterrupt):
            return
        pipe.send(call(job))


def answers(
    call: Callable[[Any], Any], jobs: Sequence[Any], *, processes: int, timeout: float
) -> Iterator[Answer]:
    """Every job's answer, in the order in which they end."""
    waiting = list(reversed(jobs))
    workers = [_Worker(call) for _ in range(min(processes, len(jobs)))]
    busy: list[_Worker] = []
    try:
        for worker in workers:
            worker.give(waiting.pop())
            busy.append(worker)
        while busy:
            wait([worker.pipe for worker in busy], timeout=0.2)
            for worker in list(busy):
                answer = worker.answer(timeout)
                if answer is None:
                    continue
                if waiting:
                    worker.give(waiting.pop())
                else:
                    busy.remove(worker)
                yield answer
    finally:
        for worker in workers:
            worker.stop()
