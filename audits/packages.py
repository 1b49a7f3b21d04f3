"""Published packages by ``gradproof audit``, and by ``watch`` on a script of their use.

    python -m audits.packages

installs them into a virtual environment of their own, under ``build/``. What is audited
once more "as declared" has inputs or meant gradients in ``published/declared.toml``.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import tomllib
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ENVIRONMENT = HERE.parent / "build" / "packages"
PYTHON = ENVIRONMENT / "bin" / "python"
PUBLISHED = HERE / "published"
DECLARED = PUBLISHED / "declared.toml"
TORCH = "torch==2.13.0"
PACKAGES = {
    "entmax": ["entmax==1.3"],
    "e3nn": ["e3nn==0.6.0"],
    "torchdiffeq": ["torchdiffeq==0.2.5"],
    "timm": ["timm==1.0.31", "torchvision==0.28.0"],
}
CHECK_SECONDS = 600  # for one target: an adaptive solver takes its time
SECONDS = 1800  # for one line

# The wheel of torchvision is built for CUDA. Beside a CPU build of torch its operators
# do not load, and importing it fails at these two, which timm does not call.
UNLOADED = """

if not _has_ops():
    for _name in ("nms", "qnms"):
        torch.library.define(
            f"torchvision::{_name}",
            "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
        )
"""


def main() -> int:
    """Print one line for each package and each way; 1 if one could not be had."""
    _environment()
    print(f"{'package':<13}{'way':<20}found  called  checked  with findings")
    failed = 0
    for package, requirements in PACKAGES.items():
        wrong = _install(package, requirements)
        if wrong:
            print(f"{package:<13}could not be installed: {wrong}", flush=True)
            failed += 1
            continue
        for way, command in _ways(package):
            line, findings = _row(command)
            print(f"{package:<13}{way:<20}{line}", flush=True)
            for finding in findings:
                print(f"    {finding}")
            failed += not line[:1].isspace()
    for pattern, said in tomllib.loads(DECLARED.read_text())["targets"].items():
        print(f"declared  {pattern}: {said['reason']}")
    return int(failed > 0)


def _environment() -> None:
    """Make it where it is missing, with the gradproof of this checkout."""
    if not PYTHON.exists():
        venv.create(ENVIRONMENT, with_pip=True)
    _pip(TORCH)
    _pip("-e", f"{HERE.parent}[torch]")


def _install(package: str, requirements: list[str]) -> str:
    """The last line of what went wrong, or nothing."""
    try:
        _pip(*requirements)
    except subprocess.CalledProcessError as error:
        return str(error.stderr).strip().rpartition("\n")[2]
    if any(each.startswith("torchvision") for each in requirements):
        _declare_unloaded()
    tried = _python("-c", f"import {package}")
    return tried.stderr.strip().rpartition("\n")[2] if tried.returncode else ""


def _declare_unloaded() -> None:
    """Let torchvision be imported where its operators cannot be loaded."""
    if "does not exist" in _python("-c", "import torchvision").stderr:
        (file,) = ENVIRONMENT.glob("lib/*/site-packages/torchvision/extension.py")
        file.write_text(file.read_text() + UNLOADED)


def _ways(package: str) -> Iterator[tuple[str, list[str]]]:
    audit = ["audit", package, "--timeout", str(CHECK_SECONDS)]
    inputs = ["--inputs", str(DECLARED)]
    yield "audit", [*audit, "--output-format", "json"]
    if f'"{package}.' in DECLARED.read_text():
        yield "audit, as declared", [*audit, *inputs, "--output-format", "json"]
    yield "watch", ["watch", *inputs, str(PUBLISHED / f"use_{package}.py")]


def _row(command: list[str]) -> tuple[str, list[str]]:
    """The figures of one run and its findings, or why there are none."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        if command[0] == "watch":
            command = [command[0], "--report", str(report), *command[1:]]
        try:
            ran = _python("-m", "gradproof", *command)
            text = report.read_text() if report.exists() else ran.stdout
            return _figures(json.loads(text)["targets"])
        except subprocess.TimeoutExpired:
            return f"took longer than {SECONDS} s", []
        except ValueError:
            return f"ended with {ran.returncode}: {ran.stderr.strip()[-200:]}", []


def _figures(targets: list[dict[str, Any]]) -> tuple[str, list[str]]:
    """How many there are, how far each came, and every finding on a line."""
    found = [each for each in targets if ":" in str(each["target"])]
    kinds = [(each["error"] or {}).get("kind") for each in found]
    called = sum(kind != "inputs" for kind in kinds)
    checked = sum(kind is None for kind in kinds)
    wrong = sum(bool(each["findings"]) for each in found)
    lines = [
        f"{each['target']}: {finding['property']}: {finding['message']}"
        for each in found
        for finding in each["findings"]
    ]
    lines += [f"{each['target']}: {_error(each)}" for each in targets if each["error"]]
    return f"{len(found):5}{called:8}{checked:9}{wrong:15}", lines


def _error(target: dict[str, Any]) -> str:
    """The first line of why a target could not be checked."""
    message: str = target["error"]["message"]
    return f"not checked: {message.partition(chr(10))[0]}"


def _pip(*arguments: str) -> None:
    install = [str(PYTHON), "-m", "pip", "install", "--quiet", *arguments]
    subprocess.run(install, check=True, capture_output=True, text=True)


def _python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(PYTHON), *arguments],
        capture_output=True,
        text=True,
        cwd=PUBLISHED,
        timeout=SECONDS,
    )


if __name__ == "__main__":
    sys.exit(main())
