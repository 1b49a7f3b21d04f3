"""Source at sizes that it was not derived at: right, or it says so at its top."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import numpy as np
import pytest
import torch

import gradproof as gp
from gradproof.derive import derive
from tests.derive.cases import CASES, Case

R = np.random.default_rng(0).standard_normal
Shapes = dict[str, tuple[int, ...]]

# The function or its reference names a size: at other sizes they are not the same.
OTHERWISE = {
    "numpy_ones_like",
    "numpy_reshape_size",
    "torch_squeeze",  # without an axis it means those that are 1 in the examples
}


def _other_shapes(case: Case) -> Iterator[Shapes]:
    """One axis changed, and all axes of a size changed; to 1 and to one more."""
    shapes = {name: array.shape for name, array in case.arrays.items()}
    axes = [(name, i) for name, shape in shapes.items() for i in range(len(shape))]
    groups = [[axis] for axis in axes]
    for size in sorted({shapes[name][i] for name, i in axes}):
        same = [(name, i) for name, i in axes if shapes[name][i] == size]
        if len(same) > 1:
            groups.append(same)
    for group in groups:
        name, axis = group[0]
        before = shapes[name][axis]
        for size in {1, before + 1} - {before}:
            yield {
                n: tuple(size if (n, i) in group else m for i, m in enumerate(shape))
                for n, shape in shapes.items()
            }


def _resized(
    rng: np.random.Generator, array: np.ndarray, shape: tuple[int, ...]
) -> np.ndarray:
    """Like the array in its range and dtype."""
    if array.shape == shape or not array.size:
        return array if array.shape == shape else np.zeros(shape, array.dtype)
    chosen = array.reshape(-1)[rng.integers(0, array.size, shape)]
    if array.dtype.kind in "fc":
        chosen = chosen * rng.uniform(0.8, 1.0, shape)
    return chosen.astype(array.dtype)


def _expected(case: Case, wrt, arrays, rng: np.random.Generator):
    """Outputs, seeds and gradients, by torch's autograd alone."""
    inputs = {n: torch.tensor(a) for n, a in arrays.items()}
    leaves = [inputs[n].requires_grad_() for n in wrt]
    outputs = case.reference(*inputs.values())
    several = outputs if isinstance(outputs, tuple | list) else [outputs]
    floating = [o for o in several if o.is_floating_point() or o.is_complex()]
    seeds = [
        torch.tensor(rng.standard_normal(tuple(o.shape))).to(o.dtype)
        if o.ndim or o.is_complex() or len(several) > 1
        else torch.ones_like(o)
        for o in floating
    ]
    found = torch.autograd.grad(floating, leaves, seeds, materialize_grads=True)
    plain = [t.detach().resolve_conj().numpy(force=True) for t in (*several, *found)]
    return plain, [seed.numpy() for seed in seeds]


@pytest.mark.parametrize("name", [name for name in CASES if name not in OTHERWISE])
def test_right_or_an_assertion(name: str) -> None:
    case = CASES[name]
    examples = [*case.arrays.values()]
    if case.library == "torch":
        examples = [torch.tensor(array) for array in examples]
    derivation = derive(case.function, *examples)
    run = derivation.module("numpy")[f"{derivation.program.name}_and_gradients"]
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    for shapes in _other_shapes(case):
        arrays = {n: _resized(rng, a, shapes[n]) for n, a in case.arrays.items()}
        try:
            if case.library == "numpy":
                case.function(*arrays.values())
            expected, seeds = _expected(case, derivation.wrt, arrays, rng)
        except Exception:  # the function itself does not take them
            continue
        if not all(np.isfinite(one).all() for one in expected):
            continue
        try:
            with np.errstate(all="ignore"):
                given = () if derivation.is_scalar else seeds
                outputs, gradients = run(*arrays.values(), *given)
        except AssertionError:
            continue
        several = outputs if isinstance(outputs, tuple) else (outputs,)
        for mine, other in zip((*several, *gradients), expected, strict=True):
            assert np.shape(mine) == other.shape, shapes
            scale = max(1, np.abs(other).max(initial=0))
            assert np.abs(mine - other).max(initial=0) < 1e-6 * scale, shapes


