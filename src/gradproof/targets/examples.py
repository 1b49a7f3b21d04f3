"""``gp.examples``: the inputs that a target is checked on, kept on the target."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from gradproof._errors import DefinitionError, InputError

T = TypeVar("T")
ATTRIBUTE = "__gradproof_examples__"


@dataclass(frozen=True)
class Example:
    """One call: inputs and options, or a function that makes the inputs."""

    inputs: tuple[Any, ...]
    options: dict[str, Any]
    make: Callable[[], Any] | None = None

    def made(self, name: str) -> Example:
        """The example with its inputs made.

        Raises:
            InputError: where making them fails.
        """
        if self.make is None:
            return self
        try:
            inputs = self.make()
        except Exception as error:
            raise InputError(
                f"{name}: the function given to gp.examples raised "
                f"{type(error).__name__}: {error}"
            ) from error
        inputs = inputs if isinstance(inputs, tuple | list) else (inputs,)
        return Example(tuple(inputs), self.options)


def examples(*inputs: Any, **options: Any) -> Callable[[T], T]:
    """Decorator: inputs to check a target on when none are given.

    ``@gp.examples(x, weight)`` gives them as they are;
    ``@gp.examples(lambda: (torch.randn(5, 3), torch.randn(4, 3)))`` makes them only
    when a check runs. Used more than once, each is one example.

    Args:
        *inputs: the arrays and other positional arguments, or one function without
            parameters that returns a tuple of them.
        **options: keyword arguments for the target.

    Raises:
        DefinitionError: without inputs, or on something that cannot carry them.
    """
    if not inputs:
        raise DefinitionError("gp.examples needs inputs: @gp.examples(x, weight)")
    make = inputs[0] if len(inputs) == 1 and callable(inputs[0]) else None
    example = Example(() if make else inputs, options, make)

    def attach(target: T) -> T:
        before = vars(target).get(ATTRIBUTE, ()) if hasattr(target, "__dict__") else ()
        try:
            setattr(target, ATTRIBUTE, (example, *before))
        except (AttributeError, TypeError):
            raise DefinitionError(
                f"gp.examples cannot be put on {target!r}: wrap it in a function"
            ) from None
        return target

    return attach
