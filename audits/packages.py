"""Published packages by ``gradproof audit``, and by ``watch`` on a script of their use.

    python -m audits.packages

installs them into a virtual environment of their own, under ``build/``.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

HERE = Path(__file__).parent
ENVIRONMENT = HERE.parent / "build" / "packages"
PACKAGES = {
    "entmax": "entmax==1.3",
    "e3nn": "e3nn==0.6.0",
    "torchdiffeq": "torchdiffeq==0.2.5",
    "timm": "timm==1.0.31",
}
SCRIPTS = {
    "entmax": """
import torch, entmax
x = torch.randn(5, 7, requires_grad=True)
for f in (entmax.sparsemax, entmax.entmax15, entmax.entmax_bisect):
    f(x, dim=-1).square().sum().backward()
for loss in (entmax.sparsemax_loss, entmax.entmax15_loss, entmax.entmax_bisect_loss):
    loss(x, torch.randint(0, 7, (5,))).sum().backward()
""",
    "e3nn": """
import torch
from e3nn.math import soft_unit_step
x = torch.linspace(-1, 2, 20, requires_grad=True)
soft_unit_step(x).sum().backward()
""",
    "torchdiffeq": """
import torch
from torchdiffeq import odeint, odeint_adjoint

class Field(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(3, 3)

    def forward(self, t, y):
        return torch.tanh(self.layer(y))

y0, t = torch.randn(4, 3, requires_grad=True), torch.linspace(0, 1, 5)
for solve in (odeint, odeint_adjoint):
    solve(Field(), y0, t)[-1].sum().backward()
""",
    "timm": """
import torch
from timm.layers import activations_me
x = torch.randn(6, 5, requires_grad=True)
for name in ("SwishMe", "MishMe", "HardSigmoidMe", "HardSwishMe", "HardMishMe"):
    getattr(activations_me, name)()(x).sum().backward()
""",
}


def main() -> None:
    """Print one line for each package and each of the two ways."""
    python = _environment()
    print(f"{'package':<14}{'way':<7}found  called  checked  with findings")
    with tempfile.TemporaryDirectory() as folder:
        for package, script in SCRIPTS.items():
            path = Path(folder, f"use_{package}.py")
            path.write_text(script)
            report = Path(folder, "report.json")
            gradproof = [str(python), "-m", "gradproof"]
            watch = [*gradproof, "watch", "--report", str(report), str(path)]
            audit = [*gradproof, "audit", package, "--output-format", "json"]
            ran = subprocess.run(audit, capture_output=True, text=True, cwd=folder)
            _say(package, "audit", ran.stdout)
            subprocess.run(watch, capture_output=True, cwd=folder)
            _say(package, "watch", report.read_text())


def _environment() -> Path:
    """The python of the environment, made where it is missing."""
    python = ENVIRONMENT / "bin" / "python"
    if not python.exists():
        venv.create(ENVIRONMENT, with_pip=True)
        install = [str(python), "-m", "pip", "install", "--quiet"]
        ours = f"{HERE.parent}[torch]"
        subprocess.run([*install, "-e", ours, *PACKAGES.values()], check=True)
    return python


def _say(package: str, way: str, text: str) -> None:
    targets = [each for each in json.loads(text)["targets"] if ":" in each["target"]]
    kinds = [(each["error"] or {}).get("kind") for each in targets]
    called = sum(kind != "inputs" for kind in kinds)
    checked = sum(kind is None for kind in kinds)
    wrong = sum(bool(each["findings"]) for each in targets)
    print(
        f"{package:<14}{way:<7}{len(targets):5}{called:8}{checked:9}{wrong:15}",
        flush=True,
    )
    for each in targets:
        for finding in each["findings"]:
            print(f"    {each['target']}: {finding['property']}: {finding['message']}")


if __name__ == "__main__":
    sys.exit(main())
