"""How often a wrong gradient passes and a right one does not, beside gradcheck."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from unittest import mock

import torch
from rich.console import Console
from torch import Tensor
from torch.autograd import gradcheck

import gradproof as gp
from benchmarks._tables import table
from benchmarks.sweep_cases import CASES, Case, Hard, hard_cases, low_precision_cases

SIZES = tuple(1 << power for power in (4, 6, 8, 10, 12, 14, 16, 18))
SEEDS = (0, 1, 2)
SINE = next(case for case in CASES if case.name == "sin")


@dataclass
class Tally:
    """Answers that were wrong, out of all."""

    wrong: int = 0
    asked: int = 0

    def add(self, is_wrong: bool) -> None:
        """Count one answer."""
        self.wrong += is_wrong
        self.asked += 1

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.wrong + other.wrong, self.asked + other.asked)

    def __str__(self) -> str:
        return f"{self.wrong} of {self.asked}"


@dataclass
class Row:
    """One mistake at all sizes and seeds, or one right function."""

    name: str
    ours: Tally
    ours_alone: Tally  # with the property ``gradient`` and no other
    fast: Tally


def accepts(function: type[torch.autograd.Function], x: Tensor, *only: str) -> bool:
    """Whether ``gp.check`` finds nothing."""
    return gp.check(function, x, select=list(only) or None).ok


def gradcheck_accepts(function: Callable[..., object], *inputs: Tensor) -> bool:
    """Whether gradcheck's fast mode finds nothing.

    Where it does, it goes on to compute both Jacobians for its message, n x n numbers
    of which the answer does not depend: that is left out.
    """
    inputs = tuple(x.detach().clone().requires_grad_() for x in inputs)
    no_message = mock.patch(
        "torch.autograd.gradcheck._run_slow_mode_and_get_error", return_value=""
    )
    with no_message, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return gradcheck(function, inputs, fast_mode=True)
        except (RuntimeError, ValueError):  # a GradcheckError is a RuntimeError
            return False


def points(case: Case, sizes: Iterable[int], seeds: Sequence[int]) -> Iterable[Tensor]:
    """The inputs that a case is checked on."""
    for size in sizes:
        for seed in seeds if size <= case.largest else ():
            generator = torch.Generator().manual_seed(seed)
            yield torch.randn(size, generator=generator, dtype=torch.float64)


def accepted(
    case: Case, mistake: str, sizes: Iterable[int], seeds: Sequence[int]
) -> Row:
    """How often each checker accepts a mistake."""
    row = Row(f"{case.name}, {mistake}", Tally(), Tally(), Tally())
    function = case.function(mistake)
    for x in points(case, sizes, seeds):
        row.ours.add(accepts(function, x))
        row.ours_alone.add(accepts(function, x, "gradient"))
        row.fast.add(gradcheck_accepts(function.apply, x))
    return row


def alarms(case: Case, sizes: Iterable[int], seeds: Sequence[int]) -> Row:
    """How often each checker refuses a right gradient."""
    row = Row(case.name, Tally(), Tally(), Tally())
    function = case.function()
    for x in points(case, sizes, seeds):
        row.ours.add(not accepts(function, x))
        row.ours_alone.add(not accepts(function, x, "gradient"))
        row.fast.add(not gradcheck_accepts(function.apply, x))
    return row


def hard_alarms(name: str, cases: Sequence[Hard]) -> Row:
    """How often each checker refuses a right function that is hard to check."""
    row = Row(name, Tally(), Tally(), Tally())
    for case in cases:
        row.ours.add(not gp.check(case.function, *case.inputs).ok)
        only = gp.check(case.function, *case.inputs, select=["gradient"])
        row.ours_alone.add(not only.ok)
        row.fast.add(not gradcheck_accepts(case.function, *case.inputs))
    return row


def smallest_seen(sees: Callable[[float], bool]) -> float:
    """The smallest relative error that is seen, to two digits, by bisection."""
    low, high = -15.0, 0.0
    while high - low > 0.01:
        middle = (low + high) / 2
        low, high = (low, middle) if sees(10**middle) else (middle, high)
    return float(10**high)


def off_by(error: Tensor | float) -> type[torch.autograd.Function]:
    """The sine with a relative error planted in its gradient."""
    wrong = {"off": lambda g, x, _y: (1 + error) * g * x.cos()}
    return replace(SINE, wrong=wrong).function("off")


def sensitivity(size: int = 4096) -> dict[str, tuple[float, float]]:
    """The smallest relative error seen in the gradient of the sine: ours, theirs."""
    x = next(iter(points(SINE, [size], [0])))
    generator = torch.Generator().manual_seed(1)
    shapes: dict[str, Tensor | float] = {
        "everywhere the same": 1.0,
        "random in each element": torch.randn(size, generator=generator, dtype=x.dtype),
    }
    return {
        name: (
            smallest_seen(
                lambda e, one=one: not accepts(off_by(e * one), x, "gradient")
            ),
            smallest_seen(
                lambda e, one=one: not gradcheck_accepts(off_by(e * one).apply, x)
            ),
        )
        for name, one in shapes.items()
    }


def sweep(
    sizes: Sequence[int] = SIZES, seeds: Sequence[int] = SEEDS
) -> tuple[list[Row], list[Row]]:
    """Mistakes accepted, and right functions refused."""
    wrong = [
        accepted(case, mistake, sizes, seeds)
        for case in CASES
        for mistake in case.wrong
    ]
    return wrong, [alarms(case, sizes, seeds) for case in CASES]


def show(title: str, rows: Sequence[Row], console: Console) -> None:
    """Print rows and their sum."""
    printed = table(title, "", "gp.check", "gradient alone", "gradcheck fast")
    total = Row("total", Tally(), Tally(), Tally())
    for row in rows:
        total.ours += row.ours
        total.ours_alone += row.ours_alone
        total.fast += row.fast
    for row in [*rows, total]:
        printed.add_row(row.name, str(row.ours), str(row.ours_alone), str(row.fast))
    console.print(printed)


def main() -> None:
    """Print the tables."""
    torch.set_num_threads(1)
    console = Console(width=80)
    start = time.perf_counter()
    wrong, right = sweep()
    spread = f"{len(SIZES)} sizes {SIZES[0]} to {SIZES[-1]:,}, {len(SEEDS)} seeds"
    show(f"Wrong gradients accepted ({spread})", wrong, console)
    show(f"Right gradients refused ({spread})", right, console)
    rows = [hard_alarms("float64, hard", hard_cases())]
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        name = str(dtype).removeprefix("torch.")
        rows.append(hard_alarms(f"{name}, plain", low_precision_cases(dtype)))
    show("Right functions refused, at the checkers' defaults", rows, console)
    title = "Smallest relative error seen, sin at 4,096 elements"
    printed = table(title, "", "gp.check", "gradcheck fast")
    for name, seen in sensitivity().items():
        printed.add_row(name, *(f"{one:.0e}" if one < 1 else "none" for one in seen))
    console.print(printed)
    console.print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
