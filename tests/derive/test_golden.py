"""Source as it is written today, in files that people read.

A change of what is emitted is a diff of these files, which
``python -m tests.derive.test_golden`` writes anew.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from examples import seed

import gradproof as gp

FOLDER = Path(__file__).with_name("golden")
FORMS = {
    "numpy": ".numpy.py",
    "torch": ".torch.py",
    "torch-library": ".torch_library.py",
    "jax": ".jax.py",
    "latex": ".tex",
    "markdown": ".md",
}


def logistic(w, X, t):
    """The mean of log(1 + exp(-t · Xw))."""
    m = t * (X @ w)
    return np.mean(np.log(1 + np.exp(-m)))


def layer(x, W, b):
    """tanh(x·W + b)."""
    return np.tanh(x @ W + b)


def two_layers(x, W1, b1, W2, b2):
    """tanh(x·W₁ + b₁)·W₂ + b₂."""
    h = np.tanh(x @ W1 + b1)
    return h @ W2 + b2


def recurrence(x, W):
    """Three steps of h = tanh(h·W), and the mean square of the last."""
    h = x
    for _ in range(3):
        h = np.tanh(h @ W)
    return np.sum(h**2) / x.shape[0]


def shapes(*sizes: tuple[int, ...]) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.standard_normal(size) for size in sizes]


EXAMPLES = {
    "mul_add_sum": (seed.mul_add_sum, seed.three_arrays()),
    "linear": (seed.linear, seed.layer()),
    "logistic": (logistic, shapes((10,), (100, 10), (100,))),
    "layer": (layer, shapes((5, 3), (3, 4), (4,))),
    "two_layers": (two_layers, shapes((5, 3), (3, 4), (4,), (4, 2), (2,))),
    "recurrence": (recurrence, shapes((5, 3), (3, 3))),
}


def written() -> dict[str, str]:
    """The text of every file."""
    texts = {}
    for name, (function, inputs) in EXAMPLES.items():
        wrt = ("w",) if name == "logistic" else None
        derivation = gp.derive(function, *inputs, wrt=wrt)
        for form, ending in FORMS.items():
            texts[name + ending] = derivation.source(form)
    return texts


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    return written()


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("ending", FORMS.values())
def test_source_is_as_committed(texts: dict[str, str], name: str, ending: str) -> None:
    expected = (FOLDER / (name + ending)).read_text()
    assert texts[name + ending] == expected, (
        "what is emitted has changed: python -m tests.derive.test_golden writes the "
        "files anew, then read the diff"
    )


def test_no_file_is_left_over(texts: dict[str, str]) -> None:
    assert {path.name for path in FOLDER.iterdir()} == texts.keys()


def test_code_is_as_ruff_formats_it() -> None:
    command = [sys.executable, "-m", "ruff", "format", "--check", "--isolated"]
    files = [str(path) for path in FOLDER.glob("*.py")]
    result = subprocess.run(
        [*command, *files], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout


def _backward(text: str) -> list[str]:
    lines = text[text.index("# Backward.") :].splitlines()
    return [line for line in lines if " = " in line.split("#")[0]]


@pytest.mark.parametrize("name", ["logistic", "layer"])
def test_backward_has_at_most_four_statements(texts: dict[str, str], name: str) -> None:
    assert len(_backward(texts[f"{name}.numpy.py"])) <= 4


def test_linear_saves_input_and_weight_and_nothing_else() -> None:
    derivation = gp.derive(seed.linear, *seed.layer())
    assert [*derivation.saved] == ["input", "weight"]


if __name__ == "__main__":
    for filename, text in written().items():
        (FOLDER / filename).write_text(text)
