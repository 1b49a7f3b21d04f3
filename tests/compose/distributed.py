"""Run by test_distributed.py in two processes: a gp.function on sharded tensors."""

from __future__ import annotations

import sys

import pytest
import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import (
    DTensor,
    Replicate,
    Shard,
    distribute_tensor,
)
from torch.nn.parallel import DistributedDataParallel

import gradproof as gp


@gp.function
def linear(x, w, b):
    return x @ w.T + b


@linear.gradient("x")
def linear_x(grad_output, w):
    return grad_output @ w


@linear.gradient("w")
def linear_w(grad_output, x):
    return grad_output.T @ x


@linear.gradient("b")
def linear_b(grad_output):
    return grad_output


@gp.function
def soft(x):
    e = gp.save(e=torch.exp(x))
    return e / e.sum(-1, keepdim=True)


@soft.gradient("x")
def soft_x(grad_output, output):
    return output * (grad_output - (grad_output * output).sum(-1, keepdim=True))


class Layer(torch.nn.Module):
    """A linear layer by the gp.function."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.arange(12.0).reshape(4, 3) / 7)
        self.bias = torch.nn.Parameter(torch.arange(4.0))

    def forward(self, x):
        return soft(linear(x, self.weight, self.bias))


def full(tensor):
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def unsharded(batch):
    layer = Layer()
    (layer(batch) ** 2).sum().backward()
    return layer.weight.grad, layer.bias.grad


def compare(found, true):
    for one, other in zip(found, true, strict=True):
        torch.testing.assert_close(full(one), other)


def sharded(batch, placements, mesh):
    """The gradients where input, weight and bias are placed so."""
    layer = Layer()
    tensors = (batch, layer.weight.detach(), layer.bias.detach())
    x, w, b = (
        distribute_tensor(tensor, mesh, [placement]).requires_grad_()
        for tensor, placement in zip(tensors, placements, strict=True)
    )
    (soft(linear(x, w, b)) ** 2).sum().backward()
    return w.grad, b.grad


def main(rank: int, file: str) -> None:
    dist.init_process_group(
        "gloo", init_method=f"file://{file}", rank=rank, world_size=2
    )
    mesh = init_device_mesh("cpu", (2,))
    torch.manual_seed(0)
    batch = torch.randn(6, 3)
    true = unsharded(batch)
    mine = batch.chunk(2)[rank]

    for placements in (
        (Shard(0), Replicate(), Replicate()),  # data parallel
        (Replicate(), Shard(0), Shard(0)),  # columns of the output
        (Replicate(), Shard(1), Replicate()),  # partial sums
        (Shard(0), Shard(0), Replicate()),
    ):
        compare(sharded(batch, placements, mesh), true)

    replicated = DistributedDataParallel(Layer())
    (replicated(mine) ** 2).sum().backward()
    mean = [parameter.grad * 2 for parameter in replicated.parameters()]
    compare(mean, true)

    layer = Layer()
    fully_shard(layer, mesh=mesh)
    (layer(mine) ** 2).sum().backward()
    compare([parameter.grad * 2 for parameter in layer.parameters()], true)

    x = distribute_tensor(batch, mesh, [Shard(0)])
    plain = torch.ones(4, 3, requires_grad=True), torch.ones(4)
    with pytest.raises(RuntimeError, match="DTensor"):  # they know nothing of the mesh
        linear(x, *plain)
    print("all equal", flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
