"""Which contexts a custom gradient composes with, and what a call of it costs.

The styles are PyTorch's own five, JAX's ``custom_vjp``, and ``gp.function``; the
function is y = k·x·x. The costs are ratios to ``F.linear`` on a layer of 4×3.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import torch
from rich.console import Console
from tests.compose.contexts import CONTEXTS

import gradproof as gp
from benchmarks._tables import table

TURNS, CALLS = 120, 150  # short turns, so that some meet an idle machine


@gp.function
def square(x, *, k=2.0):
    """The function of the matrix."""
    return k * x * x


@square.gradient("x")
def square_x(grad_output, x, k):
    """Its rule."""
    return grad_output * 2 * k * x


def forward(ctx, x, k=2.0):
    """The old style's forward."""
    ctx.save_for_backward(x)
    ctx.k = k
    return k * x * x


def backward(ctx, grad_output):
    """The backward of every style."""
    (x,) = ctx.saved_tensors
    return grad_output * 2 * ctx.k * x, None


def setup_context(ctx, inputs, output):  # noqa: ARG001 - torch gives it
    """The newer style's context."""
    x, ctx.k = inputs
    ctx.save_for_backward(x)
    ctx.save_for_forward(x)


def jvp(ctx, tangent, _):
    """Forward mode by hand."""
    (x,) = ctx.saved_tensors
    return 2 * ctx.k * x * tangent


def _function(name: str, **members: Any) -> Any:
    static = {n: staticmethod(m) if callable(m) else m for n, m in members.items()}
    return type(name, (torch.autograd.Function,), static)


def _new(x, k=2.0):
    return k * x * x


Old = _function("Old", forward=forward, backward=backward)
Setup = _function("Setup", forward=_new, setup_context=setup_context, backward=backward)
Vmap = _function(
    "Vmap",
    forward=_new,
    setup_context=setup_context,
    backward=backward,
    generate_vmap_rule=True,
)
Jvp = _function(
    "Jvp",
    forward=_new,
    setup_context=setup_context,
    backward=backward,
    jvp=jvp,
    generate_vmap_rule=True,
)


@torch.library.custom_op("gradproof_bench::square", mutates_args=())
def operator(x: torch.Tensor, k: float = 2.0) -> torch.Tensor:
    """The function as an operator."""
    return k * x * x


@operator.register_fake
def _(x, k=2.0):  # noqa: ARG001 - the operator's signature
    return torch.empty_like(x)


operator.register_autograd(
    backward,
    setup_context=lambda ctx, inputs, output: (  # noqa: ARG005 - torch gives it
        ctx.save_for_backward(inputs[0]),
        setattr(ctx, "k", inputs[1]),
    ),
)

STYLES: dict[str, Callable[..., Any]] = {
    "gp.function": square,
    "Function": lambda x: Old.apply(x),
    "setup_context": lambda x: Setup.apply(x),
    "+ vmap": lambda x: Vmap.apply(x),
    "+ jvp": lambda x: Jvp.apply(x),
    "custom_op": lambda x: operator(x),
}


def outcome(context: Callable[..., Any], f: Callable[..., Any]) -> str:
    """Whether it gives what native operations give: yes, no, or wrong in silence."""
    x = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    leaves = torch.utils._pytree.tree_leaves
    true = leaves(context(lambda x: 2 * x * x, (x,)))
    try:
        found = leaves(context(f, (x,)))
    except Exception:
        _leave_dual_level()
        return "no"
    pairs = zip(found, true, strict=True)
    same = (a is not None and torch.allclose(a, b, rtol=1e-2) for a, b in pairs)
    return "yes" if all(same) else "WRONG"


def _leave_dual_level() -> None:
    """A compilation that failed inside a dual level leaves it open."""
    while torch.autograd.forward_ad._current_level >= 0:
        torch.autograd.forward_ad.exit_dual_level()


@jax.custom_vjp
def jax_square(x):
    """JAX's own style."""
    return 2.0 * x * x


jax_square.defvjp(lambda x: (jax_square(x), x), lambda x, g: (4.0 * x * g,))

JAX_CONTEXTS: dict[str, Callable[..., Any]] = {
    "grad": lambda f, x: jax.grad(lambda x: (f(x) ** 2).sum())(x),
    "jit(grad)": lambda f, x: jax.jit(jax.grad(lambda x: f(x).sum()))(x),
    "vmap(grad)": lambda f, x: jax.vmap(jax.grad(f))(x),
    "jacrev(jacrev)": lambda f, x: jax.jacrev(jax.jacrev(f))(x),
    "jvp": lambda f, x: jax.jvp(f, (x,), (x,))[1],
    "jacfwd": lambda f, x: jax.jacfwd(f)(x),
    "hessian": lambda f, x: jax.hessian(lambda x: f(x).sum())(x),
}


