"""Ways to prove a target wrong without gradproof, and inputs to do it on."""

from __future__ import annotations

import gc
import warnings
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch

from tests.defects.corpus import Case, Inputs, Proof

Tensors = Sequence[torch.Tensor]


# Inputs.


def normal(
    *shapes: tuple[int, ...], seed: int = 0, dtype: torch.dtype = torch.float64
) -> list[torch.Tensor]:
    """Standard normal tensors."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(s, generator=generator, dtype=dtype) for s in shapes]


def positive(*shapes: tuple[int, ...], seed: int = 0) -> list[torch.Tensor]:
    """Tensors of numbers between a half and three halves."""
    generator = torch.Generator().manual_seed(seed)
    return [
        0.5 + torch.rand(s, generator=generator, dtype=torch.float64) for s in shapes
    ]


def normal_arrays(*shapes: tuple[int, ...], seed: int = 0) -> list[np.ndarray]:
    """Standard normal NumPy arrays."""
    return [tensor.numpy() for tensor in normal(*shapes, seed=seed)]


def a_matrix() -> list[torch.Tensor]:
    return normal((3, 4))


def two_matrices() -> list[torch.Tensor]:
    return normal((3, 4), (3, 4))


# Layouts of the same values.


def transposed(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.mT.contiguous().mT


def expanded(tensor: torch.Tensor) -> torch.Tensor:
    """What ``.sum()`` sends back: a single 1 with stride 0."""
    return tensor.new_ones(()).expand(tensor.shape)


# Gradients by torch, of a target and of a plain expression.


def call(target: Any, *inputs: Any) -> tuple[Any, ...]:
    """The floating outputs of a target, which may be a Function."""
    is_function = isinstance(target, type) and issubclass(
        target, torch.autograd.Function
    )
    output = (target.apply if is_function else target)(*inputs)
    outputs = output if isinstance(output, tuple) else (output,)
    return tuple(o for o in outputs if torch.is_floating_point(o) or o.is_complex())


def leaves_of(inputs: Sequence[Any]) -> list[Any]:
    """The inputs with leaves for those that are differentiated; one twice stays one."""
    tensors = [one for one in inputs if isinstance(one, torch.Tensor)]
    floating = [t for t in tensors if t.is_floating_point() or t.is_complex()]
    chosen = [t for t in floating if t.requires_grad] or floating
    made = {id(one): one.detach().requires_grad_() for one in chosen}
    return [made.get(id(one), one) for one in inputs]


def wanted(target: Any, leaves: Sequence[Any]) -> list[torch.Tensor]:
    """What gradients are asked for: the leaves, and the parameters of a module."""
    found = {id(x): x for x in leaves if isinstance(x, torch.Tensor)}
    chosen = [x for x in found.values() if x.requires_grad]
    if isinstance(target, torch.nn.Module):
        chosen += list(target.parameters())
    return chosen


def some_incoming(outputs: Tensors) -> list[torch.Tensor]:
    """Incoming gradients of both signs, well above 1."""
    generator = torch.Generator().manual_seed(7)
    return [
        3 * torch.randn(o.shape, generator=generator, dtype=torch.float64).to(o.dtype)
        if not o.is_complex()
        else 3 * torch.randn(o.shape, generator=generator, dtype=o.dtype)
        for o in outputs
    ]


def gradients(
    target: Any, run: Callable[..., Any], inputs: Sequence[Any], incoming: Any
) -> list[torch.Tensor | None]:
    leaves = leaves_of(inputs)
    chosen = wanted(target, leaves)
    outputs = call(run, *leaves)
    pairs = [
        (o, g)
        for o, g in zip(outputs, (incoming or some_incoming)(outputs), strict=True)
        if g is not None and o.requires_grad
    ]
    return list(
        torch.autograd.grad(
            [o for o, _ in pairs], chosen, [g for _, g in pairs], allow_unused=True
        )
    )


def same(ones: Any, others: Any, rtol: float) -> bool:
    """Whether gradients agree, relative to their largest number; None is zero."""
    for one, other in zip(ones, others, strict=True):
        if one is None and other is None:
            continue
        a = torch.zeros_like(other) if one is None else torch.as_tensor(one)
        b = torch.zeros_like(a) if other is None else torch.as_tensor(other)
        if a.shape != b.shape:
            return False
        scale = float(b.abs().max()) if b.numel() else 0.0
        if not torch.allclose(a.to(b.dtype), b, rtol=0, atol=rtol * scale):
            return False
    return True


def differs_from_autograd(
    plain: Callable[..., Any],
    *,
    at: Callable[..., Sequence[Any]] | None = None,
    incoming: Callable[[Tensors], list[torch.Tensor | None]] | None = None,
    rtol: float = 1e-9,
) -> Proof:
    """The gradients are not those of autograd through a plain expression.

    Args:
        plain: the same function in torch's own operations; of a module, and its
            inputs, where the target is one.
        at: from the given inputs to those that show it.
        incoming: from the outputs to the incoming gradients that show it.
        rtol: how much two right gradients may differ.
    """

    def proof(case: Case, inputs: Inputs) -> bool:
        target = case.target

        def expression(*leaves: Any) -> Any:
            is_module = isinstance(target, torch.nn.Module)
            return plain(target, *leaves) if is_module else plain(*leaves)

        def given() -> Sequence[Any]:
            return inputs() if at is None else at(*inputs())

        claimed = gradients(target, target, given(), incoming)
        true = gradients(target, expression, given(), incoming)
        assert all(g is None or bool(torch.isfinite(g).all()) for g in true)
        return not same(claimed, true, rtol)

    return proof


def raises(
    error: type[Exception],
    *,
    at: Callable[..., Sequence[Any]] | None = None,
    incoming: Callable[[Tensors], list[torch.Tensor | None]] | None = None,
) -> Proof:
    """Backward raises where it must not."""

    def proof(case: Case, inputs: Inputs) -> bool:
        given = inputs() if at is None else at(*inputs())
        try:
            gradients(case.target, case.target, given, incoming)
        except error:
            return True
        return False

    return proof


def with_one_frozen(
    plain: Callable[..., Any], frozen: int, rtol: float = 1e-9
) -> Proof:
    """Wrong, or no gradient at all, where one input requires none."""

    def proof(case: Case, inputs: Inputs) -> bool:
        def run(function: Any) -> list[torch.Tensor | None] | None:
            leaves = leaves_of(inputs())
            leaves[frozen] = leaves[frozen].detach()
            outputs = call(function, *leaves)
            return list(
                torch.autograd.grad(
                    outputs,
                    wanted(None, leaves),
                    some_incoming(outputs),
                    allow_unused=True,
                )
            )

        try:
            claimed = run(case.target)
        except (RuntimeError, TypeError, ValueError, AttributeError):
            return True
        return not same(claimed, run(plain), rtol)

    return proof


def wrong_second_derivative(plain: Callable[..., Any]) -> Proof:
    """The gradient's gradient is not autograd's, and nothing is raised."""

    def second(function: Any, inputs: Inputs) -> list[torch.Tensor | None]:
        leaves = leaves_of(inputs())
        chosen = wanted(None, leaves)
        outputs = call(function, *leaves)
        incoming = [g.requires_grad_() for g in some_incoming(outputs)]
        first = torch.autograd.grad(
            outputs, chosen, incoming, create_graph=True, allow_unused=True
        )
        penalty = sum((g * g).sum() for g in first if g is not None)
        loss = penalty + sum((leaf * 0).sum() for leaf in chosen)
        loss.backward()
        return [leaf.grad for leaf in chosen]

    def proof(case: Case, inputs: Inputs) -> bool:
        try:
            claimed = second(case.target, inputs)
        except RuntimeError:
            return False  # refused
        return not same(claimed, second(plain, inputs), 1e-9)

    return proof


def imprecise_in(
    dtype: torch.dtype, plain: Callable[..., Any], factor: float = 6
) -> Proof:
    """The error against float64 is several times what plain operations make."""

    def error(got: Any, true: Any) -> float:
        pairs = [(a, b) for a, b in zip(got, true, strict=True) if b is not None]
        return max(
            float((a.double() - b).abs().max() / b.abs().max()) for a, b in pairs
        )

    def proof(case: Case, inputs: Inputs) -> bool:
        low = [x.to(dtype) if torch.is_floating_point(x) else x for x in inputs()]
        high = [x.double() if torch.is_floating_point(x) else x for x in low]

        def incoming(outputs: Tensors) -> list[torch.Tensor]:
            return [
                g.to(dtype).to(o.dtype)
                for g, o in zip(some_incoming(outputs), outputs, strict=True)
            ]

        true = gradients(None, plain, high, incoming)
        ours = error(gradients(None, case.target, low, incoming), true)
        usual = error(gradients(None, plain, low, incoming), true)
        return ours > factor * max(usual, torch.finfo(dtype).eps)

    return proof


def wrong_jvp(plain: Callable[..., Any]) -> Proof:
    """The forward derivative is not that of a plain expression."""

    def proof(case: Case, inputs: Inputs) -> bool:
        given = tuple(inputs())
        moves = tuple(normal(*(x.shape for x in given), seed=3))

        def run(*x: Any) -> torch.Tensor:
            return call(case.target, *x)[0]

        with warnings.catch_warnings():  # torch's own, once
            warnings.simplefilter("ignore")
            _, claimed = torch.func.jvp(run, given, moves)
            _, true = torch.func.jvp(plain, given, moves)
        return not same([claimed], [true], 1e-9)

    return proof


def wrong_when_batched(case: Case, inputs: Inputs) -> bool:
    """``torch.vmap`` is not a loop."""
    points = [list(inputs()), [2 * x + 1 for x in inputs()]]
    loop = torch.stack([call(case.target, *point)[0] for point in points])
    together = [torch.stack(pair) for pair in zip(*points, strict=True)]
    batched = torch.vmap(lambda *x: call(case.target, *x)[0])(*together)
    return not same([batched], [loop], 1e-12)


def wrong_the_second_time(case: Case, inputs: Inputs) -> bool:
    """A second backward on one graph is not the first, or raises."""
    leaves = leaves_of(inputs())
    outputs = call(case.target, *leaves)
    chosen, incoming = wanted(case.target, leaves), some_incoming(outputs)
    once = torch.autograd.grad(outputs, chosen, incoming, retain_graph=True)
    once = [g.clone() for g in once]
    try:
        twice = torch.autograd.grad(outputs, chosen, incoming, retain_graph=True)
    except (RuntimeError, TypeError, AttributeError, IndexError):
        return True
    return not same(twice, once, 1e-12)


def wrong_after_other_calls(
    plain: Callable[..., Any], *, in_between: bool = False
) -> Proof:
    """Wrong once it has been called on other values, before or in between."""

    def proof(case: Case, inputs: Inputs) -> bool:
        def others() -> list[Any]:
            return [x + 1 if torch.is_floating_point(x) else x for x in inputs()]

        if not in_between:
            gradients(case.target, case.target, others(), None)
        leaves = leaves_of(inputs())
        outputs = call(case.target, *leaves)
        if in_between:
            call(case.target, *leaves_of(others()))
        claimed = torch.autograd.grad(
            outputs, wanted(case.target, leaves), some_incoming(outputs)
        )
        return not same(claimed, gradients(None, plain, inputs(), None), 1e-9)

    return proof


def writes(*, stage: str = "both") -> Proof:
    """An input or an incoming gradient is not what it was."""

    def proof(case: Case, inputs: Inputs) -> bool:
        given = list(inputs())
        leaves = leaves_of(given)  # they share memory with what is given
        buffers = []
        if isinstance(case.target, torch.nn.Module):
            buffers = list(case.target.buffers())
        outputs = call(case.target, *leaves)
        if stage == "backward":
            before = [b.clone() for b in buffers]
        incoming = some_incoming(outputs)
        watched = [*given, *incoming]
        true = [*inputs(), *some_incoming(outputs)]
        if stage == "backward":
            watched, true = [*watched, *buffers], [*true, *before]
        torch.autograd.grad(
            outputs, wanted(case.target, leaves), incoming, allow_unused=True
        )
        tensors = [
            (a, b)
            for a, b in zip(watched, true, strict=True)
            if isinstance(a, torch.Tensor)
        ]
        return not all(torch.equal(a, b) for a, b in tensors)

    return proof


def output_outlives_its_graph(case: Case, inputs: Inputs) -> bool:
    """An output is alive after the last reference to it is gone."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        leaves = leaves_of(inputs())
        outputs = call(case.target, *leaves)
        torch.autograd.grad(
            outputs, wanted(None, leaves), some_incoming(outputs), allow_unused=True
        )
        alive = [weakref.ref(o) for o in outputs]
        del outputs
        return any(one() is not None for one in alive)
    finally:
        if enabled:
            gc.enable()


