"""The pass back through the rules of a function, and the checks on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gradproof import _derived, backends
from gradproof._errors import InputError, RuleError
from gradproof._rule import CallSpec, project

if TYPE_CHECKING:
    from gradproof._function import Function


def pull_back(
    function: Function[..., Any],
    backend: backends.Backend,
    grad_output: Any,
    values: Mapping[str, Any],
    call: CallSpec,
) -> list[Any]:
    """One gradient an input, see ``Function.pull_back``."""
    if isinstance(grad_output, tuple):
        pairs = zip(grad_output, call.outputs, strict=True)
        grad_output = tuple(grad if spec else None for grad, spec in pairs)
    gradients: list[Any] = [None] * len(function.inputs)
    for position in call.differentiated:
        name = function.inputs[position]
        if name in function.rules:
            gradients[position] = _by_rule(
                function, backend, name, grad_output, values, call
            )
    without = [
        i for i in call.differentiated if function.inputs[i] not in function.rules
    ]
    if without:
        found = _without_rules(function, backend, grad_output, values, without)
        for position in without:
            gradients[position] = found[position]
    return gradients


def _by_rule(
    function: Function[..., Any],
    backend: backends.Backend,
    name: str,
    grad_output: Any,
    values: Mapping[str, Any],
    call: CallSpec,
) -> Any:
    rule = function.rules[name]
    spec = call.inputs[function.inputs.index(name)]
    assert spec is not None
    grads = grad_output if isinstance(grad_output, tuple) else (grad_output,)
    given = {f"grad_output {i}": grad for i, grad in enumerate(grads)} | dict(values)
    key = ("rule wrote nothing", name, call.dtypes)
    before = None if key in function.cache else backend.fingerprint(given)
    gradient = project(
        rule(grad_output, values),
        spec,
        call,
        backend=backend,
        function=function.__name__,
        input=name,
    )
    if before is not None:
        _check_rule(function, backend, name, before, given)
        function.cache[key] = True
    if rule.once:
        needed = [values[one] for one in rule.needs]
        gradient = backend.refuse(once(function, name), gradient, [*grads, *needed])
    return gradient


def once(function: Function[..., Any], name: str) -> str:
    """The message for one who differentiates a rule that is not to be."""
    return (
        f"{function.__name__}: the rule for {name!r} is registered with once=True "
        "and cannot be differentiated: there is no second derivative, nor forward mode"
    )


def _without_rules(
    function: Function[..., Any],
    backend: backends.Backend,
    grad_output: Any,
    values: Mapping[str, Any],
    positions: Sequence[int],
) -> Mapping[int, Any]:
    """The gradients of inputs without a rule, derived or by autodiff."""
    options = {name: values[name] for name in function.options}
    arrays = [values[name] for name in function.inputs]
    if backend.autodiff is None:
        names = [function.inputs[i] for i in positions]
        found = _derived.gradients(function, names, arrays, options, grad_output)
        return {i: found[function.inputs[i]] for i in positions}
    _, pull = backends.differentiate(
        backend, lambda *given: function.plain(given, options), arrays, positions
    )
    return dict(enumerate(pull(grad_output)))


def check_unwritten(
    function: Function[..., Any],
    backend: backends.Backend,
    before: Mapping[str, Any],
    values: Mapping[str, Any],
) -> None:
    """Raise where one of the values was written to since.

    Raises:
        InputError: naming it.
    """
    for name, now in backend.fingerprint(values).items():
        if now != before[name]:
            raise InputError(
                f"{function.__name__}: {name!r} was kept for backward and has been "
                "written to since: write to a copy of it"
            )


def _check_rule(
    function: Function[..., Any],
    backend: backends.Backend,
    name: str,
    before: Mapping[str, Any],
    values: Mapping[str, Any],
) -> None:
    for written, now in backend.fingerprint(values).items():
        if now != before[written]:
            what = "grad_output" if written.startswith("grad_output ") else written
            raise RuleError(
                f"{function.__name__}: the rule for {name!r} wrote into {what!r}, "
                "which others read: write to a copy of it",
                function=function.__name__,
                input=name,
                problem="written",
            )
