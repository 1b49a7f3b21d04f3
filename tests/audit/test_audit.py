"""What an audit finds by itself, and what it says where it cannot."""

import json
import re
import subprocess
import sys

import pytest
import torch

from gradproof._errors import InputError
from gradproof.audit.candidates import Array
from gradproof.audit.clues import Clue, clues
from gradproof.audit.judge import _by_search, _declared_input, _signature
from gradproof.audit.missing import no_inputs
from gradproof.audit.search import Attempt, Signature, search
from gradproof.audit.source import without_gradient
from gradproof.targets import declare


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


class Gated(Base):
    @staticmethod
    def forward(ctx, a, b):
        return torch.nn.functional.silu(a) * b


class BatchNorm(Base):
    @staticmethod
    def forward(
        ctx, x, weight, bias, running_mean, running_var, training, momentum, eps
    ):
        mean, var = x.mean(0), x.var(0, unbiased=False)
        if training:
            running_mean.mul_(1 - momentum).add_(mean.detach(), alpha=momentum)
            running_var.mul_(1 - momentum).add_(var.detach(), alpha=momentum)
        else:
            mean, var = running_mean, running_var
        return (x - mean) * (var + eps).rsqrt() * weight + bias


class Embed(Base):
    @staticmethod
    def forward(ctx, table, ids, padding_idx):
        return table[ids] * (ids != padding_idx).unsqueeze(-1)


class Rows(Base):
    @staticmethod
    def forward(ctx, x, row_idx):
        return x[row_idx].exp()


class Scaled(Base):
    @staticmethod
    def forward(ctx, x, weight1, weight2):
        return x * weight1 * weight2


class Strange(Base):
    @staticmethod
    def forward(ctx, x, solver):
        return solver.find(x)


FOUND = {
    Linear: "float64[5, 4], float64[7, 4], float64[7]",
    Heads: "float64[2, 6, 5, 4], float64[2, 6, 5, 4], float64[2, 6, 5, 4]",
    Pick: "float64[5, 4], int64[5]",
    Power: "float64[5, 4], 0.5, 'sum'",
    BatchNorm: "float64[5, 4], float64[4], float64[4], float64[4], float64[4], "
    "False, 0.5, 1e-05",
    Embed: "float64[5, 4], int64[5], 0",
    Rows: "float64[5, 4], int64[5]",
    Scaled: "float64[5, 4], float64[4], float64[4]",  # not [6] spread to [7, 6]
    Gated: "float64[5, 4], float64[5, 4]",  # after an a, b is no bias
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


def test_a_number_that_may_be_a_tensor_is_tried_as_one_too():
    class Scale(Base):
        @staticmethod
        def forward(ctx, x, alpha=1.5, beta=2.0):
            if not isinstance(alpha, torch.Tensor):
                alpha = torch.tensor(alpha, dtype=x.dtype)
            ctx.save_for_backward(x, alpha)
            return x * alpha * beta

        @staticmethod
        def backward(ctx, grad_output):
            x, alpha = ctx.saved_tensors
            given = ctx.needs_input_grad[1]
            grad_alpha = (grad_output * x).sum() if given else None
            return grad_output * alpha * 2, grad_alpha, None

    said = _by_search(Scale, "module:Scale", {"select": ["gradient"]})
    assert [finding.input for finding in said.findings] == ["alpha"]


def test_an_input_without_gradient_is_not_held_against_the_backward():
    def backward(ctx, grad_output):
        if ctx.scale:
            return grad_output, None, 2 * grad_output
        return grad_output, None, None

    assert without_gradient(backward, 3) == {1}
    assert without_gradient(backward, 2) == {1}  # torch takes more Nones than inputs


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
    "test_ops.py": "raise RuntimeError('torch.autograd is tested here')\n",
    "base.py": """
import torch
class Base(torch.autograd.Function):
    @classmethod
    def forward(cls, ctx, x):
        return cls.value(x)
    @classmethod
    def backward(cls, ctx, grad_output):
        return grad_output
class Identity(Base):
    @classmethod
    def value(cls, x):
        return x.clone()
""",
    "ops.py": """
import torch
@torch.library.custom_op("zero_config_test::triple", mutates_args=())
def triple(x: torch.Tensor) -> torch.Tensor:
    return 3 * x
triple.register_autograd(lambda ctx, grad_output: 2 * grad_output)
""",
}


