"""The public names are the documented ones, and importing them costs nothing."""

from __future__ import annotations

import subprocess
import sys
import types
from typing import Any

import numpy as np

import gradproof as gp

PUBLIC = {
    "Check",
    "DefinitionError",
    "Derivation",
    "DeriveError",
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
    "derive",
    "examples",
    "explain",
    "function",
    "grad",
    "namespace",
    "rule",
    "save",
    "value_and_grad",
}


def test_the_public_names_are_exactly_these() -> None:
    # What `gp.` completes to, without the sub-packages that Python puts there.
    found = {
        name
        for name in dir(gp)
        if not name.startswith("_")
        and not isinstance(getattr(gp, name), types.ModuleType)
    }
    assert found == PUBLIC


def test_the_functions_stay_functions_when_their_packages_are_used() -> None:
    def double(x: Any) -> Any:
        return 2 * x

    x = np.ones(2)
    gp.derive(double, x)
    gp.explain(double, x)
    gp.grad(np.sum)
    assert callable(gp.derive)
    assert callable(gp.explain)
    assert gp.Derivation.__module__ == "gradproof.derive.derivation"


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    assert not hasattr(gp, "derivation")


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
