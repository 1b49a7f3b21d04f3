"""Complex numbers: gradients are conjugate, as torch has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from tests.derive.cases._case import case

_RNG = np.random.default_rng(0)


def _complex(*shape: int) -> np.ndarray:
    return _RNG.standard_normal(shape) + 1j * _RNG.standard_normal(shape)


Z, W, M = _complex(3, 4), _complex(3, 4), _complex(4, 4)


def _named(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def of_one(z: Any) -> Any:
        return function(z)

    of_one.__name__ = name
    return of_one


_ONE = {
    "abs": "abs",
    "angle": "angle",
    "conj": "conj_physical",
    "cos": "cos",
    "cosh": "cosh",
    "exp": "exp",
    "imag": "imag",
    "log": "log",
    "real": "real",
    "reciprocal": "reciprocal",
    "sin": "sin",
    "sinh": "sinh",
    "sqrt": "sqrt",
    "square": "square",
    "tan": "tan",
    "tanh": "tanh",
    "arctan": "atan",
    "arcsin": "asin",
    "arccos": "acos",
    "arcsinh": "asinh",
    "arccosh": "acosh",
    "arctanh": "atanh",
    "log1p": "log1p",
    "expm1": "expm1",
}
for _name, _torch in _ONE.items():
    case(getattr(torch, _torch), z=Z)(_named(f"complex_{_name}", getattr(np, _name)))


@case(lambda z, w: z * w / (w + 3) - z, z=Z, w=W)
def complex_arithmetic(z, w):
    return z * w / (w + 3) - z


@case(lambda z, w: z @ w, z=Z, w=M)
def complex_matmul(z, w):
    return z @ w


@case(lambda z, x: (z * x).abs() ** 2, z=Z, x=(4,))
def complex_real_input(z, x):
    return np.abs(z * x) ** 2


@case(lambda z: (z.real**2 + z.imag**2).sum(), z=Z)
def complex_parts(z):
    return np.sum(z.real**2 + z.imag**2)


@case(lambda z: torch.linalg.norm(z), z=Z)
def complex_norm(z):
    return np.linalg.norm(z)


@case(lambda z: z.prod(1), z=Z)
def complex_prod(z):
    return np.prod(z, axis=1)


@case(lambda z: z**3, z=Z)
def complex_power(z):
    return z**3


@case(lambda z: torch.linalg.inv(z), z=M)
def complex_inv(z):
    return np.linalg.inv(z)


@case(lambda z, w: torch.linalg.solve(z, w), z=M, w=_complex(4, 2))
def complex_solve(z, w):
    return np.linalg.solve(z, w)


@case(lambda z: torch.linalg.det(z).abs(), z=M)
def complex_det(z):
    return np.abs(np.linalg.det(z))


@case(lambda z, w: torch.einsum("ij,kj->ik", z, w), z=Z, w=W)
def complex_einsum(z, w):
    return np.einsum("ij,kj->ik", z, w)


@case(lambda z, w: torch.vdot(z.reshape(-1), w.reshape(-1)).abs(), z=Z, w=W)
def complex_vdot(z, w):
    return np.abs(np.vdot(z, w))


@case(lambda z: z.cumprod(0), z=Z)
def complex_cumprod(z):
    return np.cumprod(z, axis=0)
