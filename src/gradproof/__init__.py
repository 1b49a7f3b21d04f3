"""Define a differentiable function once, derive its backward, prove the gradient right.

    import gradproof as gp

``gp.function``  a forward and one gradient rule for each input
``gp.derive``    the backward of a function, as source to read and to run
``gp.explain``   the same line by line, with the numbers in it
``gp.grad``      the gradients of a function of NumPy arrays
``gp.check``     whether a gradient is right, and what is wrong with it
``gp.examples``  the inputs that a target is checked on
"""

from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

from gradproof._errors import DefinitionError as DefinitionError
from gradproof._errors import DeriveError as DeriveError
from gradproof._errors import GradientError as GradientError
from gradproof._errors import GradproofError as GradproofError
from gradproof._errors import InputError as InputError
from gradproof._errors import NoInputsError as NoInputsError
from gradproof._errors import RuleError as RuleError
from gradproof._errors import TargetError as TargetError
from gradproof._function import Function as Function
from gradproof._function import function as function
from gradproof._namespace import namespace as namespace
from gradproof._save import save as save
from gradproof.check import check as check
from gradproof.check.verdict import Check as Check
from gradproof.check.verdict import Finding as Finding
from gradproof.check.verdict import Verdict as Verdict
from gradproof.derive import derive as derive
from gradproof.derive.grad import grad as grad
from gradproof.derive.grad import value_and_grad as value_and_grad
from gradproof.derive.rule import rule as rule
from gradproof.explain import explain as explain
from gradproof.targets.examples import examples as examples

if _TYPE_CHECKING:
    from gradproof.derive.derivation import Derivation as Derivation


def __getattr__(name: str) -> _Any:
    """``Derivation``, imported only now: its module imports NumPy."""
    if name == "Derivation":
        from gradproof.derive.derivation import Derivation

        return Derivation
    raise AttributeError(f"module 'gradproof' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), "Derivation"]
