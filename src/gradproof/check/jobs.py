"""The check of one example in parts that do not depend on each other.

The properties that others wait for run first, in order, as one part: what they find
wrong is not held against anyone twice. Every other property is a part of its own, that
starts from what those left behind (a ``State``) and changes nothing for the rest. All
parts start from the same seed. So the verdict is the same wherever they run, and in
whichever order.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gradproof._errors import InputError, TargetError
from gradproof.check import crash as crashes
from gradproof.check import properties, sizes
from gradproof.check.progress import tell
from gradproof.check.properties import Outcome, Property
from gradproof.check.session import Session
from gradproof.check.shrink import illustrated
from gradproof.check.surroundings import seed_everything
from gradproof.check.targets import Settings, Target, TargetCrash, make, target_name
from gradproof.targets.examples import Example

AT_FULL_SIZE = ("shape", "linearity", "gradient", "sizes")
LARGE = 4096
ABOUT_THE_VALUE = ("shape", "linearity", "gradient")  # what they blame is not right


@dataclass(frozen=True, kw_only=True)
class Job:
    """One example of one target, and how to check it."""

    target: Any
    example: Example
    how: dict[str, Any]
    select: Sequence[str] | None
    ignore: Sequence[str] | None
    tolerances: dict[str, float | None]
    seed: int

    def chosen(self, library: str) -> list[Property]:
        """The properties to check, in order."""
        return [
            one
            for one in properties.every(library)
            if (one.by_default if self.select is None else one.name in self.select)
            and one.name not in (self.ignore or ())
        ]


@dataclass(frozen=True, kw_only=True)
class State:
    """What the properties that ran have left for the others; see ``Session``."""

    blamed: dict[str, str]
    asked: list[bool]
    stopped: str | None
    floor: float
    at_kink: bool

    @classmethod
    def of(cls, session: Session) -> State:
        """The state that a session is in."""
        return cls(
            blamed=dict(session.blamed),
            asked=list(session.asked),
            stopped=session.stopped,
            floor=session.floor,
            at_kink=session.at_kink,
        )

    def put(self, session: Session) -> None:
        """Bring a new session into this state."""
        session.blamed, session.asked = dict(self.blamed), list(self.asked)
        session.stopped, session.floor = self.stopped, self.floor
        session.at_kink = self.at_kink


@dataclass(frozen=True, kw_only=True)
class Led:
    """The part that runs first.

    Attributes:
        outcomes: by the name of the property.
        order: the names of all properties that were chosen.
        state: what the others start from.
        inputs: the inputs in words.
    """

    outcomes: dict[str, Outcome]
    order: tuple[str, ...]
    state: State
    inputs: tuple[str, ...]

    @property
    def followers(self) -> list[str]:
        """The properties that are still to run."""
        return [name for name in self.order if name not in self.outcomes]


@dataclass
class Bench:
    """A target that was called once on its inputs, ready for any property."""

    job: Job
    adapter: Target = field(init=False)
    small: dict[str, Target | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        job = self.job
        seed_everything(job.seed)
        settings = Settings(job.example.options, **job.how)
        try:
            self.adapter = make(job.target, job.example.inputs, settings)
        except TargetCrash as crash:
            raise _does_not_run(job, crash) from crash.error
        if not self.adapter.is_meant:
            raise InputError(
                f"{target_name(job.target)}: gradient_of= does not run on these "
                "inputs, or does not give outputs of the same shapes there"
            )

    def lead(self) -> Led:
        """Run the properties that others wait for."""
        chosen = self.job.chosen(self.adapter.library)
        awaited = {
            name for one in properties.every(self.adapter.library) for name in one.after
        }
        session = self.session()
        outcomes = {}
        for number, one in enumerate(one for one in chosen if one.name in awaited):
            tell(one.name, number / len(chosen))
            outcomes[one.name] = self.run(one, session)
        return Led(
            outcomes=outcomes,
            order=tuple(one.name for one in chosen),
            state=State.of(session),
            inputs=self.adapter.described,
        )

    def follow(self, name: str, state: State) -> Outcome:
        """Run a property that nothing waits for."""
        session = self.usual
        state.put(session)
        chosen = self.job.chosen(self.adapter.library)
        return self.run(next(one for one in chosen if one.name == name), session)

    @functools.cached_property
    def usual(self) -> Session:
        """The session of those that follow: each finds it in the same state."""
        return self.session()

    def session(self) -> Session:
        """A new session at the given values."""
        try:
            return Session(self.adapter, seed=self.job.seed, **self.job.tolerances)
        except TargetCrash as crash:
            raise _does_not_run(self.job, crash) from crash.error

    def run(self, one: Property, session: Session) -> Outcome:
        """Run a property, for large inputs at sizes where a call costs little."""
        seed_everything(self.job.seed)
        there = session if one.name in AT_FULL_SIZE else self._smaller(session)
        there.stopped = session.stopped
        outcome = illustrated(there, _run(one, there))
        session.stopped = there.stopped
        if there is session:
            return outcome
        return replace(outcome, detail=f"{outcome.detail} (at smaller sizes)".strip())

    def _smaller(self, session: Session) -> Session:
        if sum(primal.size for primal in session.target.primals) <= LARGE:
            return session
        if "target" not in self.small:
            found = sizes.smaller(session)
            self.small["target"] = None if found is None else found.target
        target = self.small["target"]
        return session if target is None else session.elsewhere(target)


def _run(one: Property, session: Session) -> Outcome:
    if session.stopped is not None and one.name != session.stopped:
        return Outcome(status="skipped", detail="backward raises, see the finding")
    if one.needs_right_gradient and session.blamed:
        return Outcome(status="skipped", detail=_in_the_way(session))
    try:
        return one.run(session)
    except TargetCrash as crash:
        if crash.stage == "gradient_of":
            return Outcome(status="skipped", detail=f"{crash} at other values")
        if crash.stage == "backward" and not all(session.asked):
            session.stopped = "shape"  # the engine refuses what shape has found
            return Outcome(status="skipped", detail="backward raises, see the finding")
        return crashes.outcome(one.name, session, crash)


def _in_the_way(session: Session) -> str:
    """Why what needs a right gradient does not run: a right one may not stay right."""
    later = {by for by in session.blamed.values() if by not in ABOUT_THE_VALUE}
    if len(later) < len(set(session.blamed.values())):
        return "needs a right gradient"
    return f"{' and '.join(sorted(later))} failed, see the finding"


def _does_not_run(job: Job, crash: TargetCrash) -> TargetError:
    name = target_name(job.target)
    return TargetError(f"{name}: {crash}: check that it runs on these inputs by itself")
