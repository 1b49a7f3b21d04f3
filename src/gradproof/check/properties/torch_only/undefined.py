"""undefined: any subset of outputs may receive no gradient."""

from __future__ import annotations

from gradproof.check.properties import Outcome, define
from gradproof.check.properties.torch_only.subsets import some_of
from gradproof.check.session import Session
from gradproof.check.targets import TargetCrash
from gradproof.check.verdict import Finding

ALL_SUBSETS_UP_TO = 3


@define(
    "undefined",
    "any subset of outputs may receive no gradient",
    after=("shape", "gradient", "repeat"),
)
def check(session: Session) -> Outcome:
    """Leave outputs out of the loss, and compare with zeros for their gradients."""
    target = session.target
    count = len(session.output_shapes)
    if count == 1:
        return Outcome(status="skipped", detail="there is one output")
    cotangents = session.cotangents("undefined")
    findings: dict[str | None, Finding] = {}
    tried = some_of(count, ALL_SUBSETS_UP_TO)
    for used in tried:
        numbers = [str(i) for i, use in enumerate(used) if not use]
        left_out = f"when output {' and '.join(numbers)} receives no gradient"
        zeros = [v if use else 0 * v for v, use in zip(cotangents, used, strict=True)]
        expected = session.claimed(target.primals, zeros)
        some = [v if use else None for v, use in zip(cotangents, used, strict=True)]
        try:
            got = session.claimed(target.primals, some)
        except TargetCrash as crash:
            finding = Finding(
                property="undefined",
                diagnosis="crash",
                message=f"{crash} {left_out}",
                hint=target.wording.absent,
            )
            findings.setdefault(None, finding)
            continue
        for name, error, is_gone in session.compare(expected, got):
            if not session.is_steady(name):
                continue
            finding = Finding(
                property="undefined",
                input=name,
                diagnosis="missing" if is_gone else None,
                message=f"the gradient of {name!r} is not the one for zeros {left_out} "
                f"(relative error {error:.2g})",
                hint="add up what each output contributes; one that is not used "
                "contributes zero, and only its own part",
                error=error,
            )
            findings.setdefault(name, finding)
    return Outcome(findings=tuple(findings.values()), detail=f"{len(tried)} subsets")
