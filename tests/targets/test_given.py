"""Inputs as they are given at the prompt."""

import numpy as np
import pytest
import torch

from gradproof._errors import InputError
from gradproof.targets.given import Given, as_torch, made, parse_example, parse_option


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("x=3,4", Given(name="x", shape=(3, 4))),
        ("x=5", Given(name="x", shape=(5,))),
        ("x=5,", Given(name="x", shape=(5,))),
        ("x=()", Given(name="x")),
        ("x=0,2", Given(name="x", shape=(0, 2))),
        ("x=2.5", Given(name="x", number=2.5)),
        ("x=-1", Given(name="x", number=-1)),
        ("x=1e-3", Given(name="x", number=1e-3)),
        ("x=2.0:float32", Given(name="x", number=2.0, dtype="float32")),
        ("x=3:float32", Given(name="x", shape=(3,), dtype="float32")),
        (
            "x=3:torch.bfloat16",
            Given(name="x", shape=(3,), dtype="bfloat16", library="torch"),
        ),
        (
            "labels=5:int64:0..10",
            Given(name="labels", shape=(5,), dtype="int64", low=0, high=10),
        ),
        ("x=3:0.5..2", Given(name="x", shape=(3,), low=0.5, high=2)),
        ("x=3, 4", Given(name="x", shape=(3, 4))),
    ],
)
def test_an_example_is_read(text, given):
    assert parse_example(text) == given
    assert Given.from_dict(given.to_dict()) == given


@pytest.mark.parametrize(
    ("text", "option"),
    [
        ("axis=1", ("axis", 1)),
        ("axis=(0, 1)", ("axis", (0, 1))),
        ("keepdims=True", ("keepdims", True)),
        ("eps=1e-5", ("eps", 1e-5)),
        ("reduction=mean", ("reduction", "mean")),
        ("name=None", ("name", None)),
    ],
)
def test_an_option_is_read(text, option):
    assert parse_option(text) == option


def test_numbers_are_standard_normal_and_another_for_each_name():
    x, y = (made(Given(name=name, shape=(1000,)), seed=0) for name in "xy")
    assert x.dtype == np.float64
    assert abs(x.mean()) < 0.1 and abs(x.std() - 1) < 0.1
    assert not np.array_equal(x, y)
    np.testing.assert_array_equal(x, made(Given(name="x", shape=(1000,)), seed=0))


@pytest.mark.parametrize(
    ("text", "dtype", "low", "high"),
    [
        ("x=100:int64", "int64", 0, 1),
        ("x=100:int32:2..5", "int32", 2, 4),
        ("x=100:0.5..2", "float64", 0.5, 2),
        ("x=100:bool", "bool", 0, 1),
        ("x=100:float32", "float32", -6, 6),
    ],
)
def test_numbers_lie_where_they_should(text, dtype, low, high):
    array = made(parse_example(text), seed=0)
    assert array.dtype == dtype
    assert low <= array.min() and array.max() <= high
    assert len(set(array.tolist())) > 1


def test_complex_numbers_have_both_parts():
    array = made(parse_example("z=5:complex64"), seed=0)
    assert array.dtype == np.complex64
    assert np.all(array.imag != 0)


def test_a_number_is_an_array_without_axes():
    array = made(parse_example("x=2.5"), seed=0)
    assert (array.shape, float(array)) == ((), 2.5)


def test_a_tensor_has_its_dtype():
    array = made(parse_example("x=3:torch.bfloat16"), seed=0)
    assert as_torch(array, "bfloat16").dtype == torch.bfloat16


def test_a_dtype_that_there_is_not():
    with pytest.raises(InputError, match="'float99' is neither a dtype"):
        parse_example("x=3:float99")
