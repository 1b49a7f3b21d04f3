"""subsets: any subset of inputs may require grad, and the others' do not change."""

from __future__ import annotations

import itertools

from gradproof.check.properties import Outcome, define
from gradproof.check.session import Session
from gradproof.check.targets import TargetCrash
from gradproof.check.verdict import Finding

ALL_SUBSETS_UP_TO = 3


@define(
    "subsets",
    "any subset of inputs may require grad, and the gradients do not change",
    after=("shape", "gradient", "repeat"),
)
def check(session: Session) -> Outcome:
    """Ask for some of the gradients, and compare with asking for all."""
    target = session.target
    if len(target.names) == 1:
        return Outcome(status="skipped", detail="there is one differentiated input")
    cotangents = session.cotangents("subsets")
    full = session.claimed(target.primals, cotangents)
    findings: dict[str | None, Finding] = {}
    tried = some_of(len(target.names), ALL_SUBSETS_UP_TO)
    for wanted in tried:
        asked = [n for n, want in zip(target.names, wanted, strict=True) if want]
        alone = f"when only {' and '.join(map(repr, asked))} requires grad"
        try:
            some = target.record(target.primals, wanted).pullback(cotangents)
        except TargetCrash as crash:
            finding = Finding(
                property="subsets",
                input=asked[0],
                diagnosis="crash",
                message=f"{crash} {alone}",
                hint=target.wording.subsets,
            )
            findings.setdefault(asked[0], finding)
            continue
        expected = [g if want else None for g, want in zip(full, wanted, strict=True)]
        for name, error, is_gone in session.compare(expected, some):
            if not session.is_steady(name):
                continue
            finding = Finding(
                property="subsets",
                input=name,
                diagnosis="missing" if is_gone else None,
                message=f"the gradient of {name!r} is another one {alone} "
                f"(relative error {error:.2g})",
                hint=target.wording.subsets,
                error=error,
            )
            findings.setdefault(name, finding)
    return Outcome(findings=tuple(findings.values()), detail=f"{len(tried)} subsets")


def some_of(count: int, all_up_to: int) -> list[tuple[bool, ...]]:
    """Every proper subset of a few; of many, each alone and all but each."""
    if count <= all_up_to:
        every = itertools.product([True, False], repeat=count)
        return [s for s in every if any(s) and not all(s)]
    some = range(min(count, 4))
    alone = [tuple(i == j for j in range(count)) for i in some]
    return alone + [tuple(i != j for j in range(count)) for i in some]
