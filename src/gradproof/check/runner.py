"""Runs a check: finds inputs, runs the properties in order, merges their outcomes."""

from __future__ import annotations

import contextlib
import difflib
import random
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from typing import Any

import numpy as np

from gradproof._errors import GradientError, InputError, TargetError
from gradproof._examples import Example
from gradproof.check import crash as crashes
from gradproof.check import properties, sizes
from gradproof.check.inputs import examples_for
from gradproof.check.properties import Outcome, Property
from gradproof.check.session import Session
from gradproof.check.targets import Settings, TargetCrash, make, target_name
from gradproof.check.verdict import Check, Finding, Verdict

AT_FULL_SIZE = ("shape", "linearity", "gradient", "sizes")
LARGE = 4096
WORST = ("passed", "unsupported", "skipped", "failed")


def run(
    target: Any,
    inputs: Sequence[Any],
    how: dict[str, Any],
    *,
    options: dict[str, Any],
    select: Sequence[str] | None,
    ignore: Sequence[str] | None,
    tolerances: dict[str, float | None],
    seed: int,
    executor: Executor | None,
    raise_exception: bool,
) -> Verdict:
    """The verdict over all examples of a target; see ``gradproof.check.check``."""
    check_names(select, ignore)
    examples = [Example(tuple(inputs), options)]
    if not inputs:
        with nothing_left_behind():
            _seed_everything(seed)
            examples = [
                Example(e.inputs, {**e.options, **options})
                for e in examples_for(target)
            ]
    jobs = [(target, e, how, select, ignore, tolerances, seed) for e in examples]
    if executor is None:
        verdicts = [check_one(*job) for job in jobs]
    else:
        futures = [executor.submit(check_one, *job) for job in jobs]
        verdicts = [future.result() for future in futures]
    verdict = merge(verdicts)
    if raise_exception and not verdict.ok:
        raise GradientError(verdict)
    return verdict


def check_names(select: Sequence[str] | None, ignore: Sequence[str] | None) -> None:
    """Refuse names that are no property's.

    Raises:
        InputError: for a name that is no property's.
    """
    known = properties.names()
    for given in (select, ignore):
        if isinstance(given, str):
            raise InputError(f"select and ignore take a list of names: [{given!r}]")
        for name in given or ():
            if name not in known:
                close = difflib.get_close_matches(name, known, n=1)
                meant = f"did you mean {close[0]!r}? " if close else ""
                raise InputError(
                    f"there is no property {name!r}: {meant}"
                    f"The properties are {', '.join(known)}"
                )


def check_one(
    target: Any,
    example: Example,
    how: dict[str, Any],
    select: Sequence[str] | None,
    ignore: Sequence[str] | None,
    tolerances: dict[str, float | None],
    seed: int,
) -> Verdict:
    """The verdict on one example."""
    name = target_name(target)
    with nothing_left_behind():
        try:
            adapter = make(target, example.inputs, Settings(example.options, **how))
            session = Session(adapter, seed=seed, **tolerances)
        except TargetCrash as crash:
            raise TargetError(
                f"{name}: {crash}: check that it runs on these inputs by itself"
            ) from crash.error
        small: Session | None = None
        checks: list[Check] = []
        findings: list[Finding] = []
        for one in properties.every(adapter.library):
            chosen = one.by_default if select is None else one.name in select
            if not chosen or one.name in (ignore or ()):
                continue
            if one.name not in AT_FULL_SIZE and small is None:
                small = _small(session)
            there = session if one.name in AT_FULL_SIZE or small is None else small
            outcome = _run_property(one, there)
            session.stopped = there.stopped or session.stopped
            checks.append(outcome.check(one.name))
            findings += outcome.findings
    return Verdict(
        target=name,
        checks=tuple(checks),
        findings=tuple(findings),
        seed=seed,
        inputs=adapter.described,
    )


def _small(session: Session) -> Session:
    """The session, or for large inputs one at sizes where a call costs little."""
    if sum(primal.size for primal in session.target.primals) <= LARGE:
        return session
    return sizes.smaller(session) or session


def _run_property(one: Property, session: Session) -> Outcome:
    if session.stopped is not None and one.name != session.stopped:
        return Outcome(status="skipped", detail="backward raises, see the finding")
    try:
        return one.run(session)
    except TargetCrash as crash:
        if crash.stage == "backward" and not all(session.asked):
            session.stopped = "shape"  # the engine refuses what shape has found
            return Outcome(status="skipped", detail="backward raises, see the finding")
        return crashes.outcome(one.name, session, crash)


def merge(verdicts: Sequence[Verdict]) -> Verdict:
    """One verdict over several examples: the worst of each property, every finding."""
    first = verdicts[0]
    if len(verdicts) == 1:
        return first
    checks = []
    for together in zip(*(verdict.checks for verdict in verdicts), strict=True):
        worst = max(together, key=lambda check: WORST.index(check.status))
        powers = [check.power for check in together if check.power is not None]
        checks.append(
            Check(
                property=worst.property,
                status=worst.status,
                detail=worst.detail,
                power=max(powers, default=None),
            )
        )
    findings: dict[Any, Finding] = {}
    for verdict in verdicts:
        for one in verdict.findings:
            findings.setdefault((one.property, one.input, one.diagnosis), one)
    inputs = [
        f"example {number}: {', '.join(verdict.inputs)}"
        for number, verdict in enumerate(verdicts, start=1)
    ]
    return Verdict(
        target=first.target,
        checks=tuple(checks),
        findings=tuple(findings.values()),
        seed=first.seed,
        inputs=tuple(inputs),
    )


def _seed_everything(seed: int) -> None:
    """The seed for examples that are made, or draw random numbers, without one."""
    random.seed(seed)
    np.random.seed(seed)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)


@contextlib.contextmanager
def nothing_left_behind() -> Iterator[None]:
    """Random state, default dtype, grad mode and error handling are put back."""
    torch = sys.modules.get("torch")
    python_state, numpy_state = random.getstate(), np.random.get_state()
    errors = np.seterr(all="ignore")
    if torch is not None:
        torch_state, dtype = torch.get_rng_state(), torch.get_default_dtype()
        grad_mode = torch.is_grad_enabled()
    try:
        yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)
        np.seterr(**errors)
        if torch is not None:
            torch.set_rng_state(torch_state)
            torch.set_default_dtype(dtype)
            torch.set_grad_enabled(grad_mode)
