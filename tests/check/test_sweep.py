"""A small sweep: no wrong gradient passes, at any size, and no right one fails."""

from __future__ import annotations

import pytest
import torch
from benchmarks.sweep import points
from benchmarks.sweep_cases import CASES

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
