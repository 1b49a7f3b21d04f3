"""After a finding: the smallest call that shows it, as lines that run by themselves."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import torch

import gradproof as gp
from gradproof.check import shrink
from tests.check.shrink import mistakes

ROOT = Path(__file__).parents[3]


def real(*shape: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def array(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape)


# name: (target, inputs, settings, what the example must contain)
FOUND: dict[str, tuple[Any, tuple[Any, ...], dict[str, Any], str]] = {
    "a Function": (mistakes.Mean, (real(5, 3), real(4, 3)), {}, "[[-0.2], [0.1]]"),
    "an engine that sums": (mistakes.Summed, (real(5, 4), real(4)), {}, "grad_fn"),
    "past a block": (mistakes.Blocked, (real(8),), {}, ", 33, dtype"),
    "in place": (mistakes.Writes, (real(4), 4), {}, "(x.clone(), factor)"),
    "laid out in memory": (mistakes.Flat, (real(4, 5),), {}, ".T.contiguous().T)"),
    "a list and a dict": (
        mistakes.nested,
        ([real(2), real(3)], {"factor": 2.0}),
        {},
        "{'factor': 2.0}",
    ),
    "a module": (mistakes.layer, (real(4, 2),), {}, "layer(x)"),
    "a gp.function on NumPy": (mistakes.square, (array(7),), {}, ".gradients("),
    "a gp.function on torch": (mistakes.square, (real(7),), {}, ".backward("),
    "a gp.function on JAX": (mistakes.square, (jnp.asarray(array(7)),), {}, "jax.vjp"),
    "a NumPy pair": (
        mistakes.products,
        (array(3, 2), array(3, 2)),
        {"backward": mistakes.exchanged},
        "(np.array([[-0.2]]), np.array([[0.1]]))",
    ),
    "a NumPy backward with names": (
        mistakes.first,
        (array(3), 2),
        {"backward": mistakes.rough},
        "gradients['x']",
    ),
    "complex in JAX": (
        mistakes.turned,
        (jnp.asarray(array(3) + 1j),),
        {},
        "dtype=jnp.complex128",
    ),
}


def example_of(verdict: gp.Verdict) -> str:
    examples = [f.example for f in verdict.findings if f.example]
    assert examples, str(verdict)
    return examples[0]


DRIVER = """
import contextlib, io, json, sys
def run(example):
    with contextlib.redirect_stdout(io.StringIO()) as said:
        try:
            exec(example, {})
        except Exception as error:
            return f"raised {type(error).__name__}: {error}"
    return said.getvalue().strip()
json.dump([run(one) for one in json.load(sys.stdin)], sys.stdout)
"""


def run(*examples: str, folder: Path = ROOT) -> list[str]:
    """What each prints in a process of their own, or that it raised."""
    done = subprocess.run(
        [sys.executable, "-c", DRIVER],
        input=json.dumps(examples),
        capture_output=True,
        text=True,
        cwd=folder,
        check=True,
    )
    return list(json.loads(done.stdout))


@pytest.fixture(scope="module")
def printed() -> dict[str, tuple[str, str]]:
    """For each target the example, and what it prints."""
    examples = {
        name: example_of(gp.check(target, *inputs, **settings))
        for name, (target, inputs, settings, _) in FOUND.items()
    }
    said = run(*examples.values())
    return {n: (e, s) for (n, e), s in zip(examples.items(), said, strict=True)}


def said(example: str, label: str) -> Any:
    found = re.search(rf"^# {label} +(.*(?:\n#  .*)*)", example, re.M)
    assert found, example
    return ast.literal_eval(found.group(1).replace("\n#", " "))


@pytest.mark.parametrize("name", FOUND)
def test_the_lines_run_by_themselves_and_show_a_wrong_gradient(
    name: str, printed
) -> None:
    example, shown = printed[name]
    assert FOUND[name][-1] in example
    assert max(map(len, example.splitlines())) <= 72
    if "grad_fn" in example:
        assert f"# gives     {shown}" in example
        assert "# should be torch.Size([1])" in example
        return
    gave, expected = (np.array(said(example, one)) for one in ("gives", "should be"))
    assert np.allclose(np.array(ast.literal_eval(shown)), gave, rtol=5e-3)
    assert not np.allclose(gave, expected, rtol=5e-3)


def test_a_gradient_that_is_not_finite_is_shown_at_its_values() -> None:
    (finding,) = gp.check(mistakes.Sinc, real(4, 5)).findings
    assert (
        finding.example
        == """\
import torch
from tests.check.shrink.mistakes import Sinc

