"""Names of what takes one matrix: its triangles, its diagonal, its factors."""

from __future__ import annotations

from gradproof.derive.calls._table import call
from gradproof.derive.calls.shapes import moveaxis
from gradproof.derive.ir import Value
from gradproof.derive.rules import decompositions, elementwise, linalg, reductions
from gradproof.derive.rules.shape import expand_dims, reshape, squeeze


@call("tril")
def tril(x: Value, k: int = 0, *, diagonal: int | None = None) -> Value:
    k = k if diagonal is None else diagonal
    return linalg.tril(x, **({"k": k} if k else {}))


@call("triu")
def triu(x: Value, k: int = 0, *, diagonal: int | None = None) -> Value:
    k = k if diagonal is None else diagonal
    return linalg.triu(x, **({"k": k} if k else {}))


@call("diagonal")
def diagonal(
    x: Value,
    offset: int = 0,
    axis1: int = 0,
    axis2: int = 1,
    *,
    dim1: int | None = None,
    dim2: int | None = None,
) -> Value:
    first, second = axis1 if dim1 is None else dim1, axis2 if dim2 is None else dim2
    if (first % x.ndim, second % x.ndim) != (x.ndim - 2, x.ndim - 1):
        x = moveaxis(x, (first, second), (-2, -1))
    return linalg.diagonal(x, **({"offset": offset} if offset else {}))


@call("linalg_diagonal")
def last_diagonal(
    x: Value, *, offset: int = 0, dim1: int = -2, dim2: int = -1
) -> Value:
    return diagonal(x, offset, dim1, dim2)


@call("diag")
def diag(x: Value, k: int = 0, *, diagonal: int | None = None) -> Value:
    k = k if diagonal is None else diagonal
    options = {"offset": k} if k else {}
    return (linalg.diag if x.ndim == 1 else linalg.diagonal)(x, **options)


@call("diag_embed")
def diag_embed(x: Value, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Value:
    if (dim1, dim2) != (-2, -1):
        raise ValueError("only the last two axes are supported")
    return linalg.diag(x, **({"offset": offset} if offset else {}))


@call("diagflat")
def diagflat(x: Value, k: int = 0) -> Value:
    return diag(x if x.ndim == 1 else reshape(x, shape=(-1,)), k)


@call("trace")
def trace(x: Value, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Value:
    return reductions.sum(diagonal(x, offset, axis1, axis2), axis=-1)


@call("inv", "inverse")
def inv(x: Value) -> Value:
    return decompositions.inv(x)


@call("solve")
def solve(x: Value, y: Value) -> Value:
    if 1 < y.ndim < x.ndim:  # torch would take it for a batch of vectors
        y = expand_dims(y, axis=tuple(range(x.ndim - y.ndim)))
    if y.ndim == 1 and x.ndim > 2:
        columns = decompositions.solve(x, expand_dims(y, axis=(1,)))
        return squeeze(columns, axis=(columns.ndim - 1,))
    return decompositions.solve(x, y)


@call("solve", library="torch")
def torch_solve(x: Value, y: Value, *, left: bool = True) -> Value:
    if not left:
        raise ValueError("left=False is not supported: transpose both")
    if y.ndim == 1 or y.shape != x.shape[:-1]:
        return solve(x, y)
    columns = decompositions.solve(x, expand_dims(y, axis=(y.ndim,)))
    return squeeze(columns, axis=(y.ndim,))


@call("det")
def det(x: Value) -> Value:
    return decompositions.det(x)


@call("slogdet")
def slogdet(x: Value) -> tuple[Value, Value]:
    return decompositions.sign_of_det(x), decompositions.logabsdet(x)


@call("logdet")
def logdet(x: Value) -> Value:
    return elementwise.log(decompositions.det(x))


@call("cholesky")
def cholesky(x: Value, *, upper: bool = False) -> Value:
    lower = decompositions.cholesky(x)
    return decompositions.adjoint(lower) if upper else lower


@call("eigvalsh")
def eigvalsh(x: Value, UPLO: str = "L") -> Value:
    return decompositions.eigvalsh(x)


@call("eigh")
def eigh(x: Value, UPLO: str = "L") -> tuple[Value, Value]:
    return decompositions.eigvalsh(x), decompositions.eigenvectors(x)