GIVEN = """
import torch
class Solver:
    def find(self, x):
        return x.clone()
def strange():
    return torch.randn(5, 4), Solver()
"""


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
        "pack.base:Identity",
        "pack.strange:Strange",
        "pack.strange:Holder.Nested",
        "pack.ops:zero_config_test.triple",
    }
    assert "not_installed" in targets["pack.broken"]["error"]["message"]
    assert targets["pack.strange:Holder.Nested"]["ok"]
    triple = targets["pack.ops:zero_config_test.triple"]
    assert "scale" in {finding["diagnosis"] for finding in triple["findings"]}
    message = targets["pack.strange:Strange"]["error"]["message"]
    assert message.splitlines()[1:] == [
        '[targets."pack.strange:Strange"]',
        "inputs = [",
        "  [5, 4],  # x",
        "  [5, 4],  # solver",
        ']  # or "module:function", which returns them',
    ]
    (tmp_path / "pack" / "broken.py").unlink()
    (tmp_path / "given.py").write_text(GIVEN)
    (tmp_path / "inputs.toml").write_text(
        '[targets."pack.strange:Strange"]\ninputs = "given:strange"\n'
        '[targets."pack.ops:*"]\nignore = ["gradient", "sizes"]\nreason = "meant"\n'
    )
    result = audit(tmp_path, "--inputs=inputs.toml")
    assert "coverage: 4 found, 4 called, 4 checked" in result.stdout
    assert "declared  pack.ops:*: without gradient, sizes (meant)" in result.stdout


def test_a_file_is_for_another_command(tmp_path):
    run = audit(tmp_path, "layers.py")
    assert "layers.py is a file: it is for gradproof check" in run.stdout
    assert run.returncode == 2


def test_a_package_that_is_not_there(tmp_path):
    result = audit(tmp_path, "--output-format=concise")
    assert "there is no package pack to import" in result.stdout
    assert result.returncode == 2


def test_what_is_printed_for_a_target_without_inputs_can_be_pasted(tmp_path):
    arguments = (Array((5, 4)), Array((5,), "int64", 4), Array((5,), "bool"), None)
    plain = (True, 3, float("inf"), 1e-05, "sum")
    parameters = [Clue(name) for name in "abcdefghi"]
    miss = Attempt((*arguments, *plain), "normal", 0)
    said = no_inputs("pack.strange:Strange", Signature(abs, parameters), miss)
    pasted = said.partition("\n")[2]
    file = tmp_path / "inputs.toml"
    file.write_text(pasted)
    (declared,) = declare.read_inputs_file(file)
    assert tuple(map(_declared_input, declared.inputs)) == miss.arguments


def test_a_function_is_asked_for_where_a_file_cannot_hold_an_input():
    miss = Attempt((Array((5, 4)), (2, 2)), "normal", 0)
    said = no_inputs("pack:Pool", Signature(abs, [Clue("x"), Clue("size")]), miss)
    assert said.splitlines()[-1].startswith('inputs = "module:function"')


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("inputs = 3", "inputs must be a list or module:function, not 3"),
        ('rtol = "large"', "rtol must be a number, not 'large'"),
        ("ignore = [1]", "ignore must be a list, not [1]"),
        ("inputs = [{ dtype = 'int64' }]", "an input has the keys shape, dtype"),
        ("input = [[5, 4]]", "has an unknown key 'input'"),
    ],
)
def test_a_wrong_declaration_says_what_is_wrong(tmp_path, table, message):
    file = tmp_path / "inputs.toml"
    file.write_text(f'[targets."pack:Loss"]\n{table}\n')
    with pytest.raises(InputError, match=re.escape(message)):
        declare.read_inputs_file(file)


def test_a_tolerance_is_declared(tmp_path):
    file = tmp_path / "inputs.toml"
    file.write_text('[targets."pack:Solve"]\nrtol = 1e-6\nreason = "adaptive"\n')
    said = declare.read_inputs_file(file)
    assert declare.settings("pack:Solve", said, {})["rtol"] == 1e-6
    assert declare.said_of(["pack:Solve"], said) == [
        "pack:Solve: rtol 1e-06 (adaptive)"
    ]
