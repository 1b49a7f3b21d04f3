"""The worker's side of ``gradproof audit``: a target in, its verdict out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from gradproof import _declared
from gradproof._errors import NoInputsError
from gradproof._function import Function
from gradproof._intended import with_hints
from gradproof.audit import find
from gradproof.audit.candidates import Array
from gradproof.audit.clues import Clue, clues, without_gradient
from gradproof.audit.search import Attempt, Signature, make, search
from gradproof.check.inputs import examples_for
from gradproof.check.targets import is_autograd_function
from gradproof.check.verdict import Verdict
from gradproof.watch.replay import named

Answer = dict[str, Any]
SUSPECT = ("wrong-shape", "crash")  # what a wrong guess looks like, in a plain backward
PLAIN = ("shape", "gradient")
SECOND_THOUGHTS = 3


def answer(text: str, settings: dict[str, Any]) -> Answer:
    """The verdict on a target, on inputs that are declared, known or found.

    Raises:
        NoInputsError: with the nearest miss, and what to add.
        GradproofError: where there is no verdict for another reason.
    """
    chosen = _declared.resolved(settings)
    kind, declared = chosen.pop("kind"), chosen.pop("inputs", None)
    target = find.op(text.rpartition(":")[2]) if kind == find.OP else named(text)
    if declared is not None:
        attempt = Attempt(tuple(map(_declared_input, declared)), "normal", 0)
        verdict = _check(target, make(attempt), text, chosen)
    else:
        verdict = _by_examples(target, text, chosen) or _by_search(target, text, chosen)
    return {"verdict": verdict.to_dict()}


def _by_examples(target: Any, text: str, settings: dict[str, Any]) -> Verdict | None:
    try:
        examples = examples_for(target)
    except NoInputsError:
        return None
    if not any(isinstance(one, torch.Tensor) for e in examples for one in e.inputs):
        return (
            None if is_autograd_function(target) else _check(target, (), text, settings)
        )
    return _check(target, (), text, settings)


def _by_search(target: Any, text: str, settings: dict[str, Any]) -> Verdict:
    signature = _signature(target)
    accepted, nearest = search(signature)
    if not accepted:
        raise NoInputsError(_no_inputs(text, signature, nearest))
    first, refused = None, nearest
    for attempt in accepted[:SECOND_THOUGHTS]:
        if attempt.unused > accepted[0].unused:
            break
        inputs = make(attempt, signature.constant)
        verdict = _check(target, inputs, text, settings)
        suspect = [
            one
            for one in verdict.findings
            if one.diagnosis in SUSPECT and one.property in PLAIN
        ]
        if not suspect:
            return verdict
        if any(one.diagnosis == "crash" for one in suspect):
            refused = replace(attempt, error=suspect[0].message)
        elif first is None:
            first = verdict
    if first is None:  # a guess that only the forward takes is no evidence
        raise NoInputsError(_no_inputs(text, signature, refused))
    return first


def _check(
    target: Any, inputs: Sequence[Any], text: str, settings: dict[str, Any]
) -> Verdict:
    import gradproof as gp

    verdict = gp.check(target, *inputs, **settings)
    verdict = replace(verdict, target=text.rpartition(":")[2])
    return with_hints(verdict, target, inputs, text) if inputs else verdict


def _signature(target: Any) -> Signature:
    if is_autograd_function(target):
        from gradproof.check.targets._torch_context import takes_context

        skip = int(takes_context(target))
        parameters = clues(target.forward, skip)
        constant = without_gradient(target.backward, len(parameters))
        file = getattr(getattr(target.forward, "__code__", None), "co_filename", "")
        return Signature(target.apply, parameters, frozenset(constant), file)
    if isinstance(target, Function):
        return Signature(target, clues(target.forward, 0))
    schema = getattr(target, target.overloads()[0])._schema
    kinds = {
        "Tensor": torch.Tensor,
        "int": int,
        "float": float,
        "bool": bool,
        "str": str,
    }
    parameters = [
        Clue(
            one.name,
            annotation=kinds.get(str(one.type), Any),
            is_tensor=str(one.type) == "Tensor",
            may_be_none=str(one.type).startswith("Optional"),
        )
        for one in schema.arguments
    ]
    return Signature(target, parameters)


def _declared_input(value: Any) -> Any:
    if isinstance(value, list):
        return Array(tuple(value))
    if isinstance(value, dict):
        return Array(
            tuple(value["shape"]), value.get("dtype", "float64"), value.get("below", 2)
        )
    return value


def _no_inputs(text: str, signature: Signature, nearest: Attempt | None) -> str:
    names = ", ".join(clue.name for clue in signature.parameters) or "its inputs"
    near = ""
    if nearest is not None:
        near = f"the nearest miss was ({nearest}): {nearest.error}. "
    given = ", ".join(map(_toml, nearest.arguments)) if nearest else "[5, 4]"
    return (
        f"found no inputs that its forward takes ({names}). {near}Give them in a file "
        f'for --inputs: [targets."{text}"] inputs = [{given}], with what it takes; '
        "or put @gp.examples(...) on it, where the source is yours"
    )


def _toml(value: Any) -> str:
    """A value as it is written in an inputs file."""
    if isinstance(value, Array):
        shape = list(value.shape)
        if value.dtype == "float64":
            return str(shape)
        below = f", below = {value.below}" if value.dtype == "int64" else ""
        return f'{{ shape = {shape}, dtype = "{value.dtype}"{below} }}'
    return json.dumps(value, default=str)
