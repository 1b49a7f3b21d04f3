"""Checks what was recorded, each target isolated from this process and the others."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from gradproof._errors import GradproofError, InputError, NoInputsError
from gradproof.check.targets import parameter_names
from gradproof.check.verdict import Verdict
from gradproof.report import Outcome
from gradproof.running import isolated, run_all
from gradproof.running.progress import Progress
from gradproof.running.workers import Answer, error_answer
from gradproof.targets import declare
from gradproof.targets.intended import with_hints
from gradproof.watch.calls import Call
from gradproof.watch.recorder import Recorder

TIMEOUT = 120.0
POSITIONAL = inspect.Parameter.POSITIONAL_ONLY


@dataclass(frozen=True)
class How:
    """How recorded targets are checked.

    Attributes:
        settings: keyword arguments of ``gp.check`` for every target.
        declarations: what is said about some of them.
        timeout: seconds that one target may take.
        jobs: how many at a time.
        memory: bytes that one may allocate; half of the machine's by default.
    """

    settings: dict[str, Any] = field(default_factory=dict)
    declarations: declare.Declarations = ()
    timeout: float = TIMEOUT
    jobs: int = 1
    memory: int | None = None


def outcomes(
    recorder: Recorder, how: How, progress: Progress | None = None
) -> list[Outcome]:
    """One outcome for each target that was called, in the order of the first calls."""
    shown = progress or Progress()
    recorded = {name: worth_checking(calls) for name, calls in recorder.calls.items()}
    names = [name for name, calls in recorded.items() if calls]
    shown.expect(len(names))

    def judge(name: str) -> Outcome:
        shown.started(name)
        try:
            return outcome(name, recorded[name], how)
        finally:
            shown.finished(name)

    with recorder.paused():
        if how.jobs == 1:
            found = [judge(name) for name in names]
        else:
            with ThreadPoolExecutor(how.jobs) as threads:
                found = list(threads.map(judge, names))
    return found + [
        _too_large(name, size)
        for name, size in recorder.too_large.items()
        if name not in names
    ]


def worth_checking(calls: dict[Any, Call]) -> list[Call]:
    """Those in which something requires grad; without any, all."""
    known = list(calls.values())
    return [call for call in known if call.grads] or known


def outcome(name: str, calls: Sequence[Call], how: How) -> Outcome:
    """What came of one target on its recorded calls."""
    start = time.perf_counter()
    settings = declare.settings(name, how.declarations, how.settings)

    def work() -> Answer:
        return answer(name, calls, settings)

    if isolated.possible():
        said = isolated.run(work, name, how.timeout, how.memory)
    else:
        said = work()
    return run_all.outcome(name, said, time.perf_counter() - start)


def answer(name: str, calls: Sequence[Call], settings: dict[str, Any]) -> Answer:
    """The verdict over the calls as plain data, or why there is none."""
    try:
        return {"verdict": verdict(name, calls, settings).to_dict()}
    except (NoInputsError, InputError) as error:
        return error_answer("inputs", str(error))
    except GradproofError as error:
        return error_answer("target", str(error))


def verdict(name: str, calls: Sequence[Call], settings: dict[str, Any]) -> Verdict:
    """The verdict over all calls.

    Raises:
        GradproofError: where there is none.
    """
    import gradproof as gp
    from gradproof.check.runner import merge

    chosen = declare.resolved(settings)
    verdicts = []
    for call in calls:
        target, arguments = _free(call) if call.held else (call.target, call.arguments)
        found = gp.check(target, *arguments, **chosen, **call.options)
        verdicts.append(with_hints(found, call.target, call.arguments, name))
    return merge(verdicts)


def _free(call: Call) -> tuple[Callable[..., Any], list[Any]]:
    """The target as a function of the arguments that no module holds, and those."""
    from gradproof.check.targets._torch_context import takes_context

    free = [i for i in range(len(call.arguments)) if i not in call.held]

    def target(*values: Any, **options: Any) -> Any:
        arguments = list(call.arguments)
        for position, value in zip(free, values, strict=True):
            arguments[position] = value
        return call.target.apply(*arguments, **options)

    skip = int(takes_context(call.target))
    names = parameter_names(call.target.forward, skip, len(call.arguments))
    target.__name__ = call.target.__name__
    target.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(names[i], POSITIONAL) for i in free]
    )
    return target, [call.arguments[position] for position in free]


def _too_large(name: str, size: int) -> Outcome:
    return Outcome(
        target=name,
        kind="inputs",
        error=f"{name} was called on {size / 2**20:.0f} MiB, more than was left of "
        "--max-bytes: raise that to check it",
    )