def jax_outcome(context: Callable[..., Any], f: Callable[..., Any]) -> str:
    """As ``outcome``, for JAX."""
    x = jnp.asarray([1.0, 2.0, 3.0])
    try:
        same = jnp.allclose(context(f, x), context(lambda x: 2 * x * x, x))
    except Exception:
        return "no"
    return "yes" if same else "WRONG"


# What a call costs.


@gp.function
def linear(x, w, b):
    """A layer, as one writes it."""
    return x @ w.T + b


@linear.gradient("x")
def linear_x(grad_output, w):
    """Its rule for the input."""
    return grad_output @ w


@linear.gradient("w")
def linear_w(grad_output, x):
    """Its rule for the weight."""
    return grad_output.T @ x


@linear.gradient("b")
def linear_b(grad_output):
    """Its rule for the bias."""
    return grad_output


fused = gp.function(lambda x, w, b: torch.nn.functional.linear(x, w, b))
for _name, _rule in (("x", linear_x), ("w", linear_w), ("b", linear_b)):
    fused.gradient(_name)(_rule)


def _by_hand(body: Callable[..., Any], style: str) -> Any:
    def backward(ctx, g):
        x, w = ctx.saved_tensors
        x_needs, w_needs, b_needs = ctx.needs_input_grad
        return (
            g @ w if x_needs else None,
            g.T @ x if w_needs else None,
            g.sum(0) if b_needs else None,
        )

    def old(ctx, x, w, b):
        ctx.save_for_backward(x, w)
        return body(x, w, b)

    def setup(ctx, inputs, output):  # noqa: ARG001 - torch gives it
        ctx.save_for_backward(*inputs[:2])

    if style == "old":
        return _function("ByHand", forward=old, backward=backward).apply
    new = {"forward": body, "setup_context": setup, "backward": backward}
    return _function("ByHand", **new).apply


def plain(x, w, b):
    """The forward, as torch differentiates it."""
    return x @ w.T + b


LAYERS: dict[str, Callable[..., Any]] = {
    "F.linear": torch.nn.functional.linear,
    "x @ w.T + b": plain,
    "Function, old": _by_hand(plain, "old"),
    "Function, setup_context": _by_hand(plain, "setup_context"),
    "gp.function": linear,
    "Function, old, of F.linear": _by_hand(torch.nn.functional.linear, "old"),
    "gp.function of F.linear": fused,
}


def seconds(call: Callable[[], object], calls: int) -> float:
    """One call's, over many."""
    start = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - start) / calls


def measured(make: Callable[..., Callable[[], object]], calls: int) -> dict[str, float]:
    """Least seconds of each layer, taken in turns: all meet the same machine."""
    times: dict[str, list[float]] = {name: [] for name in LAYERS}
    for _ in range(TURNS if calls == CALLS else 30):
        for name, layer in LAYERS.items():
            times[name].append(seconds(make(layer), calls))
    return {name: min(several) for name, several in times.items()}


def costs(batch: int, rows: int, columns: int, calls: int) -> list[dict[str, float]]:
    """Seconds forward and backward, forward, and forward under no_grad."""
    shapes = (batch, columns), (rows, columns), (rows,)
    x, w, b = (torch.randn(shape, requires_grad=True) for shape in shapes)
    both = measured(lambda f: lambda: f(x, w, b).sum().backward(), calls)
    forward = measured(lambda f: lambda: f(x, w, b), calls)
    with torch.no_grad():
        without = measured(lambda f: lambda: f(x, w, b), calls)
    return [both, forward, without]


def print_matrix(console: Console) -> None:
    """The contexts by the styles."""
    styles = table("PyTorch: y = k·x·x, values against native", "context", *STYLES)
    for name, context in CONTEXTS.items():
        styles.add_row(name, *(outcome(context, f) for f in STYLES.values()))
    console.print(styles)
    on_jax = table("JAX", "context", "gp.function", "custom_vjp")
    for name, context in JAX_CONTEXTS.items():
        on_jax.add_row(name, *(jax_outcome(context, f) for f in (square, jax_square)))
    console.print(on_jax)


def print_costs(console: Console) -> None:
    """The ratios, small and at a real layer's size."""
    for title, shape, calls in (
        ("4×3, ratio to F.linear", (5, 4, 3), CALLS),
        ("256×512×512, ratio to F.linear", (256, 512, 512), 4),
    ):
        found = costs(*shape, calls)
        rows = table(title, "layer", "fwd + bwd", "forward", "no_grad")
        for name in LAYERS:
            ratios = (f"{one[name] / one['F.linear']:.2f}" for one in found)
            rows.add_row(name, *ratios)
        console.print(rows)
        both, _, without = found
        old = both["gp.function"] / both["Function, old"]
        inference = without["gp.function"] / without["x @ w.T + b"]
        console.print(
            f"gp.function to the old Function by hand: {old:.3f}\n"
            f"under no_grad, to the expression that its forward is: {inference:.3f}\n"
        )


def main() -> None:
    """Print the matrix and the costs."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    console = Console(width=100)
    print_matrix(console)
    print_costs(console)


if __name__ == "__main__":
    main()
