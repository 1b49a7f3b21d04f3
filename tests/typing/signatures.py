"""What a type checker must see in a gp.function; read by test_typing.py, never run."""

from typing import assert_type

import numpy as np
from numpy.typing import NDArray

import gradproof as gp

Array = NDArray[np.float64]


@gp.function
def scale(x: Array, y: Array, *, factor: float = 2.0) -> Array:
    return x * y * factor


@scale.gradient("x")
def scale_x(grad_output: Array, y: Array, factor: float) -> Array:
    return grad_output * y * factor


@scale.gradient("y", once=True)
def scale_y(grad_output: Array, x: Array, factor: float) -> Array:
    return grad_output * x * factor


a: Array = np.ones(3)
assert_type(scale(a, a), Array)
assert_type(scale(a, y=a, factor=3.0), Array)
assert_type(scale_x(a, a, 2.0), Array)  # a rule stays what it was

scale(a)  # error: y is missing
scale(a, a, 2.0)  # error: factor is keyword-only
scale(a, a, factor="2")  # error: factor is a number
scale(a, a, axis=0)  # error: there is no axis
scale.gradient(1)  # error: an input has a name
