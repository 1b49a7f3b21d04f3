"""What watching costs a training loop of small layers, once its calls are known."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise

import torch

from gradproof.watch.recorder import Recorder

STEPS, ROUNDS = 200, 30


class Linear(torch.autograd.Function):
    """``input · weightᵀ + bias``."""

    @staticmethod
    def forward(ctx, input, weight, bias):
        ctx.save_for_backward(input, weight)
        return input @ weight.T + bias

    @staticmethod
    def backward(ctx, grad_output):
        input, weight = ctx.saved_tensors
        return grad_output @ weight, grad_output.T @ input, grad_output.sum(0)


class Swish(torch.autograd.Function):
    """``x · sigmoid(x)``."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * torch.sigmoid(x)

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        s = torch.sigmoid(x)
        return grad_output * s * (1 + x * (1 - s))


def training_loop() -> Callable[[], None]:
    """Steps of a small network that is made of hand-written functions."""
    torch.manual_seed(0)
    sizes = [16, 32, 32, 8]
    weights = [torch.randn(b, a).mul_(0.1).requires_grad_() for a, b in pairwise(sizes)]
    biases = [torch.zeros(b).requires_grad_() for b in sizes[1:]]
    optimizer = torch.optim.SGD([*weights, *biases], lr=0.01)
    x, y = torch.randn(32, sizes[0]), torch.randn(32, sizes[-1])

    def steps() -> None:
        for _ in range(STEPS):
            h = x
            for weight, bias in zip(weights, biases, strict=True):
                h = Swish.apply(Linear.apply(h, weight, bias))
            loss = (h - y).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return steps


def seconds(steps: Callable[[], None]) -> float:
    """Processor time: what else the machine does is not counted."""
    start = time.process_time()
    steps()
    return time.process_time() - start


def measure() -> float:
    """The share of time that watching adds; rounds with and without take turns."""
    steps, recorder = training_loop(), Recorder()
    with recorder.recording():
        steps()
    without, watched = [], []
    for _ in range(ROUNDS):
        without.append(seconds(steps))
        with recorder.recording():
            watched.append(seconds(steps))
    return min(watched) / min(without) - 1


def main() -> None:
    """Measure once and say it."""
    torch.set_num_threads(1)
    print(f"watching adds {100 * measure():.1f} % to a step of small layers")


if __name__ == "__main__":
    main()
