"""gp.namespace is the library of the arrays, under the array API's names."""

from __future__ import annotations

import array_api_strict
import numpy as np
import pytest
import torch

import gradproof as gp
from tests.libraries import CONVERT


@gp.function
def norm(x, *, axis=-1):
    """A forward that uses the array API and nothing else."""
    xp = gp.namespace(x, axis, None, 1.0)
    return xp.sqrt(xp.sum(x * x, axis=axis))


@pytest.mark.parametrize("library", CONVERT)
def test_one_forward_runs_on_every_library(library) -> None:
    x = np.array([[3.0, 4.0], [5.0, 12.0]], np.float32)
    output = norm(CONVERT[library](x))
    assert type(output) is type(CONVERT[library](x))
    assert np.allclose(np.asarray(output), [5, 13])


def test_a_forward_runs_on_any_library_of_the_standard() -> None:
    output = norm(array_api_strict.asarray([3.0, 4.0]))
    assert float(output) == 5


def test_numbers_and_none_are_passed_over() -> None:
    assert gp.namespace(2.0, None, torch.ones(2)).__name__.endswith("torch")


def test_arrays_of_two_libraries_are_refused() -> None:
    with pytest.raises(TypeError, match="Multiple namespaces"):
        gp.namespace(np.ones(2), torch.ones(2))


def test_without_an_array_there_is_no_library() -> None:
    with pytest.raises(TypeError):
        gp.namespace(2.0)
