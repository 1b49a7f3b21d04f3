"""The command line: parse, call, render, exit.

Exit codes: 0 nothing was found, 1 something was, 2 something could not run.
Neither torch nor jax is imported here; targets run in worker processes.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from difflib import get_close_matches

import click

from gradproof import _config, _run
from gradproof._command import (
    load_config,
    split,
    stdout,
    targets_argument,
    timeout_option,
    with_workers,
)
from gradproof._derive_command import derive, explain
from gradproof._progress import Progress
from gradproof._workers import Pool
from gradproof.report import FORMATS, Outcome, listing, renderer

DEFAULT_FORMAT = "full"

format_option = click.option(
    "--output-format",
    type=click.Choice(list(FORMATS)),
    help=f"How to report.  [default: {DEFAULT_FORMAT}]",
)
jobs_option = click.option(
    "-j",
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="How many targets to run at a time.  [default: 1]",
)


@click.group(name="gradproof", context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="gradproof", prog_name="gradproof")
def main() -> None:
    """Derive gradients, and prove them right.

    A TARGET is path.py, path.py:name, package.module or package.module:name.
    """


main.add_command(derive)
main.add_command(explain)


@main.command()
@targets_argument
@format_option
@click.option(
    "--select",
    multiple=True,
    callback=split,
    metavar="NAMES",
    help="Check only these properties, comma-separated.",
)
@click.option(
    "--ignore",
    multiple=True,
    callback=split,
    metavar="NAMES",
    help="Leave these properties out, comma-separated.",
)
@click.option("--seed", type=int, help="Seed of every random choice.  [default: 0]")
@jobs_option
@timeout_option
def check(
    targets: Sequence[str],
    output_format: str | None,
    select: list[str],
    ignore: list[str],
    seed: int | None,
    jobs: int | None,
    timeout: float | None,
) -> None:
    """Check the gradients of targets.

    A file or module stands for every gp.function, every torch.autograd.Function
    subclass and everything with gp.examples that it defines. Exits with 0 if nothing
    was found, 1 if something was, 2 if something could not run.
    """
    config = load_config()
    settings = {
        "select": _properties("--select", select) or _from_file(config, "select"),
        "ignore": _properties("--ignore", ignore) or _from_file(config, "ignore"),
        "seed": config.seed if seed is None else seed,
    }
    given = {key: value for key, value in settings.items() if value is not None}

    def run(pool: Pool, shown: Progress) -> list[Outcome]:
        return _run.check(targets, given, pool, shown)

    outcomes = with_workers(run, config, jobs, timeout)
    render = renderer(output_format or config.output_format or DEFAULT_FORMAT)
    render(outcomes, stdout())
    sys.exit(_exit_code(outcomes))


@main.command(name="list")
@targets_argument
@format_option
@jobs_option
@timeout_option
def list_command(
    targets: Sequence[str],
    output_format: str | None,
    jobs: int | None,
    timeout: float | None,
) -> None:
    """List what can be checked, and what kind of thing it is."""
    config = load_config()

    def run(pool: Pool, shown: Progress) -> list[listing.Listed]:
        return _run.list_targets(targets, pool, shown)

    listed = with_workers(run, config, jobs, timeout)
    chosen = output_format or config.output_format or DEFAULT_FORMAT
    listing.render(listed, chosen, stdout())
    errors = [each.error for each in listed if each.error is not None]
    if chosen != "json":
        for error in errors:
            click.echo(f"Error: {error}", err=True)
    sys.exit(2 if errors else 0)


def _exit_code(outcomes: Sequence[Outcome]) -> int:
    verdicts = [outcome.verdict for outcome in outcomes]
    if any(verdict is None for verdict in verdicts):
        return 2
    return 0 if all(verdicts) else 1


def _from_file(config: _config.Config, key: str) -> list[str] | None:
    names = getattr(config, key)
    if names is None:
        return None
    return _properties(f"{config.file}: [tool.gradproof] {key}", names)


def _properties(origin: str, names: Sequence[str]) -> list[str]:
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
