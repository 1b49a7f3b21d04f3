"""The verdict is the same on every executor, and without one."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor

import pytest
import torch

import gradproof as gp

X = torch.randn(3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


class Right(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.sin()

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return grad_output * x.cos()


class Wrong(Right):
    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return grad_output * x.cos().abs()


class Crashing(Right):
    @staticmethod
    def backward(ctx, grad_output):
        raise RuntimeError("no such kernel")


TARGETS = (Right, Wrong, Crashing)


def verdicts(executor: Executor | None) -> list[gp.Verdict]:
    return [gp.check(target, X, executor=executor) for target in TARGETS]


@pytest.fixture(scope="module")
def serial() -> list[gp.Verdict]:
    right, wrong, crashing = verdicts(None)
    assert right.ok
    assert not wrong.ok
    assert [one.diagnosis for one in crashing.findings] == ["crash"]
    return [right, wrong, crashing]


def test_threads(serial):
    with ThreadPoolExecutor(3) as executor:
        assert verdicts(executor) == serial


def test_loky(serial):
    loky = pytest.importorskip("loky")
    executor = loky.ProcessPoolExecutor(max_workers=1)
    try:
        assert verdicts(executor) == serial
    finally:
        executor.shutdown(wait=True, kill_workers=True)


def test_dask(serial):
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=1,
            threads_per_worker=2,
            processes=False,
            dashboard_address=None,
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        assert verdicts(client.get_executor()) == serial


class Backwards(Executor):
    """Runs what it was given only when asked, the last first."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Future, object, tuple]] = []

    def submit(self, part, /, *given):
        pool = self

        class Late(Future):
            def result(self, timeout=None):
                pool.run()
                return super().result(timeout)

        call = Late()
        self.waiting.append((call, part, given))
        return call

    def run(self) -> None:
        while self.waiting:
            call, part, given = self.waiting.pop()
            call.set_result(part(*given))


def test_the_order_does_not_matter(serial):
    assert verdicts(Backwards()) == serial


def test_several_examples_run_side_by_side():
    @gp.examples(X)
    @gp.examples(torch.ones(2, dtype=torch.float64))
    def twice(x):
        return 2 * x

    with ThreadPoolExecutor(2) as executor:
        assert gp.check(twice, executor=executor) == gp.check(twice)


def test_a_target_that_draws_random_numbers_is_the_same_everywhere():
    def noisy(x):
        return x * torch.rand_like(x)

    with ThreadPoolExecutor(3) as executor:
        assert gp.check(noisy, X, executor=executor) == gp.check(noisy, X)


def test_what_cannot_be_pickled_is_named():
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as executor:
        with pytest.raises(gp.InputError, match="Local: the target cannot be sent"):
            gp.check(local(), X, executor=executor)
        with pytest.raises(gp.InputError, match="Right: reference= cannot be sent"):
            gp.check(Right, X, reference=lambda x: x.sin(), executor=executor)


def local():
    class Local(Right):
        pass

    return Local


def test_a_process_that_ends_is_said():
    context = multiprocessing.get_context("spawn")
    with (
        ProcessPoolExecutor(1, mp_context=context) as executor,
        pytest.raises(gp.TargetError, match="Leaving: a process of the executor ended"),
    ):
        gp.check(Leaving, X, executor=executor)


class Leaving(Right):
    @staticmethod
    def forward(ctx, x):
        os._exit(1)


def test_a_bug_of_the_targets_own_is_not_called_a_pickling_problem():
    with (
        ThreadPoolExecutor(1) as executor,
        pytest.raises(gp.TargetError, match="forward raised TypeError: no"),
    ):
        gp.check(Refusing, X, executor=executor)


class Refusing(Right):
    @staticmethod
    def forward(ctx, x):
        raise TypeError("no")
