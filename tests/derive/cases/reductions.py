"""Reductions over an axis, several or all, and scans."""

from __future__ import annotations

import numpy as np
import torch

from tests.derive.cases._case import case

POSITIVE = (0.2, 3.0)


@case(lambda x: x.sum(), x=(3, 4))
def numpy_sum(x):
    return np.sum(x)


@case(lambda x: x.sum(-1, keepdim=True), x=(3, 4))
def numpy_sum_keepdims(x):
    return x.sum(axis=-1, keepdims=True)


@case(lambda x: x.sum((0, 2)), x=(2, 3, 4))
def numpy_sum_axes(x):
    return np.sum(x, axis=(0, 2))


@case(lambda x: x.sum((0, 1, 2), keepdim=True), x=(2, 3, 4))
def numpy_sum_all_keepdims(x):
    return np.sum(x, keepdims=True)


@case(x=(2, 3, 4))
def torch_sum_mean(x):
    return x.sum(dim=1, keepdim=True) * x.mean((0, 2), keepdim=True)


@case(lambda x: x.mean(0), x=(3, 4))
def numpy_mean(x):
    return np.mean(x, axis=0)


@case(lambda x: x.amax(), x=(3, 4))
def numpy_max(x):
    return np.max(x)


@case(lambda x: x.amax((0, 2)), x=(2, 3, 4))
def numpy_amax_axes(x):
    return np.amax(x, axis=(0, 2))


@case(lambda x: x.amin(-1), x=(3, 4))
def numpy_min(x):
    return np.min(x, axis=-1)


@case(x=(3, 4))
def torch_max_dim(x):
    values, _ = torch.max(x, dim=1)
    return values


@case(x=(3, 4))
def torch_min_keepdim(x):
    return x - x.min(0, keepdim=True)[0]


@case(x=(3, 4), y=(3, 4))
def torch_max_other(x, y):
    return torch.max(x, y) + x.max()


@case(x=(3, 4))
def torch_amax(x):
    return torch.amax(x, dim=(0, 1)) * x.amin(1)


@case(lambda x: x.amax(0) - x.amin(0), x=(3, 4))
def numpy_ptp(x):
    return np.ptp(x, axis=0)


@case(lambda x: x.prod(), x=((2, 3), POSITIVE))
def numpy_prod(x):
    return np.prod(x)


@case(
    lambda x: x.prod(1), x=np.array([[0.0, 2.0, 3.0], [0.0, 0.0, 4.0], [1.0, 2.0, 3.0]])
)
def numpy_prod_zeros(x):
    return np.prod(x, axis=1)


@case(lambda x: x.prod(2).prod(0), x=(2, 3, 4))
def numpy_prod_axes(x):
    return np.prod(x, axis=(0, 2))


@case(x=(3, 4))
def torch_prod_keepdim(x):
    return torch.prod(x, dim=-1, keepdim=True) * x


@case(lambda x: x.var(correction=0), x=(3, 4))
def numpy_var(x):
    return np.var(x)


@case(lambda x: x.var(0, correction=1), x=(3, 4))
def numpy_var_ddof(x):
    return np.var(x, axis=0, ddof=1)


@case(lambda x: x.std((0, 2), correction=0, keepdim=True), x=(2, 3, 4))
def numpy_std(x):
    return np.std(x, axis=(0, 2), keepdims=True)


@case(x=(3, 4))
def torch_var(x):
    return torch.var(x, dim=1)


@case(x=(3, 4))
def torch_std(x):
    return x.std(dim=0, correction=2, keepdim=True) + torch.std(x)


@case(x=(3, 4))
def torch_var_biased(x):
    return torch.var(x, dim=1, unbiased=False)


@case(lambda x: torch.linalg.norm(x), x=(3, 4))
def numpy_norm(x):
    return np.linalg.norm(x)


@case(lambda x: torch.linalg.vector_norm(x, dim=1), x=(3, 4))
def numpy_norm_axis(x):
    return np.linalg.norm(x, axis=1)


@case(lambda x: torch.linalg.vector_norm(x, 1, dim=1), x=(3, 4))
def numpy_norm_1(x):
    return np.linalg.norm(x, 1, axis=1)


@case(lambda x: torch.linalg.vector_norm(x, 3, dim=0, keepdim=True), x=(3, 4))
def numpy_norm_3(x):
    return np.linalg.norm(x, 3, axis=0, keepdims=True)


@case(lambda x: torch.linalg.vector_norm(x, float("inf"), dim=0), x=(3, 4))
def numpy_norm_infinity(x):
    return np.linalg.norm(x, np.inf, axis=0)


@case(lambda x: torch.linalg.vector_norm(x, dim=(0, 1, 2), keepdim=True), x=(2, 3, 2))
def numpy_vector_norm_axes(x):
    return np.linalg.vector_norm(x, axis=(0, 1, 2), keepdims=True)


@case(lambda x: torch.linalg.matrix_norm(x), x=(2, 3, 4))
def numpy_matrix_norm(x):
    return np.linalg.matrix_norm(x)


@case(x=(3, 4))
def torch_norm(x):
    return torch.norm(x) + x.norm(dim=1)


@case(x=(3, 4))
def torch_linalg_norms(x):
    return torch.linalg.vector_norm(x, dim=0) + torch.linalg.norm(x)


@case(lambda x, w: (x * w).sum(1) / w.sum(1), x=(3, 4), w=((3, 4), POSITIVE))
def numpy_average(x, w):
    return np.average(x, axis=1, weights=w)


@case(lambda x: x.cumsum(0), x=(3, 4))
def numpy_cumsum(x):
    return np.cumsum(x, axis=0)


@case(lambda x: x.reshape(-1).cumsum(0), x=(3, 4))
def numpy_cumsum_flat(x):
    return np.cumsum(x)


@case(lambda x: torch.cat([torch.zeros(1), x]).cumsum(0), x=(4,))
def numpy_cumulative_sum(x):
    return np.cumulative_sum(x, include_initial=True)


@case(lambda x: x.cumprod(1), x=np.array([[1.0, 0.0, 2.0, 3.0], [2.0, 0.0, 0.0, 1.0]]))
def numpy_cumprod(x):
    return np.cumprod(x, axis=1)


@case(x=(3, 4))
def torch_cumprod(x):
    return torch.cumprod(x, dim=0) + x.cumsum(-1)


@case(lambda x: torch.diff(x, n=2, dim=0), x=(5, 2))
def numpy_diff(x):
    return np.diff(x, n=2, axis=0)


@case(lambda x: x * (x > 0).sum(1, keepdim=True), x=(3, 4))
def numpy_count(x):
    return x * np.count_nonzero(x > 0, axis=1, keepdims=True)


@case(lambda x: torch.where((x > 0).all(0), x, 2 * x), x=(3, 4))
def numpy_all(x):
    return np.where(np.all(x > 0, axis=0), x, 2 * x)


@case(lambda x: x * torch.argmax(x, dim=1, keepdim=True), x=(3, 4))
def numpy_argmax(x):
    return x * np.argmax(x, axis=1, keepdims=True)
