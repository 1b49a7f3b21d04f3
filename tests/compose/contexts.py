"""Every context that a differentiable function of PyTorch may be used in.

Each takes a function and its floating inputs, and gives tensors to compare.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.autograd import forward_ad, gradcheck, gradgradcheck
from torch.utils.checkpoint import checkpoint

Inputs = tuple[torch.Tensor, ...]
Context = Callable[[Callable[..., Any], Inputs], Any]

CONTEXTS: dict[str, Context] = {}


def context(name: str) -> Callable[[Context], Context]:
    """Register a context by the name that the matrix has for it."""

    def register(function: Context) -> Context:
        CONTEXTS[name] = function
        return function

    return register


def floating(output: Any) -> list[torch.Tensor]:
    """The outputs that have a gradient."""
    outputs = output if isinstance(output, tuple) else (output,)
    return [o for o in outputs if o.is_floating_point() or o.is_complex()]


def loss_of(f: Callable[..., Any]) -> Callable[..., torch.Tensor]:
    """A real number, not linear in any of the outputs."""

    def loss(*inputs: torch.Tensor) -> torch.Tensor:
        parts = (o.abs() ** 2 if o.is_complex() else o**2 for o in floating(f(*inputs)))
        return sum((part.sum() for part in parts), start=torch.zeros(()).double())

    return loss


def leaves(inputs: Inputs) -> Inputs:
    """Copies that require a gradient."""
    return tuple(x.detach().clone().requires_grad_() for x in inputs)


def everywhere(inputs: Inputs) -> tuple[int, ...]:
    """The positions of all inputs."""
    return tuple(range(len(inputs)))


@context("gradient")
def gradient(f, inputs):
    inputs = leaves(inputs)
    return torch.autograd.grad(loss_of(f)(*inputs), inputs)


@context("each input alone")
def alone(f, inputs):
    found = []
    for position, x in enumerate(inputs):
        (leaf,) = leaves((x,))
        given = (*inputs[:position], leaf, *inputs[position + 1 :])
        found += torch.autograd.grad(loss_of(f)(*given), leaf)
    return found


@context("double backward")
def double(f, inputs):
    inputs = leaves(inputs)
    first = torch.autograd.grad(loss_of(f)(*inputs), inputs, create_graph=True)
    total = sum((g.abs() ** 2).sum() for g in first)
    return torch.autograd.grad(total, inputs)


@context("gradcheck")
def check(f, inputs):
    assert gradcheck(lambda *xs: tuple(floating(f(*xs))), leaves(inputs))
    return []


@context("gradgradcheck")
def check_twice(f, inputs):
    assert gradgradcheck(lambda *xs: tuple(floating(f(*xs))), leaves(inputs))
    return []


@context("is_grads_batched")
def batched(f, inputs):
    inputs = leaves(inputs)
    output = floating(f(*inputs))[0]
    grads = torch.stack([torch.ones_like(output), output.detach()])
    return torch.autograd.grad(output, inputs, grads, is_grads_batched=True)


@context("func.grad")
def func_grad(f, inputs):
    return torch.func.grad(loss_of(f), everywhere(inputs))(*inputs)


@context("func.vjp")
def func_vjp(f, inputs):
    output, pull = torch.func.vjp(lambda *xs: tuple(floating(f(*xs))), *inputs)
    return pull(tuple(torch.ones_like(one) for one in output))


@context("func.jvp")
def func_jvp(f, inputs):
    tangents = tuple(x * 0.5 + 1 for x in inputs)
    return torch.func.jvp(lambda *xs: tuple(floating(f(*xs))), inputs, tangents)


@context("vmap")
def func_vmap(f, inputs):
    return torch.vmap(f)(*(torch.stack([x, 2 * x]) for x in inputs))


@context("vmap(grad)")
def vmap_grad(f, inputs):
    batch = (torch.stack([x, 2 * x]) for x in inputs)
    return torch.vmap(torch.func.grad(loss_of(f), everywhere(inputs)))(*batch)


@context("vmap(grad), one input")
def vmap_grad_one(f, inputs):
    first = torch.stack([inputs[0], 2 * inputs[0]])
    gradient = torch.func.grad(loss_of(f), everywhere(inputs))
    return torch.vmap(gradient, (0, *(None for _ in inputs[1:])))(first, *inputs[1:])


@context("jacrev")
def jacrev(f, inputs):
    real = _reals(f, inputs)
    return torch.func.jacrev(real, everywhere(inputs))(*inputs)


@context("jacfwd")
def jacfwd(f, inputs):
    return torch.func.jacfwd(_reals(f, inputs), everywhere(inputs))(*inputs)


@context("hessian")
def hessian(f, inputs):
    return torch.func.hessian(loss_of(f), everywhere(inputs))(*inputs)


@context("jacfwd(jacfwd)")
def forward_twice(f, inputs):
    wrt = everywhere(inputs)
    return torch.func.jacfwd(torch.func.jacfwd(loss_of(f), wrt), wrt)(*inputs)


@context("jacrev(jacfwd)")
def reverse_over_forward(f, inputs):
    wrt = everywhere(inputs)
    return torch.func.jacrev(torch.func.jacfwd(loss_of(f), wrt), wrt)(*inputs)


@context("dual numbers")
def dual(f, inputs):
    with forward_ad.dual_level():
        duals = (forward_ad.make_dual(x, 0.5 * x + 1) for x in inputs)
        return [forward_ad.unpack_dual(o).tangent for o in floating(f(*duals))]


@context("dual numbers, backward")
def dual_backward(f, inputs):
    inputs = leaves(inputs)
    with forward_ad.dual_level():
        duals = [forward_ad.make_dual(x, 0.5 * x.detach() + 1) for x in inputs]
        grads = torch.autograd.grad(loss_of(f)(*duals), duals, create_graph=True)
        return [forward_ad.unpack_dual(g).tangent for g in grads]


@context("compile")
def compiled(f, inputs):
    inputs = leaves(inputs)
    return torch.autograd.grad(_compile(loss_of(f))(*inputs), inputs)


@context("compile, dynamic")
def compiled_dynamic(f, inputs):
    inputs = leaves(inputs)
    return torch.autograd.grad(_compile(loss_of(f), dynamic=True)(*inputs), inputs)


@context("compile(func.grad)")
def compiled_grad(f, inputs):
    return _compile(torch.func.grad(loss_of(f), everywhere(inputs)))(*inputs)


@context("compile(vmap(grad))")
def compiled_vmap_grad(f, inputs):
    batch = [torch.stack([x, 2 * x]) for x in inputs]
    return _compile(torch.vmap(torch.func.grad(loss_of(f))))(*batch)


@context("compile(func.jvp)")
def compiled_jvp(f, inputs):
    tangents = tuple(x * 0.5 + 1 for x in inputs)
    return _compile(lambda: torch.func.jvp(loss_of(f), inputs, tangents))()


@context("export")
def exported(f, inputs):
    class Module(torch.nn.Module):
        def forward(self, *xs):
            return f(*xs)

    return torch.export.export(Module(), inputs).module()(*inputs)


@context("autocast")
def autocast(f, inputs):
    singles = leaves(tuple(_single(x) for x in inputs))
    with torch.autocast("cpu", torch.bfloat16):
        output = floating(f(*singles))[0]
    return torch.autograd.grad((output.float() ** 2).sum(), singles)


@context("saved tensor hooks")
def hooks(f, inputs):
    inputs = leaves(inputs)
    with torch.autograd.graph.save_on_cpu():
        loss = loss_of(f)(*inputs)
    return torch.autograd.grad(loss, inputs)


@context("checkpoint")
def checkpointed(f, inputs):
    inputs = leaves(inputs)
    loss = checkpoint(loss_of(f), *inputs, use_reentrant=False)
    return torch.autograd.grad(loss, inputs)


@context("no_grad")
def no_grad(f, inputs):
    with torch.no_grad():
        output = f(*leaves(inputs))
    assert not any(
        o.grad_fn for o in floating(output)
    )  # an input itself may require it
    return output


@context("inference_mode")
def inference(f, inputs):
    with torch.inference_mode():
        return f(*inputs)


def _compile(f: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    torch._dynamo.reset()
    return torch.compile(f, fullgraph=True, backend="aot_eager", **options)


def _reals(f: Callable[..., Any], inputs: Sequence[torch.Tensor]) -> Callable[..., Any]:
    """The outputs that have a gradient, real: a jacobian of complex ones is none."""
    return lambda *xs: tuple(
        torch.view_as_real(o) if o.is_complex() else o for o in floating(f(*xs))
    )


def _single(x: torch.Tensor) -> torch.Tensor:
    return x.to(torch.complex64 if x.is_complex() else torch.float32)
