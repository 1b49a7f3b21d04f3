"""Products of vectors, matrices and batches of them; triangles and diagonals."""

from __future__ import annotations

from typing import Any

from gradproof.derive import infer
from gradproof.derive.ir import Size, Type, Value, make, promoted
from gradproof.derive.rules import _spell, creation
from gradproof.derive.rules._define import REALS, operation, without_gradient
from gradproof.derive.rules.elementwise import conj
from gradproof.derive.rules.selection import at_index
from gradproof.derive.rules.shape import expand_dims, reshape, squeeze, swap_last


@operation(infer.matmul, domain=(REALS, REALS), numpy="@", latex=r"{0} \, {1}")
def matmul(grad: Value, output: Value, x: Value, y: Value) -> Any:
    """d(X·Y) = dX·Y + X·dY, so the gradients are grad·Yᵀ and Xᵀ·grad"""
    if x.ndim == 1 and y.ndim == 1:
        return grad * conj(y), grad * conj(x)
    if x.ndim == 1:  # a row: (k) @ (…, k, n)
        row = expand_dims(grad, axis=(grad.ndim - 1,))
        if y.ndim == 2:
            return conj(y) @ grad, expand_dims(conj(x), axis=(1,)) * row
        grad_x = squeeze(row @ swap_last(conj(y)), axis=(row.ndim - 2,))
        return grad_x, expand_dims(conj(x), axis=(1,)) * row
    if y.ndim == 1:  # a column: (…, m, k) @ (k)
        column = expand_dims(grad, axis=(grad.ndim,))
        if x.ndim == 2:
            return column * conj(y), swap_last(conj(x)) @ grad
        return column * conj(y), swap_last(_flat(conj(x))) @ reshape(grad, shape=(-1,))
    if x.ndim > 2 and y.ndim == 2:  # one matrix for the whole batch
        return grad @ swap_last(conj(y)), swap_last(_flat(conj(x))) @ _flat(grad)
    return grad @ swap_last(conj(y)), swap_last(conj(x)) @ grad


def _flat(x: Value) -> Value:
    """A batch of matrices as one tall matrix."""
    return reshape(x, shape=(-1, _last(x)))


def _last(x: Value) -> Any:
    return Size(x.shape[-1], make("size", x, axis=x.ndim - 1))


def _outer(x: Value, y: Value) -> Type:
    if x.ndim != 1 or y.ndim != 1:
        raise ValueError("it takes two vectors")
    return Type(x.shape + y.shape, promoted([x, y]))


@operation(
    _outer,
    domain=(REALS, REALS),
    numpy="np.outer({0}, {1})",
    torch="torch.outer({0}, {1})",
    latex=r"{0:6} \, {1:9}^\top",
)
def outer(grad: Value, output: Value, x: Value, y: Value) -> Any:
    """d(x·yᵀ) = dx·yᵀ + x·dyᵀ, so the gradients are grad·y and gradᵀ·x"""
    return grad @ conj(y), swap_last(grad) @ conj(x)


def _einsum(*operands: Value, subscripts: str) -> Type:
    inputs, result = subscripts.split("->")
    sizes: dict[str, int] = {}
    for letters, operand in zip(inputs.split(","), operands, strict=True):
        if len(letters) != operand.ndim:
            raise ValueError(f'"{letters}" does not name the axes of {operand.shape}')
        for letter, size in zip(letters, operand.shape, strict=True):
            if sizes.get(letter, 1) not in (1, size) and size != 1:
                both = sizes[letter], size
                problem = f"axis {letter} has the sizes {both[0]}, {both[1]}"
                raise infer.SizesDifferError(
                    problem, both[:1], both[1:], broadcasts=True
                )
            sizes[letter] = max(size, sizes.get(letter, 1)) if size else 0
    return Type(tuple(sizes[letter] for letter in result), promoted(operands))


