"""Check a target: what a worker does for ``gradproof check``."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from gradproof._errors import InputError, NoInputsError
from gradproof.check.verdict import Verdict
from gradproof.targets import declare, discover
from gradproof.targets.called_with import called_with
from gradproof.targets.target import parse

NOTHING_GIVEN: Mapping[str, Any] = {"examples": (), "options": {}, "seed": 0}


def verdict(
    text: str, settings: Mapping[str, Any], say: Callable[[str, float], None]
) -> Verdict:
    """The verdict on a target.

    Args:
        text: the target's.
        settings: keyword arguments of ``gp.check``, and ``given``: what is to be made
            up, as ``examples`` and ``options``.
        say: is told of each property as the check comes to it, and of its share.

    Raises:
        GradproofError: where there is none.
    """
    import gradproof as gp
    from gradproof.check.progress import telling

    target = discover.load_object(parse(text))
    chosen = declare.resolved(settings)
    given = chosen.pop("given", None)
    inputs, options = called_with(target, given) if given else ((), {})
    for name in options.keys() & inspect.signature(gp.check).parameters.keys():
        raise InputError(
            f"{text}: {name} is a setting of the check too: wrap the target in a "
            "function whose option has another name"
        )
    with telling(say):
        try:
            return gp.check(target, *inputs, **chosen, **options)
        except NoInputsError:
            _say_what_is_missing(target)
            raise


def _say_what_is_missing(target: Any) -> None:
    """Raise what says how to give the inputs at the prompt, where that can be known."""
    try:
        called_with(target, NOTHING_GIVEN)
    except InputError:  # a target of unknown parameters: what was said stands
        return
