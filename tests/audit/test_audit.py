"""What an audit finds by itself, and what it says where it cannot."""

import json
import subprocess
import sys

import pytest
import torch

from gradproof.audit.clues import clues, without_gradient
from gradproof.audit.judge import _signature
from gradproof.audit.search import search


class Base(torch.autograd.Function):
    @staticmethod
    def backward(ctx, grad_output):
        return grad_output


class Linear(Base):
    @staticmethod
    def forward(ctx, input, weight, bias=None):
        output = input @ weight.T
        return output if bias is None else output + bias


class Heads(Base):
    @staticmethod
    def forward(ctx, q, k, v):
        _batch, _heads, _time, _width = q.shape
        return torch.softmax(q @ k.transpose(-1, -2), -1) @ v


class Pick(Base):
    @staticmethod
    def forward(ctx, table, index):
        return table[index]


class Power(Base):
    @staticmethod
    def forward(ctx, x, exponent: float, mode):
        if mode not in ("sum", "product"):
            raise ValueError(mode)
        return torch.log(x) * exponent


class Strange(Base):
    @staticmethod
    def forward(ctx, x, solver):
        return solver.find(x)


FOUND = {
    Linear: "float64[5, 4], float64[7, 4], float64[7]",
    Heads: "float64[2, 6, 5, 4], float64[2, 6, 5, 4], float64[2, 6, 5, 4]",
    Pick: "float64[5, 4], int64[5]",
    Power: "float64[5, 4], 0.5, 'sum'",
}


@pytest.mark.parametrize("target", FOUND)
def test_the_most_general_inputs_are_found(target):
    accepted, _ = search(_signature(target))
    assert str(accepted[0]) == FOUND[target]


def test_logarithms_get_what_they_can_take():
    accepted, _ = search(_signature(Power))
    assert accepted[0].style == "unit"


def test_a_miss_says_what_came_nearest():
    accepted, nearest = search(_signature(Strange))
    assert not accepted
    assert "has no attribute 'find'" in nearest.error


def test_clues_come_from_the_source():
    def forward(ctx, x, index, axis, mode="a", flag=None):
        _a, _b, _c = x.shape
        if mode == "b" or flag:
            x = x.sum(dim=axis)
        return x.gather(0, index)

    x, index, axis, mode, flag = clues(forward, 1)
    assert (x.rank, x.is_tensor) == (3, True)
    assert index.is_index and axis.is_whole and flag.is_flag
    assert mode.texts == ["b"]


def test_an_input_without_gradient_is_not_held_against_the_backward():
    def backward(ctx, grad_output):
        if ctx.scale:
            return grad_output, None, 2 * grad_output
        return grad_output, None, None

    assert without_gradient(backward, 3) == {1}


PACKAGE = {
    "__init__.py": "",
    "__main__.py": "raise SystemExit('a script was run')\n",
    "broken.py": "import torch.autograd, not_installed\n",
    "plain.py": "raise RuntimeError('nothing here is worth importing')\n",
    "strange.py": """
import torch
class Strange(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, solver):
        return solver.find(x)
    @staticmethod
    def backward(ctx, grad_output):
        return grad_output, None
class Holder:
    class Nested(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, scale):
            ctx.scale = scale
            return x * scale
        @staticmethod
        def backward(ctx, grad_output):
            return grad_output * ctx.scale, None
""",
    "ops.py": """
import torch
@torch.library.custom_op("zero_config_test::triple", mutates_args=())
def triple(x: torch.Tensor) -> torch.Tensor:
    return 3 * x
triple.register_autograd(lambda ctx, grad_output: 2 * grad_output)
""",
}


def audit(folder, *arguments):
    process = subprocess.run(
        [sys.executable, "-m", "gradproof", "audit", "pack", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    return process


def test_a_package_is_audited_and_what_is_missing_is_said(tmp_path):
    (tmp_path / "pack").mkdir()
    for name, text in PACKAGE.items():
        (tmp_path / "pack" / name).write_text(text)
    targets = {
        each["target"]: each
        for each in json.loads(audit(tmp_path, "--output-format=json").stdout)[
            "targets"
        ]
    }
    assert set(targets) == {
        "pack.broken",
        "pack.strange:Strange",
        "pack.strange:Holder.Nested",
        "pack.ops:zero_config_test.triple",
    }
    assert "not_installed" in targets["pack.broken"]["error"]["message"]
    assert targets["pack.strange:Holder.Nested"]["ok"]
    triple = targets["pack.ops:zero_config_test.triple"]
    assert "scale" in {finding["diagnosis"] for finding in triple["findings"]}
    message = targets["pack.strange:Strange"]["error"]["message"]
    assert '[targets."pack.strange:Strange"] inputs = [[5, 4], ' in message
    (tmp_path / "pack" / "broken.py").unlink()
    (tmp_path / "inputs.toml").write_text(
        '[targets."pack.strange:Strange"]\ninputs = [[5, 4], [3]]\n'
        '[targets."pack.ops:*"]\nignore = ["gradient", "sizes"]\nreason = "meant"\n'
    )
    result = audit(tmp_path, "--inputs=inputs.toml")
    assert "coverage: 3 found, 3 called" in result.stdout
    assert "declared  pack.ops:*: without gradient, sizes (meant)" in result.stdout


def test_a_package_that_is_not_there(tmp_path):
    result = audit(tmp_path, "--output-format=concise")
    assert "there is no package pack to import" in result.stdout
    assert result.returncode == 2
