"""What a check says: frozen, plain data, no arrays, no input or output."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Status = Literal["passed", "failed", "skipped", "unsupported"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        property: name of the property that does not hold.
        input: name of the input whose gradient is wrong, or None.
        diagnosis: a tested hypothesis of what is wrong, or None.
        message: one line: what, where, by how much.
        hint: what to try.
        where: the region of the gradient that is wrong, or None.
        error: size of the error relative to the gradient, or None.
        example: lines of Python that show it on the smallest inputs that do, or None.
    """

    property: str
    input: str | None = None
    diagnosis: str | None = None
    message: str
    hint: str = ""
    where: str | None = None
    error: float | None = None
    example: str | None = None


@dataclass(frozen=True, kw_only=True)
class Check:
    """What came of one property.

    Attributes:
        property: its name.
        status: ``passed``, ``failed``, ``skipped`` (not tried, see detail) or
            ``unsupported`` (has no meaning for this kind of target).
        detail: what was tried, which witnesses spoke, or why it was not tried.
        power: the smallest relative error it could have seen here, or None where
            the property does not measure one.
    """

    property: str
    status: Status
    detail: str = ""
    power: float | None = None


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The outcome of checking one target; true where nothing was found.

    Attributes:
        target: name of what was checked.
        checks: one for each property, in the order they ran.
        findings: what is wrong, the most telling first.
        seed: the seed of every random choice, to see the same again.
        inputs: what it was checked on, one line for each input.
    """

    target: str
    checks: tuple[Check, ...] = ()
    findings: tuple[Finding, ...] = ()
    seed: int = 0
    inputs: tuple[str, ...] = field(default=())

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        from gradproof.report.plain import render

        return render(self)

    def to_dict(self) -> dict[str, Any]:
        """The verdict as plain dictionaries, lists, strings and numbers."""
        return {"ok": self.ok, **asdict(self)}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Verdict:
        """The inverse of ``to_dict``."""
        return cls(
            target=data["target"],
            checks=tuple(Check(**check) for check in data["checks"]),
            findings=tuple(Finding(**finding) for finding in data["findings"]),
            seed=data["seed"],
            inputs=tuple(data["inputs"]),
        )
