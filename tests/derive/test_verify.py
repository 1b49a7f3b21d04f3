"""The verifier catches what a broken pass would make."""

import pytest

from gradproof.derive import ir
from gradproof.derive.verify import BrokenProgramError, verify

x = ir.input("x", (2, 3), "float64")


def test_a_right_program() -> None:
    y = ir.make("exp", x)
    verify([y], [y * x], [x])


def test_a_type_that_does_not_follow_from_the_operands() -> None:
    y = ir.make("exp", x)
    y.shape = (3, 2)
    with pytest.raises(BrokenProgramError, match="should be"):
        verify([y], [x], [x])


def test_a_gradient_that_does_not_fit_its_primal() -> None:
    y = ir.make("sum", x)
    with pytest.raises(BrokenProgramError, match="the gradient of x has shape"):
        verify([y], [y], [x])
