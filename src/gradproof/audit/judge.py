"""The worker's side of ``gradproof audit``: a target in, its verdict out."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from gradproof._errors import NoInputsError
from gradproof._function import Function
from gradproof.audit import find
from gradproof.audit.candidates import Array
from gradproof.audit.clues import Clue, clues
from gradproof.audit.missing import no_inputs
from gradproof.audit.search import Attempt, Signature, make, search
from gradproof.audit.source import without_gradient
from gradproof.check.inputs import examples_for
from gradproof.check.targets import is_autograd_function
from gradproof.check.verdict import Finding, Verdict
from gradproof.targets import declare
from gradproof.targets.intended import with_hints
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
    chosen = declare.resolved(settings)
    kind, declared = chosen.pop("kind"), chosen.pop("inputs", None)
    target = find.op(text.rpartition(":")[2]) if kind == find.OP else named(text)
    if declared is not None:
        verdict = _check(target, _declared_inputs(declared), text, chosen)
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
    """On the inputs found; once more with tensors for the numbers that may be tensors.

    Raises:
        NoInputsError: none were found either way.
    """
    from gradproof.check.runner import merge

    signature = _signature(target)
    tensors = [clue.as_tensor() for clue in signature.parameters]
    try:
        verdicts = [_on_found(target, text, signature, settings)]
    except NoInputsError:
        if tensors == signature.parameters:
            raise
        verdicts = []
    if tensors != signature.parameters:
        signature = replace(signature, parameters=tensors)
        with contextlib.suppress(*([NoInputsError] if verdicts else [])):
            verdicts.append(_on_found(target, text, signature, settings))
    right = [verdict for verdict in verdicts if not _suspect(verdict)]
    return merge(right or verdicts[:1])


def _on_found(
    target: Any, text: str, signature: Signature, settings: dict[str, Any]
) -> Verdict:
    accepted, nearest = search(signature)
    if not accepted:
        raise NoInputsError(no_inputs(text, signature, nearest))
    first, refused = None, nearest
    for attempt in accepted[:SECOND_THOUGHTS]:
        if attempt.unused > accepted[0].unused:
            break
        inputs = make(attempt, signature.constant)
        verdict = _check(target, inputs, text, settings)
        suspect = _suspect(verdict)
        if not suspect:
            return verdict
        if any(one.diagnosis == "crash" for one in suspect):
            refused = replace(attempt, error=suspect[0].message)
        elif first is None:
            first = verdict
    if first is None:  # a guess that only the forward takes is no evidence
        raise NoInputsError(no_inputs(text, signature, refused))
    return first


def _suspect(verdict: Verdict) -> list[Finding]:
    return [
        one
        for one in verdict.findings
        if one.diagnosis in SUSPECT and one.property in PLAIN
    ]


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


def _declared_inputs(declared: Any) -> list[Any]:
    """What an inputs file says: a list, or a function that returns one."""
    if isinstance(declared, str):
        return list(declare.function(declared)())
    return make(Attempt(tuple(map(_declared_input, declared)), "normal", 0))


def _declared_input(value: Any) -> Any:
    if isinstance(value, list):
        return Array(tuple(value))
    if isinstance(value, dict):
        shape = value.get("shape")
        dtype, below = value.get("dtype", "float64"), value.get("below", 2)
        return None if shape is None else Array(tuple(shape), dtype, below)
    return value
