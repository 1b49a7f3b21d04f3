"""What the commands that check have in common: their options, and how they end."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TextIO, TypeVar

import click

from gradproof import _config
from gradproof._errors import InputError
from gradproof.commands.base import split, timeout_option
from gradproof.report import FORMATS, Outcome, listing, renderer
from gradproof.targets import declare

if TYPE_CHECKING:
    from gradproof.report.notes import Note

DEFAULT_FORMAT = "full"
BY_SUFFIX = {".json": "json", ".xml": "junit", ".sarif": "sarif", ".txt": "full"}
SUFFIXES = ".json, .xml (JUnit), .sarif or .txt"

Command = TypeVar("Command", bound=Callable[..., Any])


def _format_option(formats: Sequence[str]) -> Callable[[Command], Command]:
    return click.option(
        "--output-format",
        type=click.Choice(list(formats)),
        help=f"How to report.  [default: {DEFAULT_FORMAT}]",
    )


format_option = _format_option(list(FORMATS))
list_format_option = _format_option(listing.FORMATS)
jobs_option = click.option(
    "-j",
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="How many targets to run at a time.  [default: 1]",
)
select_option = click.option(
    "--select",
    multiple=True,
    callback=split,
    metavar="NAMES",
    help="Check only these properties, comma-separated.",
)
ignore_option = click.option(
    "--ignore",
    multiple=True,
    callback=split,
    metavar="NAMES",
    help="Leave these properties out, comma-separated.",
)
seed_option = click.option(
    "--seed", type=int, help="Seed of every random choice.  [default: 0]"
)


def check_options(command: Command) -> Command:
    """Decorator: the options of every command that checks."""
    options = (
        format_option,
        select_option,
        ignore_option,
        seed_option,
        jobs_option,
        timeout_option,
    )
    for option in reversed(options):
        command = option(command)
    return command


def _report_file(_context: object, _parameter: object, value: Path | None) -> Any:
    try:
        return value and report_file(value)
    except InputError as error:
        raise click.BadParameter(str(error)) from None


report_option = click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=_report_file,
    metavar="PATH",
    help=f"Write the report to PATH too, as its suffix says: {SUFFIXES}.",
)
inputs_option = click.option(
    "--inputs",
    "inputs_files",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help='A TOML file of tables [targets."module:Name"]: inputs, gradient_of, ignore.',
)


def check_settings(
    config: _config.Config,
    select: Sequence[str],
    ignore: Sequence[str],
    seed: int | None,
) -> dict[str, Any]:
    """Keyword arguments of ``gp.check``, from the command line and the file."""
    selected = properties("--select", select) or _from_file(config, "select")
    ignored = properties("--ignore", ignore) or _from_file(config, "ignore")
    if selected and set(selected) <= set(ignored or ()):
        raise click.UsageError(
            "nothing is left to check: every property that is selected is ignored too"
        )
    settings = {
        "select": selected,
        "ignore": ignored,
        "seed": config.seed if seed is None else seed,
    }
    return {key: value for key, value in settings.items() if value is not None}


def declarations(
    config: _config.Config, files: Sequence[Path] = ()
) -> declare.Declarations:
    """What is said about targets in pyproject.toml and in inputs files."""
    try:
        read = [one for file in files for one in declare.read_inputs_file(file)]
    except InputError as error:
        raise click.UsageError(str(error)) from None
    both = (*config.targets, *read)
    for one in both:
        properties(f'targets."{one.pattern}" ignore', one.ignore)
        properties(f'targets."{one.pattern}" select', one.select)
    return both


def report(
    outcomes: Sequence[Outcome],
    output_format: str,
    stream: TextIO,
    notes: Sequence[Note] = (),
) -> None:
    """Write a report, and the notes on it where the format has a place for them."""
    renderer(output_format)(outcomes, stream)
    if notes:
        from gradproof.report.notes import write

        write(notes, output_format, stream)


def report_to(
    file: Path, outcomes: Sequence[Outcome], notes: Sequence[Note] = ()
) -> None:
    """Write a report in the format that the file's suffix says."""
    chosen = BY_SUFFIX.get(file.suffix, DEFAULT_FORMAT)
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8") as stream:
        report(outcomes, chosen, stream, notes)


def report_file(text: str | Path) -> Path:
    """The file that a report goes to.

    Raises:
        InputError: its suffix says no format.
    """
    file = Path(text)
    if file.suffix in BY_SUFFIX:
        return file
    known = ", ".join(BY_SUFFIX)
    raise InputError(f"{file}: the suffix says the format, and is one of {known}")


def exit_code(outcomes: Sequence[Outcome]) -> int:
    """0 nothing was found, 1 something was, 2 something could not run."""
    verdicts = [outcome.verdict for outcome in outcomes]
    if any(verdict is None for verdict in verdicts):
        return 2
    return 0 if all(verdicts) else 1


def leave(message: str) -> NoReturn:
    """End with a line on stderr, as for something that could not run."""
    click.echo(f"Error: {message}", err=True)
    sys.exit(2)


def properties(origin: str, names: Sequence[str]) -> list[str]:
    """The names, if there are such properties; nothing is imported for none."""
    if names:
        from gradproof.check import properties

        known = properties.names()
        for name in names:
            if name not in known:
                close = get_close_matches(name, known, n=1)
                guess = f"did you mean {close[0]}? " if close else ""
                raise click.UsageError(
                    f"{origin}: there is no property {name!r}; "
                    f"{guess}the properties are {', '.join(known)}"
                )
    return list(names)


def _from_file(config: _config.Config, key: str) -> list[str] | None:
    names = getattr(config, key)
    if names is None:
        return None
    return properties(f"{config.file}: [tool.gradproof] {key}", names)
