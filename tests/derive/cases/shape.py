"""The same numbers in another shape, joined, cut, padded and repeated."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from tests.derive.cases._case import case


@case(lambda x: x.reshape(4, 3) * 2, x=(3, 4))
def numpy_reshape(x):
    return np.reshape(x, (4, 3)) * 2


@case(lambda x: x.reshape(2, -1), x=(2, 3, 4))
def numpy_reshape_size(x):
    return x.reshape(x.shape[0], -1)


@case(x=(2, 3, 4))
def torch_views(x):
    return x.view(6, 4).flatten() * x.flatten(1).reshape(-1)


@case(x=(2, 12))
def torch_unflatten(x):
    return x.unflatten(1, (3, -1)).permute(2, 0, 1)


@case(lambda x: x.reshape(-1), x=(3, 4))
def numpy_ravel(x):
    return np.ravel(x)


@case(lambda x: x.squeeze(1).unsqueeze(0), x=(3, 1, 4))
def numpy_squeeze(x):
    return np.expand_dims(np.squeeze(x, axis=1), 0)


@case(x=(3, 1, 4))
def torch_squeeze(x):
    return x.squeeze() * x.squeeze(0).unsqueeze(-1).squeeze(1).squeeze(-1)


@case(lambda x: x.permute(2, 0, 1), x=(2, 3, 4))
def numpy_transpose(x):
    return np.transpose(x, (2, 0, 1))


@case(lambda x: x.permute(2, 1, 0), x=(2, 3, 4))
def numpy_reversed_axes(x):
    return x.T


@case(lambda x: x.transpose(0, 2), x=(2, 3, 4))
def numpy_swapaxes(x):
    return x.swapaxes(0, 2)


@case(lambda x: x.movedim(0, -1), x=(2, 3, 4))
def numpy_moveaxis(x):
    return np.moveaxis(x, 0, -1)


@case(x=(2, 3, 4))
def torch_transposes(x):
    return x.transpose(1, 2) + x.mT * x.movedim((0, 1), (0, 2))


@case(lambda x: x.expand(3, 4), x=(4,))
def numpy_broadcast_to(x):
    return np.broadcast_to(x, (3, 4))


@case(x=(3, 1), y=(3, 4))
def torch_expand(x, y):
    return x.expand(-1, 4) * x.expand_as(y) + y


@case(lambda x, y: torch.cat([x, y], 1), x=(3, 2), y=(3, 4))
def numpy_concatenate(x, y):
    return np.concatenate([x, y], axis=1)


@case(lambda x, y: torch.cat([x, y, x]), x=(2, 3), y=(4, 3))
def numpy_concatenate_thrice(x, y):
    return np.concatenate((x, y, x))


@case(x=(3, 2), y=(3, 4))
def torch_cat(x, y):
    return torch.cat((x, y), dim=-1)


@case(lambda x: torch.hstack([x, 2 * x]), x=(3,))
def numpy_hstack(x):
    return np.hstack([x, 2 * x])


@case(lambda x, y: torch.vstack([x, y]), x=(3,), y=(2, 3))
def numpy_vstack(x, y):
    return np.vstack([x, y])


@case(lambda x, y: torch.stack([x, y], 1), x=(3, 4), y=(3, 4))
def numpy_stack(x, y):
    return np.stack([x, y], axis=1)


@case(x=(3, 4), y=(3, 4))
def torch_stack(x, y):
    return torch.stack((x, y))


@case(lambda x: x[:, :2] * x[:, 2:], x=(3, 4))
def numpy_split(x):
    left, right = np.split(x, 2, axis=1)
    return left * right


@case(x=(6, 4))
def torch_split(x):
    first, second, third = torch.split(x, [1, 2, 3])
    return first * second + third.sum(0)


@case(x=(6, 4))
def torch_chunk(x):
    gates = x.chunk(2, dim=1)
    return gates[0] * gates[1]


@case(x=(3, 4))
def torch_unbind(x):
    a, b, c = x.unbind()
    return a * b + c


@case(lambda x: x.roll(1, 0), x=(3, 4))
def numpy_roll(x):
    return np.roll(x, 1, axis=0)


@case(x=(3, 4))
def torch_roll(x):
    return torch.roll(x, (1, -2), (0, 1))


@case(lambda x: x.flip(0), x=(3, 4))
def numpy_flip(x):
    return np.flip(x, axis=0)


@case(x=(3, 4))
def torch_flip(x):
    return x.flip(0, 1)


@case(lambda x: F.pad(x, (2, 2, 1, 1)), x=(3, 4))
def numpy_pad(x):
    return np.pad(x, ((1, 1), (2, 2)))


@case(x=(2, 3, 4))
def torch_pad(x):
    return F.pad(x, (0, 1, 2, 0), value=1.5)


@case(lambda x: x.tile(2, 3), x=(3, 4))
def numpy_tile(x):
    return np.tile(x, (2, 3))


@case(lambda x: x.repeat(2, 3), x=(4,))
def numpy_tile_higher(x):
    return np.tile(x, (2, 3))


@case(lambda x: x.repeat_interleave(2, 1), x=(3, 4))
def numpy_repeat(x):
    return np.repeat(x, 2, axis=1)


@case(lambda x: x.repeat_interleave(torch.tensor([1, 0, 2]), 0), x=(3, 4))
def numpy_repeat_each(x):
    return np.repeat(x, [1, 0, 2], axis=0)


@case(x=(3, 4))
def torch_repeat(x):
    return x.repeat(2, 1) * x.repeat_interleave(2, dim=0)


@case(lambda x: x * torch.ones(4), x=(3, 4))
def numpy_ones_like(x):
    return x * np.ones_like(x) + np.zeros_like(x)


@case(x=(3,))
def torch_new(x):
    return x * x.new_full((3,), 2.5) + torch.full_like(x, 2.0) + x.new_zeros(2, 3)


@case(lambda x: x * torch.arange(x.shape[1]).double(), x=(3, 4))
def numpy_arange(x):
    return x * np.arange(x.shape[1])


@case(lambda x: (2 * x).clone(), x=(3,))
def numpy_copy(x):
    return (2 * x).copy()


@case(x=(3,))
def torch_cast(x):
    return (x * x).to(torch.complex128).real + x.double().contiguous()


@case(lambda x, y: torch.meshgrid(x, y, indexing="xy")[0] * y[:, None], x=(3,), y=(4,))
def numpy_meshgrid(x, y):
    columns, rows = np.meshgrid(x, y)
    return columns * rows


@case(lambda x: x[None] * 2, x=(4,))
def numpy_atleast_2d(x):
    return np.atleast_2d(x) * 2
