"""Linear algebra: products in every rank, inverses, factors."""

from __future__ import annotations

import numpy as np
import torch

from tests.derive.cases._case import case


def _definite(n: int, *batch: int) -> np.ndarray:
    """Symmetric positive definite matrices, well conditioned."""
    x = np.random.default_rng(n).standard_normal((*batch, n, n))
    return x @ x.swapaxes(-1, -2) + n * np.eye(n)


_RANKS = {
    "vectors": ((4,), (4,)),
    "matrix_vector": ((3, 4), (4,)),
    "vector_matrix": ((4,), (4, 3)),
    "matrices": ((2, 3), (3, 4)),
    "batch_vector": ((2, 3, 4), (4,)),
    "vector_batch": ((4,), (2, 4, 3)),
    "batch_matrix": ((5, 2, 3), (3, 4)),
    "matrix_batch": ((2, 3), (5, 3, 4)),
    "batches": ((5, 2, 3), (5, 3, 4)),
    "batches_broadcast": ((5, 1, 2, 3), (6, 3, 4)),
}


def _product(name):
    def function(x, y):
        return x @ y

    function.__name__ = name
    return function


for _name, (_x, _y) in _RANKS.items():
    case(torch.matmul, x=_x, y=_y)(_product(f"numpy_matmul_{_name}"))


@case(torch.dot, x=(4,), y=(4,))
def numpy_dot(x, y):
    return np.dot(x, y)


@case(lambda x, y: torch.tensordot(x, y, ([-1], [-2])), x=(2, 3, 4), y=(5, 4, 2))
def numpy_dot_batches(x, y):
    return np.dot(x, y)


@case(lambda x, y: (x * y).sum(), x=(2, 3), y=(2, 3))
def numpy_vdot(x, y):
    return np.vdot(x, y)


@case(torch.inner, x=(2, 3), y=(4, 3))
def numpy_inner(x, y):
    return np.inner(x, y)


@case(torch.outer, x=(3,), y=(4,))
def numpy_outer(x, y):
    return np.outer(x, y)


@case(x=(3, 4), y=(4,), z=(2, 4, 3))
def torch_products(x, y, z):
    return torch.mv(x, y).sum() * torch.bmm(z, x.expand(2, 3, 4))


@case(torch.kron, x=(2, 3), y=(3, 2))
def numpy_kron(x, y):
    return np.kron(x, y)


@case(lambda x, y: torch.einsum("ij,jk->ik", x, y), x=(2, 3), y=(3, 4))
def numpy_einsum(x, y):
    return np.einsum("ij,jk->ik", x, y)


@case(lambda x, y: torch.einsum("ij,jk", x, y), x=(2, 3), y=(3, 4))
def numpy_einsum_implicit(x, y):
    return np.einsum("ij,jk", x, y)


@case(lambda x, y: torch.einsum("bij,kj->k", x, y), x=(2, 3, 4), y=(5, 4))
def numpy_einsum_summed(x, y):
    return np.einsum("bij,kj->k", x, y)


@case(lambda x: torch.einsum("ij->j", x), x=(3, 4))
def numpy_einsum_one(x):
    return np.einsum("ij->j", x)


@case(x=(2, 3, 4), y=(4, 5), z=(3,))
def torch_einsum_dots(x, y, z):
    return torch.einsum("...ij,jk,i->...k", x, y, z)


@case(lambda x, y: torch.tensordot(x, y, 2), x=(2, 3, 4), y=(3, 4, 5))
def numpy_tensordot(x, y):
    return np.tensordot(x, y, axes=2)


@case(x=(2, 3, 4), y=(4, 5, 2))
def torch_tensordot(x, y):
    return torch.tensordot(x, y, dims=([0, 2], [2, 0]))


@case(lambda x: torch.trace(x), x=(3, 3))
def numpy_trace(x):
    return np.trace(x)


@case(lambda x: torch.diagonal(x, 1), x=(3, 4))
def numpy_diagonal(x):
    return np.diagonal(x, offset=1)


