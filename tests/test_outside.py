"""What code reads from outside, found without running it."""

from __future__ import annotations

import functools
import types

import numpy as np

from gradproof._outside import read_from_outside
from gradproof._watched import watched

number = 2.0
settings = types.SimpleNamespace(rate=0.5, inner=types.SimpleNamespace(names=["a"]))


class Model:
    scale = 3.0

    def __init__(self):
        self.weight = np.ones(200)
        self.calls = 0

    @property
    def costly(self):
        self.calls += 1
        return 1.0

    @functools.cached_property
    def once(self):
        self.calls += 1
        return 1.0

    def loss(self, x):
        return x * self.scale * self.weight * self.costly * self.once

    def __call__(self, x):
        return self.loss(x)


def test_globals_closures_and_attributes_are_found_by_name() -> None:
    inside = 4.0

    def f(x):
        return [
            x * number * inside * settings.rate + len(y) for y in settings.inner.names
        ]

    found = dict(read_from_outside(f))
    assert found["number"] == 2.0
    assert found["inside"] == 4.0
    assert found["settings.rate"] == 0.5
    assert found["settings.inner.names"] == ["a"]
    assert "len" not in found


def test_attributes_of_a_method_s_object_are_found_and_properties_not_run() -> None:
    model = Model()
    for function in (model.loss, model):
        found = dict(read_from_outside(function))
        assert found["self.scale"] == 3.0
        assert "self.costly" not in found
        assert "self.once" not in found
    assert model.calls == 0


def called(x):
    return x * number


def calls(x):
    return called(x) + np.exp(x)


def test_functions_of_the_same_package_are_gone_into() -> None:
    found = dict(read_from_outside(calls))
    assert found["number"] == 2.0
    assert found["np.exp"] is np.exp


def test_a_key_changes_with_what_is_read(monkeypatch) -> None:
    model = Model()
    keys = [watched(calls), watched(model.loss)]
    seen = [[key()] for key in keys]
    monkeypatch.setitem(globals(), "number", 3.0)
    model.weight[7] = 5.0
    for key, before in zip(keys, seen, strict=True):
        assert key() not in before
        before.append(key())
    model.scale = 4.0
    assert keys[1]() not in seen[1]
    assert keys[0]() == seen[0][1]


def test_a_name_that_is_not_there_yet_is_watched() -> None:
    def f(x):
        return x * not_yet  # noqa: F821

    key = watched(f)
    before = key()
    globals()["not_yet"] = 1.0
    try:
        assert key() != before
    finally:
        del globals()["not_yet"]


class Schedule:
    rate = 2.0

    @property
    def half(self):
        return self.rate / 2

    def scaled(self, by):
        return by * self.rate

    def __getitem__(self, name):
        return getattr(self, name)


schedule, tables = Schedule(), {"nested": [{"k": 1.0}]}


def test_what_a_property_a_method_or_a_container_gives_is_watched(monkeypatch) -> None:
    keys = [
        watched(lambda x: x * schedule.half),
        watched(lambda x: x * schedule.scaled(2)),
        watched(lambda x: x * schedule["rate"]),
        watched(lambda x: x * tables["nested"][0]["k"]),
    ]
    before = [key() for key in keys]
    assert [key() for key in keys] == before
    monkeypatch.setattr(schedule, "rate", 3.0)
    monkeypatch.setitem(tables["nested"][0], "k", 2.0)
    assert all(key() != old for key, old in zip(keys, before, strict=True))


def test_the_attributes_that_are_read_are_watched_and_not_the_others() -> None:
    config = types.SimpleNamespace(rate=1.0, step=0)
    key = watched(lambda x: x * config.rate)
    before = key()
    config.step += 1
    assert key() == before
    config.rate = 2.0
    assert key() != before


def test_functions_of_libraries_are_not_watched() -> None:
    """A call of ``gp.grad`` costs more where something is."""
    assert watched(lambda x: np.sum(np.exp(x)) + np.linalg.norm(x)) is tuple
