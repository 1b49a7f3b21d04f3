"""What the README shows of the demo is what the demo prints."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from gradproof import _config
from gradproof.report import FORMATS

ROOT = Path(__file__).parent.parent


def test_the_finding_in_the_readme_is_the_demos() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = re.search(r"```text\n(  ✗ gradient.*?)```", text, re.DOTALL)
    assert shown is not None
    result = subprocess.run(
        [sys.executable, "-m", "gradproof", "check", "examples/broken_linear.py"],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "80"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1
    assert shown.group(1) in result.stdout


def test_the_settings_in_the_readme_are_all_there_are(tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = re.search(r"```toml\n(\[tool.gradproof\].*?)```", text, re.DOTALL)
    assert shown is not None
    (tmp_path / "pyproject.toml").write_text(shown.group(1))
    assert _config.load(tmp_path).jobs == 2
    given = tomllib.loads(shown.group(1))["tool"]["gradproof"]
    assert {*given, "select", "targets"} == set(_config.KEYS)
    assert all(name in shown.group(1) for name in FORMATS)
