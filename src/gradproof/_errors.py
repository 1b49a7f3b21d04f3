"""Every exception that gradproof raises on purpose.

GradproofError
├── DefinitionError   a gp.function, a rule or an example is written wrongly
├── RuleError         a rule returned something that cannot be its gradient
├── DeriveError       a forward cannot be traced or differentiated; says the line
├── InputError        a call got inputs or settings that do not fit
├── TargetError       a target cannot be imported, called or checked
│   └── NoInputsError nothing says which inputs to check it on
└── GradientError     a check found something (``raise_exception=True``)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradproof.check.verdict import Verdict


class GradproofError(Exception):
    """Base of everything that gradproof raises on purpose."""


class DefinitionError(GradproofError, TypeError):
    """A ``gp.function``, one of its rules or an example is written wrongly."""


class RuleError(GradproofError, ValueError):
    """A rule returned something that cannot be the gradient of its input.

    Attributes:
        function: name of the function whose rule it is.
        input: name of the input that the gradient is for.
        problem: ``"missing"``, ``"shape"``, ``"dtype"``, ``"realness"``, ``"type"``,
            ``"written"`` or ``"transpose"``.
        gradient: what the rule returned.
    """

    def __init__(
        self,
        message: str,
        *,
        function: str = "",  # unpickling fills these in afterwards
        input: str = "",
        problem: str = "",
        gradient: Any = None,
    ):
        super().__init__(message)
        self.function = function
        self.input = input
        self.problem = problem
        self.gradient = gradient


class DeriveError(GradproofError, TypeError):
    """A forward does what cannot be derived; the text names the file and the line."""


class InputError(GradproofError, TypeError):
    """A call got inputs or settings that do not fit."""


class TargetError(GradproofError):
    """A target cannot be imported, called or checked."""


class NoInputsError(TargetError):
    """Nothing says which inputs to check a target on."""


class GradientError(GradproofError, AssertionError):
    """A check found something; the text is the verdict.

    Attributes:
        verdict: the whole verdict.
    """

    def __init__(self, verdict: Verdict):
        super().__init__(str(verdict))
        self.verdict = verdict
