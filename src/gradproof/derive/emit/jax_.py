"""JAX: a ``custom_vjp`` with its forward and its backward."""

from __future__ import annotations

from collections.abc import Iterator

from gradproof.derive.emit.halves import Halves, halves
from gradproof.derive.emit.layout import bracketed, indented, unpacked, with_comment
from gradproof.derive.emit.module import module
from gradproof.derive.emit.torch_ import seeds
from gradproof.derive.program import Differentiated


def emit(d: Differentiated) -> str:
    """The module's text."""
    parts = halves(d, "jax", keep_intermediates=True)
    inputs = [value.name or "" for value in d.inputs]
    doc = [f'"""{d.doc}"""'] if d.doc else []
    output = parts.returned[0] if not d.is_tuple else f"({', '.join(parts.returned)})"
    kept = _tuple(list(parts.kept))
    incoming = "grad_output" if not d.is_tuple else "grad_outputs"
    blocks = [
        [
            "@jax.custom_vjp",
            *bracketed(f"def {d.name}(", inputs, "):"),
            *indented(doc),
            *bracketed(f"return {d.name}_forward(", inputs, ")[0]", "    "),
        ],
        [
            *bracketed(f"def {d.name}_forward(", inputs, "):"),
            *indented(d.assumed),
            *indented(parts.forward),
            f"    return {output}, {kept}",
        ],
        [
            f"def {d.name}_backward(kept, {incoming}):",
            *indented(_backward(parts, d, incoming)),
        ],
        bracketed(
            f"{d.name}.defvjp(", [f"{d.name}_forward", f"{d.name}_backward"], ")"
        ),
    ]
    return module("jax", blocks)


def _tuple(names: list[str]) -> str:
    return f"({names[0]},)" if len(names) == 1 else f"({', '.join(names)})"


def _backward(parts: Halves, d: Differentiated, incoming: str) -> Iterator[str]:
    kept = list(parts.kept)
    if kept:
        yield f"{unpacked(kept)} = kept"
    if d.is_tuple:
        names = seeds(d)
        yield f"{unpacked(names)} = {incoming}"
    for value in d.seeds:  # JAX's cotangents are the conjugates of gradients
        if not value.is_real:
            yield f"{value.name} = jnp.conj({value.name})"
    for statement in parts.backward:
        first, *rest = statement.lines
        yield from with_comment(first, statement.comment, "", outer=4)
        yield from rest
    results = {
        id(v): name if v.is_real else f"jnp.conj({name})"
        for v, name in zip(d.wrt, parts.results, strict=True)
    }
    returned = [results.get(id(v), "None") for v in d.inputs]
    yield f"return {_tuple(returned)}"
