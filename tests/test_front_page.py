"""The public names are the documented ones, and importing them costs nothing."""

from __future__ import annotations

import subprocess
import sys

import gradproof as gp

PUBLIC = {
    "Check",
    "DefinitionError",
    "Finding",
    "Function",
    "GradientError",
    "GradproofError",
    "InputError",
    "NoInputsError",
    "RuleError",
    "TargetError",
    "Verdict",
    "check",
    "examples",
    "function",
    "namespace",
    "save",
}


def test_the_public_names_are_exactly_these() -> None:
    # What `gp.` completes to, without the sub-packages that Python puts there.
    found = {name for name in vars(gp) if not name.startswith("_")}
    assert found - {"backends", "report", "cli"} == PUBLIC


def loaded_by(code: str) -> set[str]:
    script = f"import sys; {code}; print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(result.stdout.split())


def test_importing_gradproof_imports_no_array_library() -> None:
    loaded = loaded_by("import gradproof")
    assert not loaded & {"torch", "jax", "numpy", "rich", "click", "jaxtyping"}


def test_defining_a_function_imports_no_array_library() -> None:
    loaded = loaded_by("import gradproof as gp; gp.function(lambda x: x)")
    assert not loaded & {"torch", "jax", "numpy"}


def test_a_numpy_check_imports_neither_torch_nor_jax() -> None:
    loaded = loaded_by(
        "import numpy as np, gradproof as gp; "
        "assert gp.check(np.sum, np.ones(3), backward=lambda g, x: g + 0 * x)"
    )
    assert not loaded & {"torch", "jax"}


def test_the_command_line_imports_neither_torch_nor_jax() -> None:
    assert not loaded_by("import gradproof.cli") & {"torch", "jax", "numpy"}
