"""Every case: each emitted form runs without gradproof, and agrees with torch."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from gradproof.derive import derive
from tests.derive.cases import CASES, Case

FORMS = ("numpy", "torch", "torch-library", "jax")
CODE = Path(__file__).with_name("isolated.py")


def _tensors(case: Case) -> dict[str, torch.Tensor]:
    return {n: torch.tensor(a) for n, a in case.arrays.items()}


def _is_floating(tensor: torch.Tensor) -> bool:
    return tensor.is_floating_point() or tensor.is_complex()


def _expected(case: Case, seeds: list[torch.Tensor], wrt: tuple[str, ...]):
    """Outputs, gradients and second derivatives, by torch's autograd alone."""
    inputs = _tensors(case)
    leaves = [inputs[n].requires_grad_() for n in wrt]
    outputs = case.reference(*inputs.values())
    several = outputs if isinstance(outputs, tuple | list) else (outputs,)
    floating = [o for o in several if _is_floating(o)]
    gradients = torch.autograd.grad(
        floating, leaves, seeds, create_graph=True, materialize_grads=True
    )
    weighed = sum(
        (g * torch.linspace(0.5, 1.5, g.numel(), dtype=g.dtype).reshape(g.shape)).sum()
        for g in gradients
    )
    weighed = weighed.real if weighed.is_complex() else weighed
    second = [torch.zeros_like(leaf) for leaf in leaves]
    if weighed.requires_grad:
        second = torch.autograd.grad(weighed, leaves, materialize_grads=True)
    found = {f"output {i}": o.detach() for i, o in enumerate(several)}
    found |= {f"first {n}": g.detach() for n, g in zip(wrt, gradients, strict=True)}
    found |= {f"second {n}": g.detach() for n, g in zip(wrt, second, strict=True)}
    return {
        name: tensor.resolve_conj().numpy(force=True) for name, tensor in found.items()
    }


def _examples(case: Case) -> list[object]:
    if case.library == "torch":
        return list(_tensors(case).values())
    return list(case.arrays.values())


@pytest.fixture(scope="module")
def derived(tmp_path_factory):
    """Each case derived and run in every form; what went wrong, by case."""
    folder = tmp_path_factory.mktemp("derived")
    expected, failed = {}, {}
    for name, case in CASES.items():
        try:
            derivation = derive(case.function, *_examples(case))
            place = folder / name
            place.mkdir()
            for form in FORMS:
                (place / f"{form}.py").write_text(derivation.source(form))
        except Exception as error:
            failed[name] = error
            continue
        rng = np.random.default_rng(1)
        seeds = []
        for value in derivation.program.outputs:
            if value.is_differentiable:
                seed = rng.standard_normal(value.shape)
                if not value.is_real:
                    seed = seed + 1j * rng.standard_normal(value.shape)
                seeds.append(
                    np.ones(()) if derivation.is_scalar and value.is_real else seed
                )
        try:
            tensors = [torch.tensor(seed) for seed in seeds]
            expected[name] = _expected(case, tensors, derivation.wrt)
        except Exception as error:
            failed[name] = error
            continue
        about = {
            "name": derivation.program.name,
            "inputs": list(case.arrays),
            "seeds": len(seeds),
            "wrt": derivation.wrt,
            "scalar": derivation.is_scalar,
        }
        (place / "case.json").write_text(json.dumps(about))
        numbered = {f"seed {i}": seed for i, seed in enumerate(seeds)}
        np.savez(place / "inputs.npz", **case.arrays, **numbered)

    def run(form: str) -> None:
        subprocess.run([sys.executable, str(CODE), form, str(folder)], check=True)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(run, FORMS))
    return folder, expected, failed


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("form", FORMS)
def test_agrees_with_torch(derived, form: str, name: str) -> None:
    folder, expected, failed = derived
    if name in failed:
        raise failed[name]
    problem = (folder / name / f"{form}.txt").read_text()
    assert not problem, f"{problem}\n{(folder / name / f'{form}.py').read_text()}"
    results = np.load(folder / name / f"{form}.npz")
    for key, value in expected[name].items():
        if key not in results:
            assert key.startswith("second"), f"{form} gives no {key}"
            assert form != "torch" or not value.any(), f"{form} gives no {key}"
            continue
        got = results[key]
        assert got.shape == value.shape, f"{key}: {got.shape}, expected {value.shape}"
        if form == "jax" and got.dtype.kind in "iub":
            continue
        scale = np.abs(value).max(initial=1e-300)
        error = np.abs(got - value).max(initial=0) / max(scale, 1e-12)
        assert error < 1e-9, (
            f"{key} is {error:.2g} off in\n"
            + (folder / name / f"{form}.py").read_text()
        )


def test_source_is_as_ruff_formats_it(derived) -> None:
    folder, *_ = derived
    ruff = subprocess.run(
        [
            sys.executable,
            "-m",
            "ruff",
            "format",
            "--check",
            "--diff",
            "--isolated",
            str(folder),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ruff.returncode == 0, ruff.stdout[:4000]


def test_no_line_computes_what_is_not_used(derived) -> None:
    folder, *_ = derived
    ruff = subprocess.run(
        [
            sys.executable,
            "-m",
            "ruff",
            "check",
            "--isolated",
            "--select",
            "F",
            str(folder),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ruff.returncode == 0, ruff.stdout[:4000]


def test_there_are_enough() -> None:
    assert len(CASES) >= 150
