"""Inverses, determinants and factors of square matrices, also in batches."""

from __future__ import annotations

from typing import Any

from gradproof.derive import infer
from gradproof.derive.infer import REAL
from gradproof.derive.ir import Type, Value, promoted
from gradproof.derive.rules._define import operation, without_gradient
from gradproof.derive.rules.elementwise import conj, where
from gradproof.derive.rules.linalg import eye_like, outer, tril
from gradproof.derive.rules.shape import expand_dims, swap_last


def adjoint(x: Value) -> Value:
    """The conjugate transpose."""
    return conj(swap_last(x))


def _square(x: Value, **_: Any) -> Type:
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        problem = f"shape {x.shape} is not of square matrices"
        raise infer.SizesDifferError(problem, x.shape[-2:-1], x.shape[-1:])
    return infer.floating(x)


def _number(x: Value) -> Type:
    shape, dtype = _square(x)
    return Type(shape[:-2], dtype)


def _real_number(x: Value) -> Type:
    shape, dtype = _number(x)
    return Type(shape, REAL.get(dtype, dtype))


def _eigenvalues(x: Value) -> Type:
    shape, dtype = _square(x)
    return Type(shape[:-1], REAL.get(dtype, dtype))


def _by_matrix(number: Value) -> Value:
    """One number a matrix, with the two axes of the matrix."""
    return (
        expand_dims(number, axis=(number.ndim, number.ndim + 1))
        if number.ndim
        else number
    )


@operation(
    _square,
    numpy="np.linalg.inv({0})",
    torch="torch.linalg.inv({0})",
    latex="{0:9}^{{-1}}",
)
def inv(grad: Value, output: Value, x: Value) -> Any:
    """d X⁻¹ = -X⁻¹·dX·X⁻¹, so the gradient is -X⁻ᵀ·grad·X⁻ᵀ"""
    return -(adjoint(output) @ grad @ adjoint(output))


def _solve(x: Value, y: Value) -> Type:
    _square(x)
    if y.ndim == 1 and x.ndim > 2:
        raise ValueError("a batch of matrices with one vector: give it a batch too")
    shape, _ = infer.matmul(x, y)
    return Type(shape, promoted([x, y], to_float=True))


@operation(
    _solve,
    numpy="np.linalg.solve({0}, {1})",
    torch="torch.linalg.solve({0}, {1})",
    latex="{0:9}^{{-1}} {1:6}",
)
def solve(grad: Value, output: Value, x: Value, y: Value) -> Any:
    """d X⁻¹·Y = X⁻¹·(dY - dX·X⁻¹·Y): the gradient of Y is G = X⁻ᵀ·grad"""
    grad_y = solve(adjoint(x), grad)
    if y.ndim == 1:
        return -outer(grad_y, conj(output)), grad_y
    return -(grad_y @ adjoint(output)), grad_y


@operation(
    _number,
    numpy="np.linalg.det({0})",
    torch="torch.linalg.det({0})",
    latex=r"\det {0:9}",
)
def det(grad: Value, output: Value, x: Value) -> Any:
    """d det X = det X · tr(X⁻¹·dX), so the gradient is grad·det X · X⁻ᵀ"""
    return _by_matrix(grad * conj(output)) * adjoint(inv(x))


@operation(
    _real_number,
    numpy="np.linalg.slogdet({0})[1]",
    torch="torch.linalg.slogdet({0})[1]",
    latex=r"\log |\det {0:9}|",
)
def logabsdet(grad: Value, output: Value, x: Value) -> Any:
    """d log |det X| = tr(X⁻¹·dX), so the gradient is grad·X⁻ᵀ"""
    return _by_matrix(grad) * adjoint(inv(x))


sign_of_det = without_gradient(
    "sign_of_det",
    _number,
    numpy="np.linalg.slogdet({0})[0]",
    torch="torch.linalg.slogdet({0})[0]",
    latex=r"\mathrm{{sign}} \det {0:9}",
)


@operation(
    _square,
    numpy="np.linalg.cholesky({0})",
    torch="torch.linalg.cholesky({0})",
    latex=r"\mathrm{{chol}}({0:0})",
)
def cholesky(grad: Value, output: Value, x: Value) -> Any:
    """With S = Lᵀ·grad: ½·L⁻ᵀ·(tril(S) + tril(S, -1)ᵀ)·L⁻¹, which is symmetric"""
    inverse = inv(output)
    product = adjoint(output) @ grad
    symmetric = tril(product) + adjoint(tril(product, k=-1))
    return 0.5 * (adjoint(inverse) @ symmetric @ inverse)


@operation(
    _eigenvalues,
    numpy="np.linalg.eigvalsh({0})",
    torch="torch.linalg.eigvalsh({0})",
    latex=r"\lambda({0:0})",
)
def eigvalsh(grad: Value, output: Value, x: Value) -> Any:
    """dλ = diag(Vᵀ·dX·V), so the gradient is V·diag(grad)·Vᵀ"""
    vectors = eigenvectors(x)
    return (vectors * expand_dims(grad, axis=(grad.ndim - 1,))) @ adjoint(vectors)


@operation(
    _square,
    numpy="np.linalg.eigh({0})[1]",
    torch="torch.linalg.eigh({0})[1]",
    latex=r"V({0:0})",
)
def eigenvectors(grad: Value, output: Value, x: Value) -> Any:
    """DV = V·(F ∘ Vᵀ·dX·V), Fᵢⱼ = 1/(λⱼ - λᵢ): only where no two λ are equal"""
    values = eigvalsh(x)
    last = values.ndim
    gaps = expand_dims(values, axis=(last - 1,)) - expand_dims(values, axis=(last,))
    gaps = where(eye_like(values), float("inf"), gaps)
    return output @ (adjoint(output) @ grad / gaps) @ adjoint(output)
