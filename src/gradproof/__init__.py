"""Define a differentiable function once, and prove its gradient right.

    import gradproof as gp

``gp.function``  a forward and one gradient rule for each input
``gp.check``     whether a gradient is right, and what is wrong with it
``gp.examples``  the inputs that a target is checked on
"""

from gradproof._errors import DefinitionError as DefinitionError
from gradproof._errors import GradientError as GradientError
from gradproof._errors import GradproofError as GradproofError
from gradproof._errors import InputError as InputError
from gradproof._errors import NoInputsError as NoInputsError
from gradproof._errors import RuleError as RuleError
from gradproof._errors import TargetError as TargetError
from gradproof._examples import examples as examples
from gradproof._function import Function as Function
from gradproof._function import function as function
from gradproof._namespace import namespace as namespace
from gradproof._save import save as save
from gradproof.check import check as check
from gradproof.check.verdict import Check as Check
from gradproof.check.verdict import Finding as Finding
from gradproof.check.verdict import Verdict as Verdict
