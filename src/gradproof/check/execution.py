"""Runs the parts of a check: here, or on any ``concurrent.futures.Executor``."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future
from typing import Any, TypeVar

from gradproof._errors import GradproofError, InputError, TargetError
from gradproof.check.jobs import Bench, Job, Led, State
from gradproof.check.progress import part, tell
from gradproof.check.properties import Outcome
from gradproof.check.surroundings import nothing_left_behind
from gradproof.check.targets import target_name
from gradproof.check.verdict import Verdict

T = TypeVar("T")


def check_here(job: Job) -> Verdict:
    """The verdict on one example, one part after the other."""
    with nothing_left_behind():
        bench = Bench(job)
        led = bench.lead()
        rest = {}
        for number, name in enumerate(led.followers, start=len(led.outcomes)):
            tell(name, number / len(led.order))
            rest[name] = bench.follow(name, led.state)
    return _verdict(job, led, rest)


def check_on(executor: Executor, jobs: Sequence[Job]) -> list[Verdict]:
    """The verdicts on several examples, every part a call of its own.

    The examples start side by side; when the first part of one is done, its other
    parts follow, side by side as well.

    Raises:
        InputError: where a target cannot be sent to another process.
        TargetError: where a process ended while it ran a part.
    """
    calls: list[Future[Any]] = []

    def submit(part: Callable[..., T], *given: Any) -> Future[T]:
        call = executor.submit(part, *given)
        calls.append(call)
        return call

    try:
        leads = [submit(_lead, job) for job in jobs]
        started = []
        for job, lead in zip(jobs, leads, strict=True):
            led = _result(job, lead)
            parts = {n: submit(_follow, job, n, led.state) for n in led.followers}
            started.append((job, led, parts))
        verdicts = []
        for number, (job, led, parts) in enumerate(started):
            with part(number, len(jobs)):
                verdicts.append(_verdict(job, led, _awaited(job, led, parts)))
        return verdicts
    finally:
        for call in calls:
            call.cancel()  # nothing is left to wait for; does nothing to what is done


def _awaited(
    job: Job, led: Led, parts: dict[str, Future[Outcome]]
) -> dict[str, Outcome]:
    outcomes = {}
    for number, (name, call) in enumerate(parts.items(), start=len(led.outcomes)):
        tell(name, number / len(led.order))
        outcomes[name] = _result(job, call)
    return outcomes


def _lead(job: Job) -> Led:
    with nothing_left_behind():
        return Bench(job).lead()


def _follow(job: Job, name: str, state: State) -> Outcome:
    with nothing_left_behind():
        return Bench(job).follow(name, state)


def _verdict(job: Job, led: Led, rest: dict[str, Outcome]) -> Verdict:
    """All outcomes in the standard order."""
    outcomes = {**led.outcomes, **rest}
    in_order = [(name, outcomes[name]) for name in led.order]
    return Verdict(
        target=target_name(job.target),
        checks=tuple(outcome.check(name) for name, outcome in in_order),
        findings=tuple(one for _, outcome in in_order for one in outcome.findings),
        seed=job.seed,
        inputs=led.inputs,
    )


def _result(job: Job, call: Future[T]) -> T:
    """What a part came to, or what kept it from being run."""
    try:
        return call.result()
    except GradproofError:
        raise
    except BrokenExecutor as error:
        raise TargetError(
            f"{target_name(job.target)}: a process of the executor ended while it ran "
            f"a part of the check ({type(error).__name__}): either the target ends its "
            "process, or the process cannot import it; put it in a module, and check "
            "it without executor= to see"
        ) from error
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        culprit = _unpicklable(job)
        if culprit is None:
            raise
        raise InputError(
            f"{target_name(job.target)}: {culprit} cannot be sent to another process "
            f"({error}): define it at the top of a module, or give "
            "executor=loky.get_reusable_executor(), which takes most others too"
        ) from error


def _unpicklable(job: Job) -> str | None:
    """What of a job cannot be pickled, in words, or None."""
    parts = {"the target": job.target, "its inputs": job.example}
    parts |= {f"{name}=": value for name, value in job.how.items()}
    for what, value in parts.items():
        try:
            pickle.dumps(value)
        except Exception:  # whatever a user's own __reduce__ raises
            return what
    return None
