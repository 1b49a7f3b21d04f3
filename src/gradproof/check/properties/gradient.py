"""gradient: the claimed gradient agrees with independent witnesses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from gradproof.check import coarse
from gradproof.check.diagnose import diagnose, evidence_for, unexplained
from gradproof.check.locate import locate, named_twice
from gradproof.check.properties import Outcome, define
from gradproof.check.session import Session
from gradproof.check.targets import Arrays, TargetCrash
from gradproof.check.trial import Trial, probe
from gradproof.check.verdict import Finding
from gradproof.check.witnesses.hearing import hear
from gradproof.check.wording import ADDS_UP

SWAMPED = 1e-6
BLUNT = 1e-6  # differences that see no less are not asked where better is known
REACHES = (0.0, 1e-3, 1e-2, 1e-1)


@dataclass
class _Tally:
    """What the points visited have shown so far."""

    findings: list[Finding] = field(default_factory=list)
    power: float = 0.0
    floor: float = 0.0  # what differences alone could see
    judged: int = 0
    unsettled: list[str] = field(default_factory=list)
    witnesses: list[str] = field(default_factory=lambda: ["numerical"])

    def heard(self, *spoke: str) -> None:
        self.witnesses += [one for one in spoke if one not in self.witnesses]

    def saw(self, trial: Trial, power: float | None = None) -> None:
        self.judged += 1
        self.floor = max(self.floor, trial.power or 0.0)
        self.power = max(self.power, power or trial.power or 0.0)


@define(
    "gradient",
    "the gradient agrees with independent witnesses, for every input and output",
    after=("shape", "linearity"),
)
def check(session: Session) -> Outcome:
    """Try all inputs together at the given values and near them; then one by one."""
    names = session.target.names
    inputs = [i for i, name in enumerate(names) if name not in session.blamed]
    blamed = {n: p for n, p in session.blamed.items() if n in names}
    left_out = "".join(f"; {n} not judged, see {p}" for n, p in blamed.items())
    if not inputs:
        return Outcome(status="skipped", detail=f"needs what failed{left_out}")
    tally = _Tally()
    points = {"given": session.target.primals, "nearby": session.neighbour("gradient")}
    for place, primals in points.items():
        remaining = [i for i in inputs if names[i] not in session.blamed]
        if remaining and (place == "given" or _runs(session, primals)):
            _judge(session, place, primals, remaining, tally)
    if not tally.judged and not tally.findings:
        return Outcome(
            status="skipped", detail="; ".join(tally.unsettled) or "nothing to judge"
        )
    session.floor = max(session.floor, 10 * tally.floor)
    detail = f"witnesses: {', '.join(tally.witnesses)}{left_out}"
    if tally.unsettled:
        detail += f"; unsettled: {'; '.join(tally.unsettled)}"
    return Outcome(
        findings=tuple(tally.findings), detail=detail, power=tally.power or None
    )


def _judge(
    session: Session, place: str, primals: Arrays, inputs: Sequence[int], tally: _Tally
) -> None:
    """All inputs in one trial; each alone where that fails or sees too little."""
    found = coarse.judge(session, primals, inputs)
    if found is not None:
        tally.findings += found
        tally.judged += 1
        tally.power = tally.floor = max(tally.power, coarse.floor(session))
        tally.heard(session.target.source_in_words)
        return
    trial = _settle(session, f"gradient {place}", primals, inputs)
    if trial is None:
        tally.unsettled.append(f"no derivative to be had at the {place} values")
        return
    heard = hear(session.target, trial)
    tally.heard(*heard.spoke)
    blunt = trial.power is None or trial.power > BLUNT
    if blunt and trial.agrees and heard.corroborated and heard.gradients is not None:
        found, power = coarse.beside(session, trial, heard.gradients, inputs)
        tally.findings += found
        tally.saw(trial, power)
        return
    if trial.agrees and (len(inputs) == 1 or not _swamps(trial, inputs)):
        tally.saw(trial)
        return
    for index in inputs:
        name = session.target.names[index]
        alone = _settle(session, f"gradient {place} {name}", primals, [index])
        if alone is None:
            tally.unsettled.append(f"{name} has no derivative at the {place} values")
        elif alone.agrees or not _confirmed(session, alone, index):
            tally.saw(alone)
        else:
            session.blamed[name] = "gradient"
            tally.findings.append(_finding(session, alone, index))


def _settle(
    session: Session, purpose: str, primals: Arrays, inputs: Sequence[int]
) -> Trial | None:
    """A trial that the numerical witness can judge, moving off kinks where needed."""
    for reach in REACHES:
        point = primals
        if reach:
            moved = session.moved(f"{purpose} {reach}", reach)
            point = [
                m if i in inputs else p
                for i, (p, m) in enumerate(zip(primals, moved, strict=True))
            ]
            if not _runs(session, point):
                continue
        trial = probe(session, f"{purpose} {reach}", point, inputs)
        if trial.settled:
            session.at_kink |= reach > 0
            return trial
    session.at_kink = True
    return None


def _swamps(trial: Trial, inputs: Sequence[int]) -> bool:
    """Whether some input's gradient is too small to be seen beside the others'."""
    for index in inputs:
        gradient, direction = trial.claimed[index], trial.direction[index]
        if gradient is None or gradient.shape != direction.shape:
            return True
        alone = Trial(
            trial.primals,
            trial.cotangents,
            [d if i == index else 0 * d for i, d in enumerate(trial.direction)],
            trial.claimed,
            trial.estimate,
            trial.tolerance,
        )
        if gradient.size and (alone.power is None or alone.power > SWAMPED):
            return True
    return False


def _confirmed(session: Session, trial: Trial, index: int) -> bool:
    """Whether most of three trials at the point disagree, beyond all tolerances."""
    name = session.target.names[index]
    again = [
        probe(session, f"confirm {name} {number}", trial.primals, [index])
        for number in range(2)
    ]
    trials = [trial, *(one for one in again if one.settled)]
    tolerance = max(one.tolerance / (one.spread or 1.0) for one in trials)
    gaps = [abs(one.slope - one.estimate.value) / (one.spread or 1.0) for one in trials]
    apart = [not gap <= tolerance for gap in gaps]  # NaN is apart from everything
    return sum(apart) > len(apart) / 2


def _finding(session: Session, trial: Trial, index: int) -> Finding:
    name = session.target.names[index]
    evidence = evidence_for(
        session,
        name,
        points=(trial.primals, session.target.primals, session.neighbour("at")),
    )
    explanation = diagnose(evidence) if evidence is not None else None
    region = locate(session, trial, index) if explanation is None else None
    if explanation is not None:
        diagnosis, message = explanation.diagnosis, explanation.message
        hint = explanation.hint
    elif region is not None:
        diagnosis = "partial"
        message = f"the gradient of {name!r} is wrong in {region.words} only"
        hint = "look for a mask, a boundary or a case that the formula leaves out"
        indices = named_twice(session, region)
        if indices is not None:
            hint = f"just there {indices!r} has repeated indices: {ADDS_UP}"
    else:
        diagnosis, message = None, f"the gradient of {name!r} is wrong"
        hint = unexplained(trial.error)
    return Finding(
        property="gradient",
        input=name,
        diagnosis=diagnosis,
        message=f"{message} (relative error {trial.error:.2g})",
        hint=hint,
        where=region.words if region else None,
        error=trial.error,
    )


def _runs(session: Session, primals: Arrays) -> bool:
    """Whether the forward takes other values, and stays finite on them."""
    import numpy as np

    try:
        outputs = session.target.forward(primals)
    except TargetCrash:
        return False
    return all(bool(np.isfinite(one).all()) for one in outputs)