def keeps_more_than(times: float) -> Proof:
    """What is saved is several times the inputs and outputs together."""

    def proof(case: Case, inputs: Inputs) -> bool:
        kept: dict[int, int] = {}

        def see(tensor: torch.Tensor) -> torch.Tensor:
            storage = tensor.untyped_storage()
            kept[storage.data_ptr()] = storage.nbytes()
            return tensor

        leaves = leaves_of(inputs())
        with torch.autograd.graph.saved_tensors_hooks(see, lambda tensor: tensor):
            outputs = call(case.target, *leaves)
        whole = sum(t.nbytes for t in [*leaves, *outputs])
        return sum(kept.values()) > times * whole

    return proof


# NumPy and JAX.


def backward_differs_from_autograd(plain: Callable[..., Any]) -> Proof:
    """A NumPy backward is not torch's autograd of a plain torch expression."""

    def proof(case: Case, inputs: Inputs) -> bool:
        arrays = inputs()
        tensors = [torch.tensor(a) if isinstance(a, np.ndarray) else a for a in arrays]
        leaves = leaves_of(tensors)
        outputs = call(plain, *leaves)
        incoming = some_incoming(outputs)
        true = torch.autograd.grad(outputs, wanted(None, leaves), incoming)
        claimed = case.settings["backward"](incoming[0].numpy(), *arrays)
        claimed = claimed if isinstance(claimed, tuple) else (claimed,)
        claimed = [torch.as_tensor(np.asarray(g)) for g in claimed if g is not None]
        return not same(claimed, true, 1e-9)

    return proof