# What the source must say of sizes that were equal only in the examples.


def contrastive(s):
    logp = s - np.log(np.sum(np.exp(s), axis=1, keepdims=True))
    return -np.mean(np.diagonal(logp))


def of_pairs(q, k):
    return np.sum(np.diagonal(q @ k.T) ** 2)


def picked(logits, y):
    return np.sum(logits[np.arange(len(y)), y] ** 2)


def cross_entropy(logits, y):
    logp = logits - np.log(np.sum(np.exp(logits), axis=1, keepdims=True))
    return -np.mean(logp[np.arange(len(y)), y])


def weighed(x, w):
    return np.sum(x * w)


def off_the_first(x):
    return np.sum((x - x[:, 0]) ** 2)


@pytest.mark.parametrize(
    ("function", "derived_at", "other", "assertion"),
    [
        (contrastive, [(4, 4)], [(1, 3)], "s.shape[0] == s.shape[1]"),
        (contrastive, [(4, 4)], [(5, 2)], "s.shape[0] == s.shape[1]"),
        (of_pairs, [(3, 2), (3, 2)], [(1, 2), (3, 2)], "q.shape[0] == k.shape[0]"),
        (weighed, [(3, 4), (3, 4)], [(3, 4), (1, 4)], "x.shape == w.shape"),
        (weighed, [(3, 4), (4,)], [(3, 4), (1,)], "x.shape[1] == w.shape[0]"),
        (off_the_first, [(4, 4)], [(1, 4)], "x.shape[0] == x.shape[1]"),
    ],
)
def test_equal_by_chance_or_for_broadcasting(
    function, derived_at, other, assertion: str
) -> None:
    derivation = gp.derive(function, *map(R, derived_at))
    run = derivation.module("numpy")[f"{function.__name__}_and_gradients"]
    assert f"    assert {assertion}\n" in derivation.source("numpy")
    with pytest.raises(AssertionError):
        run(*map(R, other))


@pytest.mark.parametrize("offset", [-1, 0, 2])
@pytest.mark.parametrize("derived_at", [(3, 5), (5, 3), (2, 3, 5)])
def test_a_diagonal_that_is_not_of_a_square_holds_for_every_size(
    derived_at: tuple[int, ...], offset: int
) -> None:
    def squares(x):
        return np.sum(np.diagonal(x, offset, -2, -1) ** 2)

    derivation = gp.derive(squares, R(derived_at))
    assert "shape[" not in "".join(derivation.seeded.assumed)
    for size in [(4, 4), (6, 3), (3, 7)]:
        x = R((*derived_at[:-2], *size))
        tensor = torch.tensor(x, requires_grad=True)
        (torch.diagonal(tensor, offset, -2, -1) ** 2).sum().backward()
        assert np.allclose(derivation.gradients(x).x, tensor.grad)
        assert np.allclose(derivation.gradients(tensor.detach()).x, tensor.grad)


def test_more_rows_than_labels() -> None:
    derivation = gp.derive(picked, R((4, 5)), np.array([1, 0, 3, 2]))
    rows, labels = R((6, 5)), np.array([1, 0, 3])
    expected = np.zeros((6, 5))
    expected[[0, 1, 2], labels] = 2 * rows[[0, 1, 2], labels]
    assert np.allclose(derivation.gradients(rows, labels).logits, expected)
    with pytest.raises(AssertionError):  # a label's row is compared with every row
        gp.derive(cross_entropy, R((4, 5)), np.array([1, 0, 3, 2])).gradients(
            rows, labels
        )


def test_sizes_that_differ_are_not_said_to_be_equal() -> None:
    derivation = gp.derive(lambda x, w: np.sum(x @ w), R((3, 3)), R((3, 3)))
    assert "shape" not in "".join(derivation.from_one.assumed)


# What depends on a size in one axis, or in two at once, leaves the others free.


def rotary(x, cos, sin):
    a, b = x[..., ::2], x[..., 1::2]
    parts = [a * cos - b * sin, a * sin + b * cos]
    return np.stack(parts, axis=-1).reshape(x.shape)


