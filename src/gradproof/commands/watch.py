"""``gradproof watch``: run a script, and check the gradients that it used."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from gradproof._errors import GradproofError
from gradproof.commands import options as shared
from gradproof.commands.base import DEFAULT_TIMEOUT, load_config, split
from gradproof.commands.notes import notes
from gradproof.report import FOR_PEOPLE, Outcome
from gradproof.report._words import count
from gradproof.running.progress import progress

if TYPE_CHECKING:
    from gradproof.report.notes import Note
    from gradproof.watch.calls import Call
    from gradproof.watch.recorder import Recorder
    from gradproof.watch.verdicts import How

MIB = 1 << 20


class FoundError(BaseException):
    """Something was found, and the script is to stop; no script catches it."""

    def __init__(self, outcome: Outcome):
        self.outcome = outcome


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False}
)
@click.argument("script", nargs=-1, type=click.UNPROCESSED, metavar="SCRIPT [ARGS]...")
@click.option("-m", "module", metavar="MODULE", help="Run a module, as python -m does.")
@click.option(
    "--only",
    multiple=True,
    callback=split,
    metavar="PACKAGES",
    help="Record what these define, comma-separated.  [default: all but torch]",
)
@click.option("--fail-fast", is_flag=True, help="Check at once; stop if one is wrong.")
@click.option(
    "--max-bytes",
    type=click.IntRange(min=1),
    metavar="N",
    default=256 * MIB,
    help="How much the recorded inputs may take.  [default: 256 MiB]",
)
@click.option(
    "--record",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the calls to FILE.npz, for gradproof check, and check nothing.",
)
@shared.report_option
@shared.inputs_option
@shared.check_options
def watch(
    script: Sequence[str],
    module: str | None,
    only: list[str],
    fail_fast: bool,
    max_bytes: int,
    record: Path | None,
    report: Path | None,
    inputs_files: Sequence[Path],
    output_format: str | None,
    select: list[str],
    ignore: list[str],
    seed: int | None,
    jobs: int | None,
    timeout: float | None,
) -> None:
    """Run SCRIPT as python would, and check the gradients that it used.

    Every torch.autograd.Function that is applied and every gp.function is recorded
    on a few of its real inputs and checked when the script ends or is interrupted.
    Options of watch come before SCRIPT. The report goes to stderr; the exit code is
    the script's, and if that is 0, 1 if something was found and 2 if something
    could not be checked.
    """
    if module is None and not script:
        raise click.UsageError("give a SCRIPT, or -m MODULE")
    config = load_config()
    settings = shared.check_settings(config, select, ignore, seed)
    said = shared.declarations(config, inputs_files)

    from gradproof.watch.only import Applied
    from gradproof.watch.recorder import Recorder
    from gradproof.watch.verdicts import How

    how = How(
        settings=settings,
        declarations=said,
        timeout=timeout or config.timeout or DEFAULT_TIMEOUT,
        jobs=jobs or config.jobs or 1,
    )
    recorder = Recorder(only, max_bytes)
    if fail_fast:
        recorder.listener = _stopping(recorder, how)
    status, found = _run(recorder, script, module)
    if record:
        _save(recorder, record)
        sys.exit(status)
    applied = Applied(only, "--only")
    applied.look(recorder)
    outcomes = [found] if found else _outcomes(recorder, how)
    problems = applied.problems()
    for line in problems:
        print(f"gradproof: {line}", file=_stderr())
    chosen = output_format or config.output_format or shared.DEFAULT_FORMAT
    ending = notes([each.target for each in outcomes], said)
    if outcomes or not problems:
        _say(outcomes, chosen, _stderr(), ending)
    if report:
        shared.report_to(report, outcomes, ending)
    sys.exit(status or shared.exit_code(outcomes) or (2 if problems else 0))


def _run(
    recorder: Recorder, script: Sequence[str], module: str | None
) -> tuple[int, Outcome | None]:
    """The script's exit code, and what stopped it."""
    from gradproof.watch.script import run_module, run_script

    try:
        with recorder.recording():
            if module is not None:
                return run_module(module, script), None
            return run_script(script[0], script[1:]), None
    except FoundError as error:
        return 0, error.outcome
    except GradproofError as error:
        shared.leave(str(error))


def _stopping(recorder: Recorder, how: How) -> Callable[[Call], None]:
    """Checks each call as it is recorded, before it is made."""
    from gradproof.watch.calls import name_of
    from gradproof.watch.verdicts import outcome

    def listen(call: Call) -> None:
        with recorder.paused():
            came = outcome(name_of(call.target), [call], how)
        if came.verdict is not None and not came.verdict.ok:
            raise FoundError(came)

    return listen


def _outcomes(recorder: Recorder, how: How) -> list[Outcome]:
    from gradproof.watch.verdicts import outcomes

    try:
        with progress() as shown:
            return outcomes(recorder, how, shown)
    except KeyboardInterrupt:
        shared.leave("interrupted while checking what was recorded")


def _save(recorder: Recorder, file: Path) -> None:
    from gradproof.watch import file as record
    from gradproof.watch.verdicts import worth_checking

    file = file if file.suffix == record.SUFFIX else Path(f"{file}{record.SUFFIX}")
    calls = {name: worth_checking(known) for name, known in recorder.calls.items()}
    left_out = record.save(file, calls)
    kept = len(calls) - len(left_out)
    kept_of = count(kept, "target")
    click.echo(f"{file}: calls of {kept_of}; gradproof check {file}", err=True)
    for name in left_out:
        click.echo(f"not in it: {name}, which is called on objects", err=True)


def _say(
    outcomes: Sequence[Outcome],
    output_format: str,
    stream: TextIO,
    ending: Sequence[Note],
) -> None:
    if not outcomes and output_format in FOR_PEOPLE:
        stream.write(
            "gradproof: the script applied no torch.autograd.Function and no "
            "gp.function\n"
        )
        return
    shared.report(outcomes, output_format, stream, ending)


def _stderr() -> TextIO:
    """Standard error as it was before the script, whatever that did to sys.stderr."""
    sys.stdout.flush()
    stream = sys.__stderr__ or sys.stderr
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")
    return stream
