"""An explanation as text: all of it at 80 columns, the numbers short."""

import io
import math
import re

import numpy as np
import pytest

import gradproof as gp
from gradproof.report import explain
from gradproof.report._numbers import short

X = np.array([[1.0, 2.0, 3.0, 4.0], [0.5, -1.0, 2.0, -2.0], [5.0, 6.0, -7.0, 8.5]])


def mul_add_sum(x, y, z):
    """The sum of x * y + z."""
    a = x * y
    b = a + z
    c = np.sum(b)
    return c


def test_the_table_of_the_seed():
    text = str(gp.explain(mul_add_sum, X, X + 1, 2 * X))
    assert (
        text
        == """\
mul_add_sum(x, y, z) → c
The sum of x * y + z.

forward                       shape   value
  x                           [3, 4]  -7 … 8.5
  y                           [3, 4]  -6 … 9.5
  z                           [3, 4]  -14 … 17
  a = x * y                   [3, 4]  0 … 80.75
  b = a + z                   [3, 4]  -2 … 97.75
  c = np.sum(b)               []      287.5

backward, last line first     shape   gradient
  grad_c = 1                  []      1
  c = np.sum(b)
    · d Σx = Σdx: every element gets the gradient of its sum
    grad_b = np.ones_like(b)  [3, 4]  1 everywhere
  b = a + z
    · d(x + y) = dx + dy
    grad_z = grad_b           [3, 4]  1 everywhere
    grad_a = grad_b           [3, 4]  1 everywhere
  a = x * y
    · d(x·y) = y·dx + x·dy
    grad_x = grad_b * y       [3, 4]  -6 … 9.5
    grad_y = grad_b * x       [3, 4]  -7 … 8.5"""
    )


def softmax_loss(scores, weights):
    p = np.exp(scores - np.max(scores, axis=-1, keepdims=True))
    p = p / np.sum(p, axis=-1, keepdims=True)
    return -np.sum(weights * np.log(p + 1e-12)) / scores.shape[0]


def test_long_lines_are_wrapped_and_their_numbers_below():
    text = str(gp.explain(softmax_loss, X, X))
    assert max(map(len, text.splitlines())) <= 80
    assert not any(line != line.rstrip() for line in text.splitlines())


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1.23456, "1.235"),
        (-0.0, "0"),
        (3, "3"),
        (True, "True"),
        (1e-9, "1e-09"),
        (1 + 2j, "1+2j"),
        ([1.0, 2.5], "[1, 2.5]"),
        ([[1.0], [2.0]], "[[1], [2]]"),
        ([1.0] * 3, "[1, 1, 1]"),
        ([1.0] * 4, "1 everywhere"),
        ([math.pi * n for n in range(9)], "0 … 25.13"),
        ([math.nan, *map(float, range(9))], "0 … 8, 1 nan"),
        ([math.nan] * 9, "nan everywhere"),
        ([True, False] * 4, "4 of 8 True"),
        ([1j * n for n in range(9)], "|·| 0 … 8"),
        ([], "no elements"),
        ([[], []], "no elements"),
    ],
)
def test_numbers_are_short(value, shown):
    assert short(value, room=20) == shown


class Terminal(io.StringIO):
    def isatty(self):
        return True


def rendered(stream, monkeypatch, columns=60):
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    explain.render(gp.explain(softmax_loss, X, X), stream)
    return stream.getvalue()


def test_in_a_pipe_it_is_the_plain_text(monkeypatch):
    expected = str(gp.explain(softmax_loss, X, X))
    assert rendered(io.StringIO(), monkeypatch) == expected + "\n"


def test_on_a_terminal_it_is_in_colour_and_as_wide(monkeypatch):
    text = rendered(Terminal(), monkeypatch)
    assert "\x1b[" in text
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert max(map(len, plain.splitlines())) <= 60
