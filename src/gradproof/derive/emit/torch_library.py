"""torch: a ``custom_op`` with its backward registered, and a function that calls it."""

from __future__ import annotations

from collections.abc import Iterator

from gradproof.derive.emit.halves import Halves, halves
from gradproof.derive.emit.layout import bracketed, indented
from gradproof.derive.emit.module import module
from gradproof.derive.emit.torch_ import backward, seeds, setup
from gradproof.derive.program import Differentiated


def emit(d: Differentiated) -> str:
    """The module's text."""
    parts = halves(d, "torch")
    inputs = [value.name or "" for value in d.inputs]
    typed = [f"{name}: torch.Tensor" for name in inputs]
    one = "torch.Tensor"
    several = f"tuple[{', '.join([one] * len(d.outputs))}]" if d.is_tuple else one
    op = f"{d.name}_op"
    doc = [f'"""{d.doc}"""'] if d.doc else []
    blocks = [
        [
            f'@torch.library.custom_op("derived::{d.name}", mutates_args=())',
            *bracketed(f"def {op}(", typed, f") -> {several}:"),
            *indented(doc),
            *indented(d.assumed),
            *indented(parts.forward),
            *indented(_returned(parts, d)),
        ],
        [
            f"@{op}.register_fake",
            *bracketed("def _(", inputs, "):"),
            *indented(parts.forward),
            *indented(_returned(parts, d)),
        ],
        [
            "def setup_context(ctx, inputs, output):",
            *indented(setup(parts, d, inputs)),
        ],
        [
            f"def backward(ctx, {', '.join(seeds(d))}):",
            *indented(backward(parts, d)),
        ],
        [f"{op}.register_autograd(backward, setup_context=setup_context)"],
        [
            *bracketed(f"def {d.name}(", inputs, "):"),
            *indented(doc),
            *bracketed(f"return {op}(", inputs, ")", "    "),
        ],
    ]
    return module("torch", blocks)


def _returned(parts: Halves, d: Differentiated) -> Iterator[str]:
    """An operator may not return what it was given, nor a view of it."""
    inputs = {id(v) for v in d.inputs}
    fresh = [
        f"{code}.clone()" if id(value) in inputs or _is_view(value.operation) else code
        for code, value in zip(parts.returned, d.outputs, strict=True)
    ]
    yield f"return {', '.join(fresh)}"


def _is_view(operation: str) -> bool:
    return operation in (
        "transpose",
        "reshape",
        "reshape_like",
        "squeeze",
        "expand_dims",
        "broadcast_to",
        "broadcast_like",
        "getitem",
        "diagonal",
        "conj",
        "real",
        "imag",
        "copy",
        "astype",
    )
