"""The table of rewrites, and what they may ask of a program."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gradproof.derive.ir import OPERATIONS, Value

Rewrite = Callable[..., Value | None]

# In this order; constants and shapes come again, for what the others leave.
PHASES: dict[str, dict[str, list[Rewrite]]] = {
    "fold": {},
    "fuse": {},
    "multiply": {},
    "tidy": {},
    "brackets": {},
}


def rewrite(
    *operations: str, phases: Sequence[str] = ("fold", "tidy")
) -> Callable[[Rewrite], Rewrite]:
    """Decorator: try this on every value that one of the operations made.

    The function takes the value and the ``Uses`` of the program, and returns what to
    put in its place, of the same shape, or None.
    """

    def decorate(rule: Rewrite) -> Rewrite:
        for phase in phases:
            for operation in operations:
                PHASES[phase].setdefault(operation, []).append(rule)
        return rule

    return decorate


class Uses:
    """How often each value is used, and which are needed in full anyway."""

    def __init__(self) -> None:
        self.count: dict[int, int] = {}
        self.whole: set[int] = set()

    @classmethod
    def of(cls, program: Sequence[Value], roots: Sequence[Value]) -> Uses:
        """Count them."""
        uses = cls()
        for root in roots:
            uses.add(root, whole=True)
        for value in program:
            operation = OPERATIONS.get(value.operation)
            for position, operand in enumerate(value.operands):
                assert operation is not None
                if position not in operation.shape_only:
                    uses.add(operand, whole=not operation.elementwise)
        return uses

    def add(self, value: Value, *, whole: bool) -> None:
        """One more use; whole where it must be there in its full shape."""
        self.count[id(value)] = self.count.get(id(value), 0) + 1
        if whole:
            self.whole.add(id(value))

    def replaced(self, old: Value, new: Value) -> None:
        """What held for a value holds for what took its place."""
        self.count[id(new)] = max(
            self.count.get(id(old), 0), self.count.get(id(new), 0)
        )
        if id(old) in self.whole:
            self.whole.add(id(new))

    def released(self, value: Value) -> None:
        """One use less: a rewrite has gone around it."""
        self.count[id(value)] = self.count.get(id(value), 1) - 1

    def once(self, value: Value) -> bool:
        """Whether only one other value is made from it."""
        return self.count.get(id(value), 1) <= 1

    def in_full(self, value: Value) -> bool:
        """Whether it is written out in its full shape anyway."""
        return id(value) in self.whole
