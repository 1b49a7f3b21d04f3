"""The command line: parse, call, render, exit.

Exit codes: 0 nothing was found, 1 something was, 2 something could not run.
Neither torch nor jax is imported here; targets run in worker processes.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click

from gradproof.commands import options as shared
from gradproof.commands.audit import audit
from gradproof.commands.base import (
    load_config,
    stdout,
    targets_argument,
    timeout_option,
    with_workers,
)
from gradproof.commands.derive import derive, explain
from gradproof.commands.given_options import (
    example_option,
    one_function_each,
    option_option,
    plain,
)
from gradproof.commands.notes import notes
from gradproof.commands.watch import watch
from gradproof.report import Outcome, listing
from gradproof.running import run_all
from gradproof.running.progress import Progress
from gradproof.running.workers import Pool
from gradproof.targets.given import Given


@click.group(name="gradproof", context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="gradproof", prog_name="gradproof")
def main() -> None:
    """Derive gradients, and prove them right.

    A TARGET is path.py, path.py:name, package.module or package.module:name.
    """


main.add_command(derive)
main.add_command(explain)
main.add_command(watch)
main.add_command(audit)


@main.command()
@targets_argument
@example_option
@option_option
@shared.check_options
def check(
    targets: Sequence[str],
    examples: list[Given],
    options: list[tuple[str, Any]],
    output_format: str | None,
    select: list[str],
    ignore: list[str],
    seed: int | None,
    jobs: int | None,
    timeout: float | None,
) -> None:
    """Check the gradients of targets.

    A file or module stands for every gp.function, every torch.autograd.Function
    subclass and everything with gp.examples that it defines. Inputs come from
    --example, else from gp.examples. Exits with 0 if nothing was found, 1 if something
    was, 2 if something could not run.
    """
    config = load_config()
    settings = shared.check_settings(config, select, ignore, seed)
    if examples or options:
        one_function_each(targets)
        made_up = {**plain(examples, options), "seed": settings.get("seed", 0)}
        settings = {**settings, "given": made_up}
    said = shared.declarations(config)

    def run(pool: Pool, shown: Progress) -> list[Outcome]:
        return run_all.check(targets, settings, pool, shown, said)

    def show(outcomes: list[Outcome]) -> None:
        chosen = output_format or config.output_format or shared.DEFAULT_FORMAT
        names = [each.target for each in outcomes]
        shared.report(outcomes, chosen, stdout(), notes(names, said, modules=targets))

    outcomes = with_workers(run, config, jobs, timeout, interrupted=show)
    show(outcomes)
    sys.exit(shared.exit_code(outcomes))


@main.command(name="list")
@targets_argument
@shared.list_format_option
@shared.jobs_option
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
        return run_all.list_targets(targets, pool, shown)

    listed = with_workers(run, config, jobs, timeout)
    chosen = output_format or config.output_format or shared.DEFAULT_FORMAT
    listing.render(listed, chosen, stdout())
    errors = [each.error for each in listed if each.error is not None]
    if chosen != "json":
        for error in errors:
            click.echo(f"Error: {error}", err=True)
    sys.exit(2 if errors else 0)
