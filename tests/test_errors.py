"""One tree of exceptions, whose drawing is true; all of them survive a process."""

from __future__ import annotations

import pickle
import re

import pytest

import gradproof as gp
from gradproof import _errors

ALL = [
    error
    for error in vars(_errors).values()
    if isinstance(error, type) and issubclass(error, gp.GradproofError)
]
BUILTIN = {
    gp.DefinitionError: TypeError,
    gp.RuleError: ValueError,
    gp.InputError: TypeError,
    gp.GradientError: AssertionError,
}


def test_the_drawing_in_the_docstring_is_the_tree() -> None:
    drawn = dict.fromkeys(re.findall(r"\b[A-Z][a-z]\w*Error\b", _errors.__doc__))
    assert sorted(drawn) == sorted(error.__name__ for error in ALL)
    for line in _errors.__doc__.splitlines():
        if name := re.match(r"[├└]── (\w+)", line):
            assert getattr(gp, name[1]).__bases__[0] is gp.GradproofError
        if name := re.match(r"│   └── (\w+)", line):
            assert getattr(gp, name[1]).__bases__ == (gp.TargetError,)


@pytest.mark.parametrize(("error", "builtin"), BUILTIN.items())
def test_it_can_be_caught_as_the_builtin_that_it_is(error, builtin) -> None:
    assert issubclass(error, builtin)


def test_a_rule_error_goes_through_a_process_boundary_with_what_it_knows() -> None:
    error = gp.RuleError(
        "f: wrong", function="f", input="x", problem="shape", gradient=[1.0]
    )
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again)) == (gp.RuleError, "f: wrong")
    assert vars(again) == {
        "function": "f",
        "input": "x",
        "problem": "shape",
        "gradient": [1.0],
    }


def test_a_gradient_error_says_its_verdict_and_keeps_it() -> None:
    error = pickle.loads(pickle.dumps(gp.GradientError("what was found")))
    assert (str(error), error.verdict) == ("what was found", "what was found")