def convolved(x, w):
    n = x.shape[0] - w.shape[0] + 1
    return sum(x[i : i + n] * w[i] for i in range(w.shape[0]))


def low_rank(U, d, b):
    y = b / d
    M = np.eye(U.shape[1]) + U.T @ (U / d[:, None])
    return y - U / d[:, None] @ np.linalg.solve(M, U.T @ y)


def log_density(A, x):
    S = A @ A.T + np.eye(A.shape[0])
    return -0.5 * np.linalg.slogdet(S)[1] - 0.5 * x @ np.linalg.solve(S, x)


def recurrent(x, h, W, U):
    for t in range(x.shape[0]):
        h = np.tanh(x[t] @ W + h @ U)
    return h


def far_from_singular(A):
    return np.linalg.inv(A + 9 * np.eye(A.shape[0]))


def weighed_by_place(x):
    return np.sort(x) * np.arange(x.shape[0])


@pytest.mark.parametrize(
    ("function", "derived_at", "others", "asserted"),
    [
        (
            rotary,
            [(5, 3, 4), (3, 2), (3, 2)],
            [[(3, 5, 8), (5, 4), (5, 4)], [(1, 2, 6), (2, 3), (2, 3)]],
            "x.shape[2] == 2 * cos.shape[1]",
        ),
        (convolved, [(7,), (3,)], [[(9,), (3,)], [(3,), (3,)]], "w.shape[0] == 3"),
        (low_rank, [(5, 2), (5,), (5,)], [[(7, 3), (7,), (7,)]], ""),
        (log_density, [(3, 4), (3,)], [[(5, 2), (5,)], [(1, 1), (1,)]], ""),
        (
            recurrent,
            [(4, 3), (2,), (3, 2), (2, 2)],
            [[(4, 5), (3,), (5, 3), (3, 3)], [(4, 1), (1,), (1, 1), (1, 1)]],
            "x.shape[0] == 4",
        ),
        (far_from_singular, [(3, 3)], [[(4, 4)], [(1, 1)]], ""),
        (weighed_by_place, [(4,)], [[(6,)], [(1,)]], ""),
    ],
)
def test_other_axes_are_free(function, derived_at, others, asserted: str) -> None:
    derivation = gp.derive(function, *(np.abs(R(shape)) + 1 for shape in derived_at))
    assert asserted in derivation.source("numpy")
    for shapes in others:
        arrays = [np.abs(R(shape)) + 1 for shape in shapes]
        seed = R(np.shape(function(*arrays)))
        mine = derivation.gradients(*arrays, grad_output=seed)
        there = gp.derive(function, *arrays).gradients(*arrays, grad_output=seed)
        for one, other in zip(mine, there, strict=True):
            assert np.allclose(one, other), shapes


@pytest.mark.parametrize(
    ("function", "derived_at", "other"),
    [
        (rotary, [(2, 3, 4), (3, 2), (3, 2)], [(2, 3, 2), (3, 2), (3, 2)]),
        (rotary, [(2, 3, 4), (3, 2), (3, 2)], [(2, 3, 4), (3, 1), (3, 1)]),
        (rotary, [(2, 3, 4), (3, 2), (3, 2)], [(2, 3, 4), (1, 2), (1, 2)]),
        (convolved, [(7,), (3,)], [(9,), (4,)]),
        (recurrent, [(4, 3), (2,), (3, 2), (2, 2)], [(5, 3), (2,), (3, 2), (2, 2)]),
        (far_from_singular, [(3, 3)], [(1, 3)]),
    ],
)
def test_what_is_not_free_is_asserted(function, derived_at, other) -> None:
    derivation = gp.derive(function, *(np.abs(R(shape)) + 1 for shape in derived_at))
    run = derivation.module("numpy")[f"{function.__name__}_and_gradients"]
    arrays = [np.ones(shape) for shape in other]
    with pytest.raises(AssertionError):
        run(*arrays, 1.0)


def test_a_decision_of_the_forward_leaves_none_free() -> None:
    def f(x):
        return x * 2 if x.shape[0] - 1 > 2 else x * 3

    assert "assert x.shape == (4, 2)" in gp.derive(f, R((4, 2))).source("numpy")
