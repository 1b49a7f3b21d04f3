"""Run what the command line asks for: targets in, outcomes out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradproof._errors import GradproofError, TargetError
from gradproof._escape import escaped
from gradproof.check.verdict import Verdict
from gradproof.report import Outcome
from gradproof.report.listing import Listed
from gradproof.running.progress import Progress
from gradproof.running.workers import Answer, Pool, Request
from gradproof.targets import declare
from gradproof.targets.discover import existing_file
from gradproof.targets.place import place
from gradproof.targets.target import Target, parse

RECORD = ".npz"
Found = list[tuple[Target, str]] | Outcome  # targets with their kinds, or why not


class Interrupted(KeyboardInterrupt):
    """An interrupt, with the outcomes that were there by then."""

    def __init__(self, outcomes: list[Outcome]):
        super().__init__()
        self.outcomes = outcomes


@dataclass(frozen=True)
class Recorded(Target):
    """A target on the calls of it that a file holds."""

    record: str = ""


def check(
    texts: Sequence[str],
    settings: dict[str, Any],
    pool: Pool,
    progress: Progress,
    declarations: declare.Declarations = (),
) -> list[Outcome]:
    """Check every target, and all that is in those that name a file or module.

    Args:
        texts: the targets as given.
        settings: keyword arguments of ``gp.check``.
        pool: the workers to do it in.
        progress: told of each target as its turn comes, and when it is done.
        declarations: what is said about some of the targets.

    Raises:
        Interrupted: on Ctrl-C, with what came of the targets that were done.
    """
    plan = list(dict.fromkeys(_plan(texts, pool, progress)))
    steps = [
        _request(step, declare.settings(str(step), declarations, settings))
        if isinstance(step, Target)
        else step
        for step in plan
    ]
    requests = [step for step in steps if isinstance(step, Request)]
    there: dict[int, Outcome] = {}

    def keep(request: Request, said: Answer, seconds: float) -> None:
        there[id(request)] = outcome(request.target, said, seconds)

    try:
        for _ in outcomes(requests, pool, progress, keep):
            pass
    except KeyboardInterrupt:
        raise Interrupted(list(_known(steps, dict(there)))) from None
    return list(_known(steps, there))


def _known(
    steps: Sequence[Request | Outcome], there: dict[int, Outcome]
) -> Iterator[Outcome]:
    """What came of the steps, as far as it is known, in their order."""
    for step in steps:
        if isinstance(step, Outcome):
            yield step
        elif id(step) in there:
            yield there[id(step)]


def _request(target: Target, settings: dict[str, Any]) -> Request:
    verb = "check"
    if isinstance(target, Recorded):
        verb, settings = "replay", {**settings, "record": target.record}
    return Request(
        verb=verb, target=str(target), folder=target.folder, settings=settings
    )


def _recorded(text: str) -> Iterator[Target | Outcome]:
    """The targets that a file has calls of."""
    from gradproof.watch import file

    try:
        existing_file(text)
        for name in file.names(Path(text)):
            target = parse(name)
            yield Recorded(target.source, target.name, text)
    except GradproofError as error:
        yield Outcome(target=text, kind="target", error=str(error))


def list_targets(texts: Sequence[str], pool: Pool, progress: Progress) -> list[Listed]:
    """List what the targets name, and all that is in their files and modules."""
    listed: dict[str, Listed] = {}
    for text, found in _look(texts, pool, progress).items():
        if isinstance(found, Outcome):
            listed[text] = Listed(target=text, kind=str(found.kind), error=found.error)
            continue
        for target, kind in found:
            listed[str(target)] = Listed(target=str(target), kind=kind)
    return list(listed.values())


def _plan(
    texts: Sequence[str], pool: Pool, progress: Progress
) -> Iterator[Target | Outcome]:
    """Every single target to check; an outcome where that cannot be known."""
    whole = [t for t in texts if not _names_one(t) and not t.endswith(RECORD)]
    found = _look(whole, pool, progress)
    for text in texts:
        here = found.get(text)
        if text.endswith(RECORD):
            yield from _recorded(text)
        elif isinstance(here, Outcome):
            yield here
        elif here is None:
            yield parse(text)
        else:
            yield from (target for target, _ in here)


def _names_one(text: str) -> bool:
    try:
        return parse(text).name is not None
    except TargetError:
        return False


def _look(texts: Sequence[str], pool: Pool, progress: Progress) -> dict[str, Found]:
    """Ask the workers what each text stands for."""
    found: dict[str, Found] = {}
    requests = []
    for text in dict.fromkeys(texts):
        try:
            target = parse(text)
        except TargetError as error:
            found[text] = Outcome(target=text, kind="target", error=str(error))
        else:
            requests.append(Request(verb="list", target=text, folder=target.folder))
    answers = pool.answers(requests, lambda request: progress.started(request.target))
    for request, (answer, seconds) in zip(requests, answers, strict=True):
        found[request.target] = _found(request.target, answer, seconds)
    return {text: found[text] for text in texts}


def _found(text: str, answer: Answer, seconds: float) -> Found:
    if "error" in answer:
        return Outcome(
            target=text,
            kind=answer["error"]["kind"],
            error=answer["error"]["message"],
            seconds=seconds,
            file=place(text).file,
        )
    source = parse(text).source
    return [(Target(source, name), kind) for name, kind in answer["targets"]]


def outcomes(
    requests: Sequence[Request],
    pool: Pool,
    progress: Progress,
    answered: Callable[[Request, Answer, float], None] = lambda *_given: None,
) -> Iterator[Outcome]:
    """What came of each request, in the order asked.

    Args:
        requests: what to ask.
        pool: the workers to do it in.
        progress: told of each target as its turn comes, and when it is done.
        answered: given each answer as it comes, in any order.
    """
    progress.expect(len(requests))
    answers = pool.answers(
        requests,
        lambda request: progress.started(request.target),
        lambda request: progress.finished(request.target),
        lambda request, at: progress.at(request.target, at["at"], at["share"]),
        answered,
    )
    for request, (said, seconds) in zip(requests, answers, strict=True):
        yield outcome(request.target, said, seconds)


def outcome(target: str, said: Answer, seconds: float) -> Outcome:
    """An answer as an outcome, with nothing in it that could steer a terminal."""
    answer = escaped(said)
    file, line = place(target)
    try:
        error = answer.get("error", {})
        verdict = answer.get("verdict")
        return Outcome(
            target=escaped(target),
            verdict=None if verdict is None else Verdict.from_dict(verdict),
            kind=error.get("kind"),
            error=error.get("message"),
            seconds=seconds,
            file=file,
            line=line,
        )
    except (AttributeError, KeyError, TypeError):  # the target answered in our place
        message = f"{escaped(target)} wrote to gradproof's own pipe"
        return Outcome(
            target=target,
            kind="crash",
            error=message,
            seconds=seconds,
            file=file,
            line=line,
        )