@operation(_einsum, numpy=_spell.einsum, latex=_spell.einsum)
def einsum(
    grad: Value, output: Value, *operands: Value, subscripts: str
) -> tuple[Any, ...]:
    """Linear in every operand: the gradient is the same sum with grad in its place"""
    inputs, result = subscripts.split("->")
    letters = inputs.split(",")
    gradients = []
    for i, own in enumerate(letters):
        others = [
            conj(v) for v in (grad, *operands[:i], *operands[i + 1 :]) if v is not None
        ]
        others[0] = grad
        names = [result, *letters[:i], *letters[i + 1 :]]
        known = "".join(letter for letter in own if any(letter in n for n in names))
        gradient = einsum(*others, subscripts=f"{','.join(names)}->{known}")
        # What was summed in this operand alone: every element gets the same.
        lost = tuple(axis for axis, letter in enumerate(own) if letter not in known)
        gradients.append(expand_dims(gradient, axis=lost) if lost else gradient)
    return tuple(gradients)


@operation(
    infer.same,
    domain=(REALS, REALS),
    numpy="np.cross({0}, {1}{,axis})",
    torch="torch.linalg.cross({0}, {1}{,axis:dim})",
    latex=r"{0:6} \times {1:6}",
)
def cross(grad: Value, output: Value, x: Value, y: Value, *, axis: int = -1) -> Any:
    """d(x × y) = dx × y + x × dy, so the gradients are y × grad and grad × x"""
    chosen = {} if axis == -1 else {"axis": axis}
    return cross(conj(y), grad, **chosen), cross(grad, conj(x), **chosen)


@operation(
    infer.like_first,
    domain=(REALS,),
    numpy="np.tril({0}{,k})",
    torch="torch.tril({0}{,k:diagonal})",
    latex=r"\mathrm{{tril}}({0:0})",
)
def tril(grad: Value, output: Value, x: Value, *, k: int | None = None) -> Any:
    """The lower triangle; zero above"""
    return tril(grad, k=k)


@operation(
    infer.like_first,
    domain=(REALS,),
    numpy="np.triu({0}{,k})",
    torch="torch.triu({0}{,k:diagonal})",
    latex=r"\mathrm{{triu}}({0:0})",
)
def triu(grad: Value, output: Value, x: Value, *, k: int | None = None) -> Any:
    """The upper triangle; zero below"""
    return triu(grad, k=k)


def _diagonal(x: Value, *, offset: int = 0) -> Type:
    if x.ndim < 2:
        raise ValueError("a diagonal needs two axes")
    *batch, rows, columns = x.shape
    size = min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns)
    return Type((*batch, max(size, 0)), x.dtype)


@operation(
    _diagonal,
    domain=(REALS,),
    cheap=True,
    numpy=_spell.diagonal,
    latex=r"\mathrm{{diag}}({0:0})",
)
def diagonal(grad: Value, output: Value, x: Value, *, offset: int = 0) -> Any:
    """The diagonal of the last two axes; zero beside it"""
    if x.shape[-2] == x.shape[-1]:
        return diag(grad, **({"offset": offset} if offset else {}))
    places = creation.arange(stop=_last(output))
    rows = places - offset if offset < 0 else places
    columns = places + offset if offset > 0 else places
    batch = ("...",) * (x.ndim > 2)
    return at_index(grad, x, rows, columns, index=(*batch, ("array", 0), ("array", 1)))


def _diag(x: Value, *, offset: int = 0) -> Type:
    size = x.shape[-1] + abs(offset)
    return Type((*x.shape[:-1], size, size), x.dtype)


@operation(_diag, domain=(REALS,), numpy=_spell.diag, latex=r"\mathrm{{diag}}({0:0})")
def diag(grad: Value, output: Value, x: Value, *, offset: int = 0) -> Any:
    """A matrix with x on its diagonal, and the diagonal back"""
    return diagonal(grad, **({"offset": offset} if offset else {}))


def _eye_like(x: Value) -> Type:
    return Type((x.shape[-1], x.shape[-1]), "bool")


eye_like = without_gradient(
    "eye_like", _eye_like, shape_only=(0,), numpy=_spell.eye_like, latex="I"
)
