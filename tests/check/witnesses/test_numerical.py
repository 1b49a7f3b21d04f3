"""The numerical witness knows how wrong it may be."""

from __future__ import annotations

import numpy as np
import pytest

import gradproof as gp
from gradproof.check.witnesses.numerical import directional

# name: (function, its derivative, where)
SMOOTH = {
    "sin": (np.sin, np.cos, 1.0),
    "exp": (np.exp, np.exp, 1.0),
    "cube": (lambda x: x**3, lambda x: 3 * x**2, 1.0),
    "log near zero": (np.log, lambda x: 1 / x, 1e-5),
    "sqrt near zero": (np.sqrt, lambda x: 0.5 / np.sqrt(x), 1e-7),
    "fast sine": (lambda x: np.sin(1000 * x), lambda x: 1000 * np.cos(1000 * x), 1.0),
    "square on a large offset": (lambda x: x**2 + 1e8, lambda x: 2 * x, 1.0),
    "tiny square": (lambda x: 1e-6 * x**2, lambda x: 2e-6 * x, 1.0),
    "solver noise": (
        lambda x: np.round(np.sin(x), 6),
        np.cos,
        1.0,
    ),
}


def estimate(function, x, seed):
    rng = np.random.default_rng(seed)
    direction = rng.standard_normal(x.shape) * (np.sqrt(np.mean(x**2)) or 1.0)
    cotangent = rng.standard_normal(x.shape)

    def forward(primals):
        return (function(primals[0]),)

    with np.errstate(all="ignore"):
        found = directional(forward, [x], [direction], [cotangent], epsilon=2.2e-16)
    return found, direction, cotangent


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("size", [1, 16, 4096])
def test_the_error_it_states_covers_the_error_it_makes(name: str, size: int) -> None:
    if name == "solver noise" and size == 1:
        pytest.skip("one rounded number agrees with itself by accident: see below")
    function, derivative, scale = SMOOTH[name]
    for seed in range(10):
        rng = np.random.default_rng(seed + 100)
        x = scale * (0.5 + rng.random(size))
        found, direction, cotangent = estimate(function, x, seed)
        true = float(np.sum(cotangent * derivative(x) * direction))
        covered = abs(found.value - true) <= 8 * found.error + 1e-15 * abs(true)
        assert covered
        assert not found.kinked


def test_a_check_is_not_fooled_by_one_rounded_number() -> None:
    """What one trial takes for an exact slope, fresh trials do not confirm."""

    def rounded(x):
        return np.round(np.sin(x), 6)

    def backward(g, x):
        return g * np.cos(x)

    for seed in range(30):
        x = 0.5 + np.random.default_rng(seed).random(1)
        assert gp.check(rounded, x, backward=backward, seed=seed).ok


@pytest.mark.parametrize("name", ["sin", "exp", "cube", "sqrt near zero"])
def test_on_smooth_functions_the_error_is_small(name: str) -> None:
    function, _, scale = SMOOTH[name]
    x = scale * (0.5 + np.random.default_rng(0).random(100))
    found, direction, cotangent = estimate(function, x, 1)
    size = np.linalg.norm(cotangent * direction * SMOOTH[name][1](x))
    assert found.error < 1e-9 * size


def test_a_kink_is_recognised_by_its_two_sides() -> None:
    found, _, _ = estimate(np.abs, np.array([0.0]), 0)
    assert found.kinked
    near, _, _ = estimate(np.abs, np.array([1.0, -2.0]), 0)
    assert not near.kinked


def test_a_step_has_the_derivative_zero_and_a_jump_none() -> None:
    flat, _, _ = estimate(np.floor, np.array([0.5, 1.5, -2.4]), 0)
    assert abs(flat.value) <= flat.error
    jump, _, _ = estimate(np.floor, np.array([1.0]), 0)
    assert jump.kinked or jump.error > abs(jump.value) / 2


def test_what_is_defined_nowhere_around_has_an_infinite_error() -> None:
    found, _, _ = estimate(lambda x: np.full_like(x, np.nan), np.ones(3), 0)
    assert found.error == np.inf


def test_the_number_of_calls_does_not_depend_on_the_number_of_elements() -> None:
    counts = []
    for size in (10, 100_000):
        calls = 0

        def sine(x):
            nonlocal calls
            calls += 1
            return np.sin(x)

        estimate(sine, np.linspace(1, 2, size), 0)
        counts.append(calls)
    assert counts[0] == counts[1] <= 15
