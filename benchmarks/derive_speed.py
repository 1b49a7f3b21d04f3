"""Gradients in NumPy: derived, by hand, HIPS autograd, JAX, torch; and deriving."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import autograd
import autograd.numpy as anp
import jax
import jax.numpy as jnp
import numpy as np
import torch
from examples.seed import mul_add_sum_by_hand
from rich.console import Console

import gradproof as gp
from benchmarks._tables import table

ROUNDS, CALLS = 21, 300
OPERATIONS = (10, 100, 1_000)

Gradient = Callable[[], Any]


def mul_add_sum(x, y, z):
    """C = Σ (x * y + z)."""
    a = x * y
    b = a + z
    return np.sum(b)


def logistic(w, X, t):
    """The mean of log(1 + exp(-t · Xw))."""
    e = np.exp(-t * (X @ w))
    return np.mean(np.log(1 + e))


def logistic_by_hand(w, X, t):
    """The value and the gradient in w, as on a blackboard."""
    e = np.exp(-t * (X @ w))
    loss = np.mean(np.log(1 + e))
    grad_w = X.T @ (-t * e / (1 + e)) / t.size
    return loss, (grad_w,)


def arrays(case: str) -> list[np.ndarray]:
    """The inputs of a case."""
    rng = np.random.default_rng(0)
    if case == "sum(x*y+z) 3x4":
        return [rng.standard_normal((3, 4)) for _ in "xyz"]
    w, X = rng.standard_normal(10), rng.standard_normal((100, 10))
    return [w, X, np.sign(rng.standard_normal(100))]


def contenders(case: str) -> dict[str, Gradient]:
    """Who computes the value and the gradients of a case, by hand first."""
    given = arrays(case)
    if case.startswith("sum"):
        f, by_hand, wrt = mul_add_sum, mul_add_sum_by_hand, (0, 1, 2)
    else:
        f, by_hand, wrt = logistic, logistic_by_hand, (0,)

    def plain(library: Any) -> Callable[..., Any]:
        if case.startswith("sum"):
            return lambda x, y, z: library.sum(x * y + z)
        return lambda w, X, t: library.mean(library.log(1 + library.exp(-t * (X @ w))))

    names = f.__code__.co_varnames
    derivation = gp.derive(f, *given, wrt=[names[i] for i in wrt])
    run = derivation.module("numpy")[f"{f.__name__}_and_gradients"]
    called = gp.value_and_grad(f, wrt=[names[i] for i in wrt])
    hips = autograd.value_and_grad(plain(anp), argnum=wrt)
    jitted = jax.jit(jax.value_and_grad(plain(jnp), argnums=wrt))
    on_jax = [jnp.asarray(a) for a in given]
    tensors = [torch.tensor(a, requires_grad=i in wrt) for i, a in enumerate(given)]
    in_torch, leaves = plain(torch), [tensors[i] for i in wrt]
    return {
        "by hand": lambda: by_hand(*given),
        "derived": lambda: run(*given),
        "gp.value_and_grad": lambda: called(*given),
        "HIPS autograd": lambda: hips(*given),
        "jax.jit": lambda: jax.block_until_ready(jitted(*on_jax)),
        "torch autograd": lambda: torch.autograd.grad(in_torch(*tensors), leaves),
    }


def microseconds(gradients: dict[str, Gradient]) -> dict[str, float]:
    """The median time of a call, all in turn in every round."""
    times: dict[str, list[float]] = {name: [] for name in gradients}
    for _ in range(ROUNDS):
        for name, gradient in gradients.items():
            start = time.perf_counter()
            for _ in range(CALLS):
                gradient()
            times[name].append((time.perf_counter() - start) / CALLS * 1e6)
    return {name: statistics.median(found) for name, found in times.items()}


def long_forward(operations: int) -> Callable[[Any], Any]:
    """A function of so many operations."""

    def f(x: Any) -> Any:
        h = x
        for _ in range(operations // 2):
            h = np.sin(h) * x
        return np.sum(h)

    return f


def main() -> None:
    """Print the tables."""
    torch.set_num_threads(1)
    jax.config.update("jax_enable_x64", True)
    console = Console()
    shown = table("Value and gradients: times by hand", "", *map(str, CASES))
    measured = {case: microseconds(contenders(case)) for case in CASES}
    for name in measured[CASES[0]]:
        cells = [
            f"{found[name] / found['by hand']:.2f}" + f" ({found[name]:.1f} µs)"
            for found in measured.values()
        ]
        shown.add_row(name, *cells)
    console.print(shown)
    shown = table("Deriving", "operations", "milliseconds", "an operation")
    x = np.linspace(0.1, 1, 4)
    for operations in OPERATIONS:
        f, took = long_forward(operations), []
        for _ in range(5):
            start = time.perf_counter()
            gp.derive(f, x).source("numpy")
            took.append((time.perf_counter() - start) * 1e3)
        middle = statistics.median(took)
        shown.add_row(str(operations), f"{middle:.1f}", f"{middle / operations:.3f} ms")
    console.print(shown)


CASES = ("sum(x*y+z) 3x4", "logistic 100x10")

if __name__ == "__main__":
    main()