x = torch.tensor([[0.0]], dtype=torch.float64, requires_grad=True)

output = Sinc.apply(x)
output.backward(torch.tensor([[-0.2]], dtype=torch.float64))
print(x.grad.tolist())
# gives     [[nan]]
# should be finite"""
    )
    assert run(finding.example) == ["[[nan]]"]


def test_the_lines_are_these() -> None:
    verdict = gp.check(mistakes.Mean, real(50, 30), real(40, 30))
    assert (
        example_of(verdict)
        == """\
import torch
from tests.check.shrink.mistakes import Mean

input = torch.tensor([[1.4], [0.1]], dtype=torch.float64,
    requires_grad=True)
weight = torch.tensor([[1.8]], dtype=torch.float64, requires_grad=True)

output = Mean.apply(input, weight)
output.backward(torch.tensor([[-0.2], [0.1]], dtype=torch.float64))
print(weight.grad.tolist())
# gives     [[-0.135]]
# should be [[-0.27]]"""
    )


def test_a_backward_that_raises_is_shown_to_raise() -> None:
    example = example_of(gp.check(mistakes.Refuses, real(5, 3), real(4, 3)))
    assert example.endswith("\n# raises RuntimeError")
    (shown,) = run(example)
    assert shown.startswith("raised RuntimeError: ")


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_of_two_mistakes_the_one_that_was_found_is_shown(seed) -> None:
    target = torch.tensor([0, 1, -100, 3, 2])
    verdict = gp.check(mistakes.Smoothed, real(5, 4), target, seed=seed)
    (finding,) = verdict.findings
    assert finding.error == pytest.approx(0.2, rel=0.1)
    example = example_of(verdict)
    gave, expected = (np.array(said(example, one)) for one in ("gives", "should be"))
    assert not np.allclose(gave, expected, rtol=0.02)
    (finding,) = gp.check(mistakes.Smoothed, real(5, 4), target, False).findings
    assert finding.error < 1e-6  # the other is shown where it is what was found
    assert finding.example is not None


def test_a_module_of_a_folder_says_which(tmp_path, monkeypatch) -> None:
    (tmp_path / "layers").mkdir()
    source = Path(mistakes.__file__).read_text()
    (tmp_path / "layers" / "of_mine.py").write_text(source)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path / "layers"))
    import of_mine

    example = example_of(gp.check(of_mine.square, array(4)))
    assert "from of_mine import square  # in layers\n" in example
    (shown,) = run(example, folder=tmp_path / "layers")
    assert ast.literal_eval(shown) == pytest.approx(said(example, "gives"))


def test_what_cannot_be_imported_is_named() -> None:
    def scaled(x):
        return 2 * x

    verdict = gp.check(scaled, array(4), backward=lambda grad_output, x: grad_output)
    example = example_of(verdict)
    assert "\n# target: what was checked\n" in example
    shown: list[Any] = []
    namespace = {"target": lambda grad_output, x: grad_output, "print": shown.append}
    exec(example, namespace)
    assert shown == [said(example, "gives")]


def test_a_right_target_is_not_shrunk(monkeypatch) -> None:
    def refuse(*_):
        raise AssertionError

    monkeypatch.setattr(shrink, "smallest", refuse)

    def doubled(x):
        return 2 * x

    assert gp.check(doubled, array(4), backward=lambda g, x: 2 * g).ok


def test_what_takes_a_history_has_no_example() -> None:
    kept: list[Any] = []

    def backward(grad_output, x):
        kept.append(x)
        return 2 * grad_output * kept[0]

    verdict = gp.check(lambda x: x * x, array(4), backward=backward)
    (finding,) = verdict.findings
    assert finding.diagnosis == "stateful"
    assert finding.example is None


def test_what_shows_at_the_given_sizes_only_is_shown_there() -> None:
    def cumulated(x):
        if x.shape != (3,):
            raise ValueError("three numbers")
        return x * x

    verdict = gp.check(cumulated, array(3), backward=lambda g, x: g * x)
    assert len(said(example_of(verdict), "gives")) == 3


def test_many_numbers_follow_a_formula() -> None:
    def fixed(x):
        if x.shape != (9, 9):
            raise ValueError("nine by nine")
        return x * x

    verdict = gp.check(fixed, array(9, 9), backward=lambda g, x: g * x)
    example = example_of(verdict)
    assert "x = np.linspace(" in example
    assert ", 81).reshape([9, 9])\n" in example
    assert said(example, "should be") == pytest.approx(
        2 * said(example, "gives"), rel=1e-2
    )