@case(x=(2, 5, 4))
def torch_diagonal(x):
    return torch.diagonal(x, offset=-1, dim1=1, dim2=2)


@case(x=(4, 2, 4))
def torch_diagonal_axes(x):
    return torch.diagonal(x, dim1=0, dim2=2)


@case(torch.diag, x=(4,))
def numpy_diag(x):
    return np.diag(x)


@case(lambda x: torch.diag(x, 2), x=(3,))
def numpy_diag_offset(x):
    return np.diag(x, 2)


@case(x=(3, 4))
def torch_diag_embed(x):
    return torch.diag_embed(x)


@case(lambda x: torch.tril(x) * torch.triu(x, 1), x=(4, 4))
def numpy_triangles(x):
    return np.tril(x) * np.triu(x, 1)


@case(x=(2, 4, 3))
def torch_triangles(x):
    return torch.tril(x, diagonal=-1) + x.triu()


@case(torch.linalg.inv, x=_definite(3))
def numpy_inv(x):
    return np.linalg.inv(x)


@case(x=_definite(3, 2))
def torch_inv(x):
    return torch.linalg.inv(x)


@case(torch.linalg.solve, x=_definite(3), y=(3, 2))
def numpy_solve(x, y):
    return np.linalg.solve(x, y)


@case(torch.linalg.solve, x=_definite(3), y=(3,))
def numpy_solve_vector(x, y):
    return np.linalg.solve(x, y)


@case(x=_definite(3, 2), y=(2, 3, 4))
def torch_solve(x, y):
    return torch.linalg.solve(x, y)


@case(x=_definite(3, 2), y=(2, 3))
def torch_solve_vectors(x, y):
    return torch.linalg.solve(x, y)


@case(torch.linalg.det, x=_definite(3))
def numpy_det(x):
    return np.linalg.det(x)


@case(x=_definite(3, 2))
def torch_det(x):
    return torch.linalg.det(x) + torch.logdet(x)


@case(lambda x: torch.linalg.slogdet(x)[1], x=_definite(3, 2))
def numpy_slogdet(x):
    _, logarithm = np.linalg.slogdet(x)
    return logarithm


# A matrix that is symmetric whatever the input: factors read one triangle only.


@case(lambda x: torch.linalg.cholesky(x @ x.T), x=_definite(3))
def numpy_cholesky(x):
    return np.linalg.cholesky(x @ x.T)


@case(x=_definite(3, 2))
def torch_cholesky(x):
    return torch.linalg.cholesky(x @ x.mT)


@case(lambda x: torch.linalg.eigvalsh(x + x.T), x=_definite(4))
def numpy_eigvalsh(x):
    return np.linalg.eigvalsh(x + x.T)


@case(x=_definite(3, 2))
def torch_eigh(x):
    values, vectors = torch.linalg.eigh(x + x.mT)
    return (vectors**2).cumsum(-1) * values.unsqueeze(-2)


@case(torch.linalg.cross, x=(4, 3), y=(4, 3))
def numpy_cross(x, y):
    return np.cross(x, y)


@case(x=(3, 4), y=(3, 4))
def torch_cross(x, y):
    return torch.linalg.cross(x, y, dim=0)


@case(x=(2, 4), y=(2, 3), z=(3, 4))
def torch_addmm(x, y, z):
    return torch.addmm(x, y, z, beta=0.5, alpha=2.0)


@case(x=(4,), y=(5, 2, 3), z=(5, 3, 4))
def torch_baddbmm(x, y, z):
    return torch.baddbmm(x, y, z)


@case(x=(5, 2), y=(5, 3), weight=(4, 2, 3), bias=(4,))
def torch_bilinear(x, y, weight, bias):
    return torch.nn.functional.bilinear(x, y, weight, bias)


@case(lambda x: torch.linalg.matrix_power(x, 3), x=(3, 3))
def numpy_matrix_power(x):
    return np.linalg.matrix_power(x, 3)


@case(lambda x, y, z: x @ y @ z, x=(2, 3), y=(3, 4), z=(4, 2))
def numpy_multi_dot(x, y, z):
    return np.linalg.multi_dot([x, y, z])
