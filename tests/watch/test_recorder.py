"""The recorder: what it keeps, and what it lets pass."""

import numpy as np
import pytest
import torch

import gradproof as gp
from gradproof.watch import file
from gradproof.watch.recorder import KINDS, Recorder


class Scale(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, factor=2.0, mode="a"):
        ctx.factor = factor
        return factor * x

    @staticmethod
    def backward(ctx, grad_output):
        return ctx.factor * grad_output, None, None


@gp.function
def square(x):
    return x * x


NAME = f"{__name__}:Scale"


def kept(recorder, name=NAME):
    return list(recorder.calls.get(name, {}).values())


def ones(*shape, **how):
    return torch.ones(shape, requires_grad=True, **how)


def test_each_kind_of_call_is_kept_once():
    recorder = Recorder()
    with recorder.recording():
        for size in (2, 3, 4):
            Scale.apply(ones(size, 3))
        Scale.apply(ones(3))
        Scale.apply(ones(3, dtype=torch.float64))
        for mode in "abcdefgh":
            Scale.apply(ones(3), 2.0, mode)
    assert len(kept(recorder)) == KINDS
    assert {call.arguments[0].ndim for call in kept(recorder)} == {1, 2}


def test_the_inputs_are_copies():
    recorder, x = Recorder(), ones(2, 2)
    with recorder.recording():
        Scale.apply(x)
    x.data.zero_()
    (call,) = kept(recorder)
    assert call.arguments[0].sum() == 4
    assert call.arguments[0].requires_grad and call.arguments[0].is_leaf


def test_a_call_that_wants_gradients_replaces_one_that_does_not():
    recorder = Recorder()
    with recorder.recording():
        Scale.apply(torch.ones(2, 2))
        Scale.apply(ones(2, 2))
    (call,) = kept(recorder)
    assert call.grads == 1


def test_a_gp_function_is_recorded_as_itself():
    recorder = Recorder()
    with recorder.recording():
        square(ones(3))
        square(np.ones(3))
    assert set(recorder.calls) == {f"{__name__}:square"}


def test_nothing_is_recorded_afterwards_nor_within_a_check():
    recorder = Recorder()
    before = torch.autograd.Function.__dict__["apply"]
    with recorder.recording():
        early = Scale.apply
        gp.check(Scale, ones(2, 3), select=["shape"])
    early(ones(3))
    assert not recorder.calls
    assert torch.autograd.Function.__dict__["apply"] is before


def test_only_what_is_asked_for_and_fits():
    recorder = Recorder(only=["elsewhere"])
    with recorder.recording():
        Scale.apply(ones(3))
    assert not recorder.calls
    recorder = Recorder(max_bytes=100)
    with recorder.recording():
        Scale.apply(ones(1000))
    assert not kept(recorder)
    assert recorder.too_large == {NAME: 4000}


@pytest.mark.parametrize(
    "value",
    [
        torch.randn(2, 3, dtype=torch.bfloat16, requires_grad=True),
        torch.randn(2, 3).t(),
        torch.tensor(1 + 2j),
        torch.zeros(0, 3),
        torch.tensor([True, False]),
        torch.Size((1, 2)),
        torch.float16,
        np.arange(6).reshape(2, 3),
        None,
        True,
        -3,
        float("inf"),
        1e-30,
        2j,
        "text",
        [1, (2.5, "a"), {"b": torch.ones(2)}],
    ],
)
def test_a_file_gives_back_what_it_was_given(tmp_path, value):
    call = file.Call(Scale, (value,), {"mode": "b"})
    path = tmp_path / "calls.npz"
    assert file.save(path, {NAME: [call]}) == []
    assert file.names(path) == [NAME]
    (loaded,) = file.load(path, NAME, Scale)
    assert repr(loaded) == repr(call)


def test_a_file_holds_no_objects(tmp_path):
    path = tmp_path / "calls.npz"
    call = file.Call(Scale, (ones(2), object()), {})
    assert file.save(path, {NAME: [call]}) == [NAME]
    assert b"pickle" not in path.read_bytes()
    assert file.names(path) == []
