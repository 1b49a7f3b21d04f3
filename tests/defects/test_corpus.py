"""Every defect of the corpus is found, named and blamed; its right twin passes."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

import pytest
import torch

import gradproof as gp
from tests import defects
from tests.defects.corpus import DEFECTS, Defect

for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
    if not module.name.startswith("test_"):
        importlib.import_module(f"{defects.__name__}.{module.name}")


@pytest.fixture(autouse=True)
def one_thread():
    """Small matrices on many threads, in many workers, wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


every_defect = pytest.mark.parametrize(
    "defect", DEFECTS, ids=[f"{d.family}: {d.name}" for d in DEFECTS]
)


@every_defect
def test_the_proof_tells_the_wrong_one_from_its_twin(defect: Defect) -> None:
    assert defect.proof(defect.case(wrong=True), defect.inputs)
    assert not defect.proof(defect.case(wrong=False), defect.inputs)


@every_defect
def test_the_wrong_one_is_found_and_named(defect: Defect) -> None:
    case = defect.case(wrong=True)
    verdict = gp.check(case.target, *defect.inputs(), **case.settings)
    found = [f for f in verdict.findings if f.property in defect.properties]
    assert found, str(verdict)
    if defect.diagnosis is not None:
        found = [f for f in found if f.diagnosis == defect.diagnosis]
        assert found, str(verdict)
    if defect.input is not None:
        assert defect.input in {f.input for f in found}, str(verdict)


@pytest.mark.parametrize("seed", [0, 1, 2])
@every_defect
def test_its_right_twin_passes(defect: Defect, seed: int) -> None:
    case = defect.case(wrong=False)
    verdict = gp.check(case.target, *defect.inputs(), **case.settings, seed=seed)
    assert verdict.ok, str(verdict)
