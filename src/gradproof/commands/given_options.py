"""``--example`` and ``--option``: what the commands are told of a target's inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from gradproof._errors import InputError, TargetError
from gradproof.running.run_all import RECORD
from gradproof.targets import given
from gradproof.targets.target import parse

T = TypeVar("T")


def _read(read: Callable[[str], T]) -> Callable[..., list[T]]:
    """A click callback that reads each value of an option."""

    def callback(_context: object, _parameter: object, texts: Sequence[str]) -> list[T]:
        try:
            return [read(text) for text in texts]
        except InputError as error:
            raise click.BadParameter(str(error)) from None

    return callback


example_option = click.option(
    "--example",
    "examples",
    multiple=True,
    callback=_read(given.parse_example),
    metavar="NAME=SHAPE",
    help="An input: x=3,4 is standard normal numbers; x=3,4:float32; "
    "labels=5:int64:0..10; x=2.5 a single number. Default: gp.examples.",
)
option_option = click.option(
    "--option",
    "options",
    multiple=True,
    callback=_read(given.parse_option),
    metavar="NAME=VALUE",
    help="A constant: axis=1.",
)


def plain(
    examples: Sequence[given.Given], options: Sequence[tuple[str, Any]]
) -> dict[str, Any]:
    """What was given, for a worker."""
    return {"examples": [one.to_dict() for one in examples], "options": dict(options)}


def one_function_each(targets: Sequence[str]) -> None:
    """Refuse targets that stand for more than one function, or have inputs already.

    Raises:
        UsageError: naming the first of them.
    """
    for text in targets:
        if text.endswith(RECORD):
            raise click.UsageError(f"{text} has inputs: leave out --example, --option")
        try:
            is_one = parse(text).name is not None
        except TargetError:  # said when its turn comes
            continue
        if not is_one:
            raise click.UsageError(
                f"--example and --option are for one function: give {text}:NAME"
            )
