"""What a check costs: calls and seconds beside gradcheck, at 10 to 10⁶ elements."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Callable

import torch
from rich import box
from rich.console import Console
from rich.table import Table
from torch.autograd import gradcheck

import gradproof as gp

SIZES = (10, 100, 1_000, 10_000, 100_000, 1_000_000)
SLOW_UP_TO = 1_000  # gradcheck's slow mode calls the forward twice an element
REPEATS = 5

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


def measure(
    checks: dict[str, Callable[[], object]],
) -> dict[str, tuple[int, int, float]]:
    """Forward calls, backward calls and median seconds; the checks take turns."""
    counts, seconds = {}, {name: [] for name in checks}
    for _ in range(REPEATS):
        for name, run in checks.items():
            calls.clear()
            start = time.perf_counter()
            assert run()
            seconds[name].append(time.perf_counter() - start)
            counts[name] = (calls["forward"], calls["backward"])
    return {n: (*counts[n], statistics.median(seconds[n])) for n in checks}


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    title = "One check of y = sin(x): forward + backward calls, times as ratios"
    table = Table(title=title, title_justify="left", box=box.SIMPLE)
    table.add_column("elements", justify="right")
    for name in ("gp.check", "gradcheck fast", "gradcheck slow"):
        table.add_column(f"{name}\ncalls", justify="right", no_wrap=True)
        table.add_column("\ntime", justify="right", no_wrap=True)
    for size in SIZES:
        x = torch.randn(size, dtype=torch.float64, requires_grad=True)
        checks: dict[str, Callable[[], object]] = {
            "gp.check": lambda x=x: gp.check(Sine, x),
            "fast": lambda x=x: gradcheck(Sine.apply, (x,), fast_mode=True),
        }
        if size <= SLOW_UP_TO:
            checks["slow"] = lambda x=x: gradcheck(Sine.apply, (x,))
        results = measure(checks)
        ours = results["gp.check"][2]
        row = [f"{size:,}"]
        for name in ("gp.check", "fast", "slow"):
            if name not in results:
                row += ["not run", ""]
                continue
            forward, backward, seconds = results[name]
            ratio = (
                f"{1e3 * ours:.1f} ms"
                if name == "gp.check"
                else f"x {seconds / ours:.2f}"
            )
            row += [f"{forward} + {backward}", ratio]
        table.add_row(*row)
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
