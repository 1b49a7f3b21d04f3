"""Names of linear algebra."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from gradproof.derive.calls._table import call
from gradproof.derive.ir import Value
from gradproof.derive.rules import decompositions, elementwise, linalg, reductions
from gradproof.derive.rules.shape import reshape, swap_last

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


@call("matmul", "__matmul__", "mm", "bmm", "mv")
def matmul(x: Any, y: Any) -> Value:
    return linalg.matmul(x, y)


@call("__rmatmul__")
def reverse_matmul(x: Any, y: Any) -> Value:
    return linalg.matmul(y, x)


@call("dot")
def dot(x: Value, y: Value) -> Value:
    if not x.ndim or not y.ndim:
        return x * y
    if y.ndim > 2:
        return tensordot(x, y, ((-1,), (-2,)))
    return linalg.matmul(x, y)


@call("vdot")
def vdot(x: Value, y: Value) -> Value:
    x, y = (v if v.ndim == 1 else reshape(v, shape=(-1,)) for v in (x, y))
    return linalg.matmul(elementwise.conj(x), y)


@call("vecdot")
def vecdot(x: Value, y: Value, axis: int = -1) -> Value:
    return reductions.sum(elementwise.conj(x) * y, axis=axis)


@call("inner")
def inner(x: Value, y: Value) -> Value:
    if not x.ndim or not y.ndim:
        return x * y
    if x.ndim <= 2 and y.ndim <= 2:
        return linalg.matmul(x, swap_last(y))
    return tensordot(x, y, ((-1,), (-1,)))


@call("outer", "ger")
def outer(x: Value, y: Value) -> Value:
    x, y = (v if v.ndim == 1 else reshape(v, shape=(-1,)) for v in (x, y))
    return linalg.outer(x, y)


@call("tensordot")
def tensordot(x: Value, y: Value, axes: Any = 2, *, dims: Any = None) -> Value:
    given = axes if dims is None else dims
    if isinstance(given, int):
        left = list(range(x.ndim - given, x.ndim))
        right = list(range(given))
    else:
        pairs = [[one] if isinstance(one, int) else list(one) for one in given]
        left, right = (
            [i % v.ndim for i in p] for p, v in zip(pairs, (x, y), strict=True)
        )
    if [x.shape[i] for i in left] != [y.shape[i] for i in right]:
        raise ValueError(f"axes of shapes {x.shape} and {y.shape} do not fit")
    first = list(LETTERS[: x.ndim])
    second = list(LETTERS[x.ndim : x.ndim + y.ndim])
    for i, j in zip(left, right, strict=True):
        second[j] = first[i]
    rest = [c for c in first + second if (c in first) != (c in second)]
    subscripts = f"{''.join(first)},{''.join(second)}->{''.join(rest)}"
    return linalg.einsum(x, y, subscripts=subscripts)


@call("einsum")
def einsum(subscripts: Any, *operands: Any, optimize: Any = None) -> Value:
    if not isinstance(subscripts, str):
        raise ValueError('give the subscripts as text, as in "ij,jk->ik"')
    values = list(operands[0]) if isinstance(operands[0], list | tuple) else operands
    return linalg.einsum(*values, subscripts=explicit(subscripts, values))


def explicit(subscripts: str, operands: Sequence[Value]) -> str:
    """Subscripts with an output, and letters in the place of dots."""
    inputs, arrow, result = subscripts.replace(" ", "").partition("->")
    terms = inputs.split(",")
    if len(terms) != len(operands):
        raise ValueError(f"{len(terms)} subscripts for {len(operands)} arrays")
    if not arrow:
        once = sorted(c for c in set(inputs) - set(".,") if inputs.count(c) == 1)
        result = ("..." if "..." in inputs else "") + "".join(once)
    free = [c for c in reversed(LETTERS) if c not in subscripts]
    counts = [
        v.ndim - len(t.replace("...", ""))
        for t, v in zip(terms, operands, strict=True)
        if "..." in t
    ]
    dots = "".join(free[: max(counts, default=0)])
    filled = []
    for term, value in zip(terms, operands, strict=True):
        own = value.ndim - len(term.replace("...", ""))
        filled.append(term.replace("...", dots[len(dots) - own :] if own else ""))
    for term in filled:
        if len(set(term)) < len(term):
            raise ValueError(f'"{term}" repeats an axis: take its diagonal() first')
    return f"{','.join(filled)}->{result.replace('...', dots)}"


@call("kron")
def kron(x: Value, y: Value) -> Value:
    if x.ndim != 2 or y.ndim != 2:
        raise ValueError("kron is supported for two matrices")
    product = linalg.einsum(x, y, subscripts="ij,kl->ikjl")
    sizes = (x.shape[0] * y.shape[0], x.shape[1] * y.shape[1])
    return reshape(product, shape=sizes)


@call("cross")
def cross(x: Value, y: Value, axis: int | None = -1) -> Value:
    at = -1 if axis is None else axis
    if x.shape[at] != 3 or y.shape[at] != 3:
        raise ValueError("it takes vectors of three numbers")
    return linalg.cross(x, y, **({} if at == -1 else {"axis": at}))


@call("matrix_power")
def matrix_power(x: Value, n: int) -> Value:
    if n == 0:
        raise ValueError("the power 0 is a constant: use eye")
    base = x if n > 0 else decompositions.inv(x)
    return functools.reduce(linalg.matmul, [base] * abs(n))


@call("multi_dot", "chain_matmul")
def multi_dot(arrays: Sequence[Value]) -> Value:
    return functools.reduce(linalg.matmul, arrays)


def _sum(x: Value, product: Value, beta: Any, alpha: Any) -> Value:
    product = product if alpha == 1 else alpha * product
    if beta == 0:
        return product
    return (x if beta == 1 else beta * x) + product


@call("addmm", "baddbmm", "addmv")
def addmm(x: Value, y: Value, z: Value, *, beta: Any = 1, alpha: Any = 1) -> Value:
    return _sum(x, linalg.matmul(y, z), beta, alpha)


@call("addr")
def addr(x: Value, y: Value, z: Value, *, beta: Any = 1, alpha: Any = 1) -> Value:
    return _sum(x, linalg.outer(y, z), beta, alpha)


@call("addbmm")
def addbmm(x: Value, y: Value, z: Value, *, beta: Any = 1, alpha: Any = 1) -> Value:
    return _sum(x, reductions.sum(linalg.matmul(y, z), axis=0), beta, alpha)


@call("bilinear")
def bilinear(x: Value, y: Value, weight: Value, bias: Value | None = None) -> Value:
    letters = LETTERS[3:][: x.ndim - 1]
    subscripts = f"{letters}a,{letters}b,cab->{letters}c"
    product = linalg.einsum(x, y, weight, subscripts=subscripts)
    return product if bias is None else product + bias
