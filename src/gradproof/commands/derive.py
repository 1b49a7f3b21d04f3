"""``gradproof derive`` and ``gradproof explain``: the commands.

Standard output is the source and nothing else, so that it can be piped.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from gradproof._errors import TargetError
from gradproof.commands.base import (
    load_config,
    split,
    stdout,
    targets_argument,
    timeout_option,
    with_workers,
)
from gradproof.commands.given_options import example_option, option_option, plain
from gradproof.derive.emit import FORMS
from gradproof.running.progress import Progress
from gradproof.running.workers import Answer, Pool, Request
from gradproof.targets.target import parse

LEXERS = {"latex": "latex", "markdown": "markdown"}

Command = TypeVar("Command", bound=Callable[..., Any])


def input_options(command: Command) -> Command:
    """The options that say what to derive a target with."""
    for option in reversed(
        [
            example_option,
            option_option,
            click.option(
                "--wrt",
                multiple=True,
                callback=split,
                metavar="NAMES",
                help="Differentiate in these inputs only, comma-separated.",
            ),
            click.option(
                "--seed",
                type=int,
                default=0,
                help="Seed of the made-up numbers.  [default: 0]",
            ),
            timeout_option,
        ]
    ):
        command = option(command)
    return command


@click.command()
@targets_argument
@click.option(
    "--to",
    type=click.Choice(list(FORMS)),
    default="numpy",
    help="The form to write.  [default: numpy]",
)
@input_options
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write to a file instead of standard output.",
)
@click.option(
    "--check",
    "checked",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write nothing; exit with 1 if the file is not what would be written.",
)
def derive(
    targets: Sequence[str],
    to: str,
    output: Path | None,
    checked: Path | None,
    timeout: float | None,
    **settings: Any,
) -> None:
    """Write the backward of functions as source.

    Inputs come from --example, else from gp.examples on the function. Exits with 0, or
    with 1 if --check finds the file stale, or with 2 if something could not run.
    """
    if output and checked:
        raise click.UsageError("--output and --check exclude each other")
    answers = _answers("derive", targets, {"to": to, **settings}, timeout)
    source = joined([answer["source"] for answer in answers], to)
    if checked:
        sys.exit(_compared(checked, source))
    if output:
        _written(output, source)
    else:
        _shown(source, LEXERS.get(to, "python"))


@click.command()
@targets_argument
@input_options
def explain(targets: Sequence[str], timeout: float | None, **settings: Any) -> None:
    """Show a derivation line by line, with the numbers in it.

    Inputs come from --example, else from gp.examples on the function. Exits with 0, or
    with 2 if something could not run.
    """
    from gradproof.explain.steps import Explanation
    from gradproof.report.explain import render

    answers = _answers("explain", targets, settings, timeout)
    stream = stdout()
    for number, answer in enumerate(answers):
        if number:
            stream.write("\n\n")
        render(Explanation.from_dict(answer["explanation"]), stream)


def joined(sources: Sequence[str], to: str) -> str:
    """Several sources as one: imports first, each once."""
    if to in LEXERS or len(sources) == 1:
        return "\n".join(sources)
    imports: dict[str, None] = {}
    bodies = []
    for source in sources:
        lines = source.split("\n")
        while lines and (not lines[0] or lines[0].startswith(("import ", "from "))):
            line = lines.pop(0)
            if line:
                imports[line] = None
        bodies.append("\n".join(lines))
    return "\n".join(imports) + "\n\n\n" + "\n\n".join(bodies)


def _answers(
    verb: str,
    targets: Sequence[str],
    settings: Mapping[str, Any],
    timeout: float | None,
) -> list[Answer]:
    """A worker's answer for each target; exits where one has none."""
    given = plain(settings["examples"], settings["options"])
    try:
        folders = [parse(text).folder for text in targets]
    except TargetError as error:
        _fail([str(error)])
    requests = [
        Request(verb=verb, target=text, folder=folder, settings={**settings, **given})
        for text, folder in zip(targets, folders, strict=True)
    ]

    def run(pool: Pool, shown: Progress) -> list[Answer]:
        shown.expect(len(requests))
        answers = pool.answers(
            requests,
            lambda request: shown.started(request.target),
            lambda request: shown.finished(request.target),
        )
        return [answer for answer, _ in answers]

    answers = with_workers(run, load_config(), None, timeout)
    errors = [a["error"]["message"] for a in answers if "error" in a]
    if errors:
        _fail(errors)
    return answers


def _fail(errors: Sequence[str]) -> NoReturn:
    for error in errors:
        click.echo(f"Error: {error}", err=True)
    sys.exit(2)


def _compared(file: Path, source: str) -> int:
    try:
        current = file.read_text(encoding="utf-8")
    except OSError as error:
        _fail([f"{file} cannot be read: {error.strerror}; write it with -o {file}"])
    if current == source:
        return 0
    click.echo(f"{file} is stale: write it again with -o {file}", err=True)
    return 1


def _written(file: Path, source: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source, encoding="utf-8")
    except OSError as error:
        _fail([f"{file} cannot be written: {error.strerror}"])


def _shown(source: str, lexer: str) -> None:
    stream = stdout()
    if not stream.isatty():
        stream.write(source)
        return
    from rich.console import Console
    from rich.syntax import Syntax

    syntax = Syntax(source, lexer, theme="ansi_dark", background_color="default")
    Console(file=stream).print(syntax.highlight(source), soft_wrap=True, end="")
