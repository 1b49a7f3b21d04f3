"""A package with a wrong layer for each property, and no test of its gradients."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent / "package"
PYTEST = ["-m", "pytest", "-q", "--gradproof=report", "--gradproof-report=report.json"]
GRADPROOF = ["-m", "gradproof"]
WAYS = {
    "pytest": [*PYTEST, "suite.py"],
    "watch": [*GRADPROOF, "watch", "-j2", "--report=report.json", "-m", "hand_made"],
    "audit": [*GRADPROOF, "audit", "-j2", "--output-format=json", "hand_made"],
}
FOUND = {"pytest": 0, "watch": 1, "audit": 1}  # exit codes
PROPERTIES = [
    "shape",
    "linearity",
    "gradient",
    "repeat",
    "mutation",
    "sizes",
    "extremes",
    "subsets",
    "undefined",
    "layout",
    "aliasing",
    "grad-mode",
    "precision",
    "autocast",
    "second-order",
    "forward-mode",
    "vmap",
    "memory",
]


@pytest.fixture(scope="module", params=WAYS)
def findings(request, tmp_path_factory):
    """The properties that fail, by target, in each of the three ways."""
    folder = tmp_path_factory.mktemp("zero") / "package"
    shutil.copytree(PACKAGE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    process = subprocess.run(
        [sys.executable, *WAYS[request.param]],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    report = folder / "report.json"
    text = report.read_text() if report.exists() else process.stdout
    assert process.returncode == FOUND[request.param], process.stderr
    targets = json.loads(text)["targets"]
    assert not [each["error"] for each in targets if each["error"]]
    return {
        each["target"]: {finding["property"] for finding in each["findings"]}
        for each in targets
    }


@pytest.mark.parametrize("property", PROPERTIES)
def test_every_defect_is_found(findings, property):
    name = re.sub("(^|-)(.)", lambda found: found[2].upper(), property)
    assert property in findings[f"hand_made.wrong:{name}"]


def test_no_alarm_on_what_is_right(findings):
    right = {k: v for k, v in findings.items() if k.startswith("hand_made.right:")}
    assert "hand_made.right:doubled" in right
    assert not any(right.values()), right
    assert len(right) == len([*PROPERTIES]) - 2


def test_there_is_a_defect_for_every_property():
    from gradproof.check import properties

    assert {*PROPERTIES, "compile"} == {*properties.names()}
