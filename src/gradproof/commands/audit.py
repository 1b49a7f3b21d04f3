"""``gradproof audit``: check every hand-written gradient of a package, unasked."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from gradproof.commands import options as shared
from gradproof.commands.base import load_config, stdout, with_workers
from gradproof.commands.notes import notes
from gradproof.report import Outcome
from gradproof.report._words import count
from gradproof.report.notes import Note
from gradproof.running import run_all
from gradproof.running.progress import Progress
from gradproof.running.workers import Pool, Request
from gradproof.targets import declare


@click.command()
@click.argument("packages", nargs=-1, required=True, metavar="PACKAGE...")
@shared.inputs_option
@shared.check_options
def audit(
    packages: Sequence[str],
    inputs_files: Sequence[Path],
    output_format: str | None,
    select: list[str],
    ignore: list[str],
    seed: int | None,
    jobs: int | None,
    timeout: float | None,
) -> None:
    """Check every gradient that is written by hand in an installed PACKAGE.

    Its modules are imported, its scripts are not run. The inputs of each
    autograd.Function, torch.library op and gp.function are found from its
    source and by trying; --inputs gives those that cannot be. Exits with 0 if
    nothing was found, 1 if something was, 2 if something could not be checked.
    """
    config = load_config()
    settings = shared.check_settings(config, select, ignore, seed)
    said = shared.declarations(config, inputs_files)

    def run(pool: Pool, shown: Progress) -> tuple[list[Outcome], list[Outcome]]:
        targets, broken = _find(packages, pool, shown)
        requests = [
            _request(name, kind, declare.settings(name, said, settings), said)
            for name, kind in targets.items()
        ]
        return list(run_all.outcomes(requests, pool, shown)), broken

    checked, broken = with_workers(run, config, jobs, timeout)
    chosen = output_format or config.output_format or shared.DEFAULT_FORMAT
    outcomes = [*checked, *broken]
    ending = notes([each.target for each in outcomes], said, packages=packages)
    ending.append(coverage(checked, broken))
    shared.report(outcomes, chosen, stdout(), ending)
    sys.exit(shared.exit_code(outcomes))


def coverage(checked: Sequence[Outcome], broken: Sequence[Outcome]) -> Note:
    """How much of what there is was looked at."""
    called = [each for each in checked if each.kind != "inputs"]
    judged = [each.verdict for each in called if each.verdict is not None]
    text = (
        f"{len(checked)} found, {len(called)} called, {len(judged)} checked, "
        f"{sum(not verdict.ok for verdict in judged)} with findings"
    )
    if broken:
        text += f"; {count(len(broken), 'module')} could not be imported"
    return Note("coverage:", text)


def _request(
    name: str, kind: str, settings: dict[str, object], said: declare.Declarations
) -> Request:
    given = [one.inputs for one in declare.matching(name, said) if one.inputs]
    inputs = {"inputs": given[-1]} if given else {}
    return Request(
        verb="audit",
        target=name,
        folder=Path.cwd(),
        settings={**settings, **inputs, "kind": kind},
    )


def _find(
    packages: Sequence[str], pool: Pool, shown: Progress
) -> tuple[dict[str, str], list[Outcome]]:
    """Every target with its kind, and what stood in the way of finding others."""
    targets: dict[str, str] = {}
    broken: list[Outcome] = []
    modules: list[str] = []
    for package, found in _ask(packages, {"modules": True}, pool, shown, broken):
        modules += found or [package]
    ops: set[str] = set()
    for module, found in _ask(dict.fromkeys(modules), {}, pool, shown, broken):
        for name, kind in found:
            if name not in ops:
                targets[f"{module}:{name}"] = kind
            if kind == "torch.library op":
                ops.add(name)
    return targets, broken


def _ask(
    texts: Iterable[str],
    settings: dict[str, object],
    pool: Pool,
    shown: Progress,
    broken: list[Outcome],
) -> Iterator[tuple[str, list[Any]]]:
    """What each text stands for; what cannot be looked at is noted as broken."""
    requests = [
        Request(verb="find", target=text, folder=Path.cwd(), settings=settings)
        for text in texts
    ]
    answers = pool.answers(requests, lambda request: shown.started(request.target))
    for request, (answer, seconds) in zip(requests, answers, strict=True):
        if "error" in answer:
            broken.append(run_all.outcome(request.target, answer, seconds))
        else:
            yield request.target, answer["found"]