def differs_from_jax(plain: Callable[..., Any]) -> Proof:
    """A rule is not JAX's own derivative of a plain expression."""

    def proof(case: Case, inputs: Inputs) -> bool:
        arrays = inputs()
        output, pull = jax.vjp(case.target, *arrays)
        _, true_pull = jax.vjp(plain, *arrays)
        incoming = 3 * jnp.cos(jnp.arange(output.size)).reshape(output.shape)
        if jnp.iscomplexobj(output):
            incoming = incoming * (1 + 2j)
        pairs = zip(
            pull(incoming.astype(output.dtype)),
            true_pull(incoming.astype(output.dtype)),
            strict=True,
        )
        return not all(np.allclose(a, b, rtol=1e-4, atol=1e-4) for a, b in pairs)

    return proof


def gradients_of_function(plain: Callable[..., Any]) -> Proof:
    """A gp.function's gradients on NumPy are not torch's of a plain expression."""

    def proof(case: Case, inputs: Inputs) -> bool:
        leaves = leaves_of([torch.tensor(a) for a in inputs()])
        outputs = call(plain, *leaves)
        (incoming,) = some_incoming(outputs)
        true = torch.autograd.grad(outputs, leaves, incoming)
        claimed = case.target.gradients(*inputs(), grad_output=incoming.numpy())
        return not same(list(claimed), true, 1e-9)

    return proof
