"""Functions to derive, one file a family; every file here is found by itself."""

from importlib import import_module
from pathlib import Path

from tests.derive.cases._case import CASES as CASES
from tests.derive.cases._case import Case as Case

for path in sorted(Path(__file__).parent.glob("[!_]*.py")):
    import_module(f"tests.derive.cases.{path.stem}")
