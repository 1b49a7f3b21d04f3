"""Elements chosen by index, by order and by place."""

from __future__ import annotations

import numpy as np
import torch

from tests.derive.cases._case import case

ROWS = np.array([0, 2, 2, 1])
COLUMNS = np.array([1, 1, 1, 3])
PLACES = np.array([[0, 2], [1, 1], [3, 0]])


@case(lambda x: x[0], x=(3, 4))
def numpy_index(x):
    return x[0]


@case(lambda x: x[:, 1], x=(3, 4))
def numpy_column(x):
    return x[:, 1]


@case(lambda x: x[1:, :-1] * x[:-1, 1:], x=(3, 4))
def numpy_slices(x):
    return x[1:, :-1] * x[:-1, 1:]


@case(lambda x: x[..., -1, ::2], x=(2, 3, 4))
def numpy_ellipsis(x):
    return x[..., -1, ::2]


@case(lambda x: x[:, None] * x[None], x=(4,))
def numpy_new_axes(x):
    return x[:, None] * x[np.newaxis, :]


@case(lambda x: x[::2].sum(), x=(5, 2))
def numpy_slice_sum(x):
    return np.sum(x[::2])


@case(lambda x: x[: x.shape[0] // 2] ** 2, x=(6, 2))
def numpy_half(x):
    return x[: x.shape[0] // 2] ** 2


@case(lambda x, rows: x[rows], x=(3, 4), rows=ROWS)
def numpy_rows(x, rows):
    return x[rows]


@case(lambda x, columns: x[:, columns], x=(3, 4), columns=COLUMNS)
def numpy_columns(x, columns):
    return x[:, columns]


@case(lambda x, r, c: x[r, c], x=(3, 4), r=ROWS, c=COLUMNS)
def numpy_pairs(x, r, c):
    return x[r, c]


@case(lambda x, r: x[1:, r, :2], x=(3, 4, 3), r=ROWS)
def numpy_mixed(x, r):
    return x[1:, r, :2]


@case(lambda x, c: x[torch.arange(4), c], x=(4, 4), c=COLUMNS)
def numpy_picked(x, c):
    return x[np.arange(4), c]


@case(lambda x: x[:, [0, 2]], x=(3, 4))
def numpy_list(x):
    return x[:, [0, 2]]


@case(lambda x, p: x[p], x=(4, 2), p=PLACES)
def numpy_embedding(x, p):
    return x[p]


@case(x=(3, 4), r=ROWS)
def torch_rows(x, r):
    return x[r] * x[0, r]


@case(x=(2, 3, 4), r=np.array([0, 1, 1]))
def torch_mixed(x, r):
    return x[:, r, 1:3]


@case(lambda x, c: x[:, c], x=(3, 4), c=COLUMNS)
def numpy_take(x, c):
    return np.take(x, c, axis=1)


@case(x=(3, 4), c=COLUMNS)
def torch_index_select(x, c):
    return torch.index_select(x, 1, c)


@case(x=(3, 4))
def torch_select_narrow(x):
    return x.select(0, 1) * x.narrow(0, 0, 2)


@case(lambda x, p: torch.take_along_dim(x, p, 1), x=(3, 4), p=PLACES)
def numpy_take_along_axis(x, p):
    return np.take_along_axis(x, p, axis=1)


@case(x=(3, 4), p=PLACES)
def torch_gather(x, p):
    return x.gather(1, p)


@case(x=(5, 4), p=PLACES)
def torch_gather_fewer(x, p):
    return torch.gather(x, 1, p)


@case(lambda x: x.sort(0).values, x=(5, 2))
def numpy_sort(x):
    return np.sort(x, axis=0)


@case(x=(5, 2))
def torch_sort(x):
    values, _ = torch.sort(x, dim=0, descending=True)
    return values * values


@case(lambda x: torch.take_along_dim(x, torch.argsort(x, -1), -1), x=(2, 5))
def numpy_argsort(x):
    return np.take_along_axis(x, np.argsort(x), axis=-1)


@case(x=(3, 5))
def torch_topk(x):
    values, _ = x.topk(2)
    return values


@case(x=(4, 3), labels=np.array([0, 2, 1, 2]))
def torch_one_hot(x, labels):
    return (x * torch.nn.functional.one_hot(labels, 3)).sum(1)


@case(x=(3, 4))
def torch_masked_fill(x):
    return x.masked_fill(x < 0, 0.0)
