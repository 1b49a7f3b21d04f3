"""A small sweep: no wrong gradient passes, at any size, and no right one fails."""

from __future__ import annotations

import pytest
import torch
from benchmarks.sweep import points
from benchmarks.sweep_cases import CASES, hard_cases

import gradproof as gp

SIZES = (16, 256, 4096)
MISTAKES = [(case, mistake) for case in CASES for mistake in case.wrong]


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_there_are_nineteen_mistakes():
    assert len(MISTAKES) == 19


@pytest.mark.parametrize(
    ("case", "mistake"), MISTAKES, ids=[f"{c.name}, {m}" for c, m in MISTAKES]
)
def test_no_wrong_gradient_is_accepted(case, mistake):
    function = case.function(mistake)
    for x in points(case, SIZES, [0]):
        assert not gp.check(function, x, select=["gradient"]).ok


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_no_right_gradient_is_refused(case):
    function = case.function()
    for x in points(case, SIZES, [0]):
        verdict = gp.check(function, x)
        assert verdict.ok, str(verdict)


@pytest.mark.parametrize("case", hard_cases(), ids=lambda case: case.name)
def test_no_right_function_is_refused_that_is_hard_to_check(case):
    verdict = gp.check(case.function, *case.inputs)
    assert verdict.ok, str(verdict)


@pytest.mark.parametrize("factor", [1.0, 1.001])
def test_a_jvp_is_judged_where_squares_leave_the_range(factor):
    class Exp(torch.autograd.Function):
        @staticmethod
        def forward(x):
            return torch.exp(x)

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(output)
            ctx.save_for_forward(output)

        @staticmethod
        def backward(ctx, grad_output):
            return grad_output * ctx.saved_tensors[0]

        @staticmethod
        def jvp(ctx, tangent):
            return factor * tangent * ctx.saved_tensors[0]

    x = torch.tensor([600.0, 601.0, 602.0], dtype=torch.float64)
    verdict = gp.check(Exp, x, select=["forward-mode"])
    assert verdict.ok == (factor == 1), str(verdict)
    (tried,) = (one for one in verdict.checks if one.property == "forward-mode")
    assert tried.status == ("passed" if factor == 1 else "failed")
