"""What a check costs: calls and seconds beside gradcheck, at 10 to 10⁶ elements."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator

import torch
from examples.seed import LinearFunction, layer
from rich.console import Console
from torch.autograd import gradcheck

import gradproof as gp
from benchmarks._tables import table

SIZES = (10, 100, 1_000, 10_000, 100_000, 1_000_000)
SLOW_UP_TO = 1_000  # gradcheck's slow mode calls the forward twice an element
REPEATS = 5
NAMES = ("gp.check", "gradcheck fast", "gradcheck slow")

calls: Counter[str] = Counter()


class Sine(torch.autograd.Function):
    """y = sin(x), counting its calls."""

    @staticmethod
    def forward(ctx, x):
        calls["forward"] += 1
        ctx.save_for_backward(x)
        return x.sin()

    @staticmethod
    def backward(ctx, grad_output):
        calls["backward"] += 1
        (x,) = ctx.saved_tensors
        return grad_output * x.cos()


class CountedLinear(LinearFunction):
    """The seed's linear layer, counting its calls."""

    @staticmethod
    def forward(input, weight, bias):
        calls["forward"] += 1
        return LinearFunction.forward(input, weight, bias)

    @staticmethod
    def backward(ctx, grad_output):
        calls["backward"] += 1
        return LinearFunction.backward(ctx, grad_output)


Checks = dict[str, Callable[[], object]]
Results = dict[str, tuple[int, float]]  # calls in all, median seconds


def measure(checks: Checks) -> Results:
    """Calls and median seconds; the checks take turns, after one round unmeasured."""
    counts: dict[str, int] = {}
    seconds: dict[str, list[float]] = {name: [] for name in checks}
    for repeat in range(REPEATS + 1):
        for name, run in checks.items():
            calls.clear()
            start = time.perf_counter()
            assert run()
            taken = time.perf_counter() - start
            counts[name] = calls.total()
            seconds[name] += [taken] if repeat else []
    return {name: (counts[name], statistics.median(seconds[name])) for name in checks}


def linear() -> Results:
    """The seed's linear layer, once through."""
    inputs = tuple(tensor.requires_grad_() for tensor in layer())
    return measure(
        {
            "once": lambda: CountedLinear.apply(*inputs).sum().backward() is None,
            "gp.check": lambda: gp.check(CountedLinear, *inputs),
            "gradcheck fast": lambda: gradcheck(
                CountedLinear.apply, inputs, fast_mode=True
            ),
            "gradcheck slow": lambda: gradcheck(CountedLinear.apply, inputs),
        }
    )


def sine(size: int) -> Results:
    """One size of the sine."""
    x = torch.randn(size, dtype=torch.float64, requires_grad=True)
    checks: Checks = {
        "once": lambda: Sine.apply(x).sum().backward() is None,
        "gp.check": lambda: gp.check(Sine, x),
        "gradcheck fast": lambda: gradcheck(Sine.apply, (x,), fast_mode=True),
    }
    if size <= SLOW_UP_TO:
        checks["gradcheck slow"] = lambda: gradcheck(Sine.apply, (x,))
    return measure(checks)


def cells(results: Results) -> Iterator[str]:
    """The row of a table: for each checker its calls and time, and ours as passes."""
    for name in NAMES:
        count, seconds = results.get(name, (0, 0.0))
        yield f"{count:,}" if count else "-"
        yield f"{1e3 * seconds:.1f}" if count else "-"
    yield f"{results['gp.check'][1] / results['once'][1]:.0f}"


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    rows = {"linear layer": linear()}
    rows |= {f"sin, {size:,}": sine(size) for size in SIZES}
    heads = ("calls", "ms") * 3
    printed = table("What one check costs", "", *heads, "passes")
    for name, results in rows.items():
        printed.add_row(name, *cells(results))
    console = Console(width=80)
    console.print(printed)
    console.print(
        "Calls of forward and backward together, and milliseconds: gp.check, then\n"
        "gradcheck's fast mode, then its slow mode. Passes: the time of gp.check over\n"
        "that of one forward and backward."
    )


if __name__ == "__main__":
    main()
