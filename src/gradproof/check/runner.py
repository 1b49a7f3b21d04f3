"""Runs a check: finds inputs, has each example checked, merges the verdicts."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Any

from gradproof._errors import GradientError, InputError
from gradproof.check import properties
from gradproof.check.execution import check_here, check_on
from gradproof.check.inputs import examples_for
from gradproof.check.jobs import Job
from gradproof.check.progress import part, telling
from gradproof.check.surroundings import nothing_left_behind, seed_everything
from gradproof.check.targets import target_name
from gradproof.check.verdict import Check, Finding, Verdict
from gradproof.running.progress import progress
from gradproof.targets.examples import Example

WORST = ("passed", "unsupported", "skipped", "failed")


def run(
    target: Any,
    inputs: Sequence[Any],
    how: dict[str, Any],
    *,
    options: dict[str, Any],
    select: Sequence[str] | None,
    ignore: Sequence[str] | None,
    tolerances: dict[str, float | None],
    seed: int,
    executor: Executor | None,
    raise_exception: bool,
) -> Verdict:
    """The verdict over all examples of a target; see ``gradproof.check.check``."""
    check_names(select, ignore)
    examples = [Example(tuple(inputs), options)]
    if not inputs:
        with nothing_left_behind():
            seed_everything(seed)
            examples = [
                Example(e.inputs, {**e.options, **options})
                for e in examples_for(target)
            ]
    jobs = [
        Job(
            target=target,
            example=example,
            how=how,
            select=select,
            ignore=ignore,
            tolerances=tolerances,
            seed=seed,
        )
        for example in examples
    ]
    verdict = merge(_verdicts(jobs, executor))
    if raise_exception and not verdict.ok:
        raise GradientError(verdict)
    return verdict


def _verdicts(jobs: Sequence[Job], executor: Executor | None) -> list[Verdict]:
    """The verdict on each example; with an executor, a bar where that is a terminal."""
    if executor is None:
        verdicts = []
        for number, job in enumerate(jobs):
            with part(number, len(jobs)):
                verdicts.append(check_here(job))
        return verdicts
    name = target_name(jobs[0].target)
    with progress() as shown:
        shown.expect(1)
        shown.started(name)
        with telling(lambda at, share: shown.at(name, at, share)):
            return check_on(executor, jobs)


def check_names(select: Sequence[str] | None, ignore: Sequence[str] | None) -> None:
    """Refuse names that are no property's.

    Raises:
        InputError: for a name that is no property's.
    """
    known = properties.names()
    for given in (select, ignore):
        if isinstance(given, str):
            raise InputError(f"select and ignore take a list of names: [{given!r}]")
        for name in given or ():
            if name not in known:
                close = difflib.get_close_matches(name, known, n=1)
                meant = f"did you mean {close[0]!r}? " if close else ""
                raise InputError(
                    f"there is no property {name!r}: {meant}"
                    f"The properties are {', '.join(known)}"
                )


def merge(verdicts: Sequence[Verdict]) -> Verdict:
    """One verdict over several examples: the worst of each property, every finding."""
    first = verdicts[0]
    if len(verdicts) == 1:
        return first
    checks = []
    for together in zip(*(verdict.checks for verdict in verdicts), strict=True):
        worst = max(together, key=lambda check: WORST.index(check.status))
        powers = [check.power for check in together if check.power is not None]
        checks.append(
            Check(
                property=worst.property,
                status=worst.status,
                detail=worst.detail,
                power=max(powers, default=None),
            )
        )
    findings: dict[Any, Finding] = {}
    for verdict in verdicts:
        for one in verdict.findings:
            findings.setdefault((one.property, one.input, one.diagnosis), one)
    inputs = [
        f"example {number}: {', '.join(verdict.inputs)}"
        for number, verdict in enumerate(verdicts, start=1)
    ]
    return Verdict(
        target=first.target,
        checks=tuple(checks),
        findings=tuple(findings.values()),
        seed=first.seed,
        inputs=tuple(inputs),
    )
