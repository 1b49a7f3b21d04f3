"""The common call on torch, at the price of a Function written by hand.

Plain tensors, a rule for each input, no intermediates, no transform, no autocast: for
that a class is generated, as one would write it. What its rules return is checked
once for each combination of dtypes and options; from then on torch's own sums and
casts do what the driver did, and torch itself refuses a shape that does not fit. Every
other call takes the general way.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch.autograd import forward_ad

from gradproof._rule import OUTPUT, CallSpec
from gradproof._save import saved_into
from gradproof.backends import _torch_private
from gradproof.backends._torch_class import subclass

if TYPE_CHECKING:
    from gradproof._function import Function
    from gradproof.backends import Backend

PLAIN = frozenset((torch.Tensor, torch.nn.Parameter))
CONSTANTS = frozenset((int, float, bool, str, type(None)))
LIMIT = 4096  # combinations remembered as checked


def fits(function: Function[..., Any]) -> bool:
    """Whether a function is of the common kind."""
    return (
        _torch_private.SHORTCUTS is not None
        and not function.intermediates
        and function.language in (None, "torch")
        and all(name in function.rules for name in function.inputs)
        and not any(rule.once for rule in function.rules.values())
    )


def specialise(function: Function[..., Any], backend: Backend) -> None:
    """Give a function a class of its own, whose ``__call__`` is the fast way.

    Python looks ``__call__`` up on the class; one that passes on to another function
    would cost as much as all the tests in it.
    """
    shortcuts = _torch_private.SHORTCUTS
    assert shortcuts is not None
    absent = object()

    def otherwise(inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
        given = dict(zip(function.inputs, inputs, strict=False))
        by_name = {name: one for name, one in given.items() if one is not absent}
        options = {name: one for name, one in options.items() if one is not absent}
        if len(by_name) == len(given):
            return function.dispatch(inputs, options)
        return function.dispatch((), {**by_name, **options})

    scope: dict[str, Any] = {
        "_absent": absent,
        "_otherwise": otherwise,
        "_plain": PLAIN,
        "_constants": CONSTANTS,
        "_is_compiling": torch.compiler.is_dynamo_compiling,
        "_transforms_are_active": shortcuts.transforms_are_active,
        "_forward_ad": forward_ad,
        "_saved_into": saved_into,
        "_is_grad_enabled": torch.is_grad_enabled,
        "_forward": function.forward,
        "_autocast_is_on": shortcuts.autocast_is_on,
        "_apply": shortcuts.apply_of(_class(function, backend, shortcuts)),
        **{
            f"_default_{name}": absent if value is inspect.Parameter.empty else value
            for name, value in function.options.items()
        },
    }
    made = _run(function, _call_source(function), scope)
    own = type(function)
    function.__class__ = type(own.__name__, (own,), {"__call__": made["call"]})


def _run(
    function: Function[..., Any], lines: Iterator[str], scope: dict[str, Any]
) -> dict[str, Any]:
    code = compile("\n".join(lines), f"<gp.function {function.__name__}>", "exec")
    exec(code, scope)
    return scope


def _call_source(function: Function[..., Any]) -> Iterator[str]:
    inputs, options = function.inputs, function.options
    parameters = ["_self", "/", *(f"{name}=_absent" for name in inputs), "*_more"]
    parameters += [*(f"{name}=_default_{name}" for name in options), "**_rest"]
    tests = ["_is_compiling()", "_more", "_rest"]
    tests += [f"type({name}) not in _plain" for name in inputs]
    tests += [f"type({name}) not in _constants" for name in options]
    tests += ["_transforms_are_active()", "_forward_ad._current_level >= 0"]
    tests += ["_saved_into() is not None"]
    everything = f"({', '.join(inputs)}, *_more)"
    chosen = "".join(f"{name!r}: {name}, " for name in options)
    otherwise = f"return _otherwise({everything}, {{{chosen}**_rest}})"
    keywords = (f"{name}={name}" for name in options)
    yield f"def call({', '.join(parameters)}):"
    yield f"    if {' or '.join(tests)}:"
    yield f"        {otherwise}"
    yield "    if not _is_grad_enabled():"
    yield f"        {OUTPUT} = _forward({', '.join((*inputs, *keywords))})"
    yield f"        if type({OUTPUT}) in _plain: return {OUTPUT}"
    yield f"        return _self.checked({OUTPUT})"
    yield "    if _autocast_is_on():"
    yield f"        {otherwise}"
    yield f"    return _apply({', '.join((*inputs, *options))})"


def _class(
    function: Function[..., Any],
    backend: Backend,
    shortcuts: _torch_private.Shortcuts,
) -> Any:
    known: set[Any] = set()

    def describe(ctx: Any, key: Any, inputs: tuple[Any, ...], output: Any) -> Any:
        call = CallSpec.of(backend, inputs, function.checked(output))
        return key, call.only(ctx.needs_input_grad[: len(inputs)])

    def first(ctx: Any, grads: tuple[Any, ...], values: dict[str, Any]) -> Any:
        key, call = ctx.first
        grad_output = grads if len(grads) > 1 else grads[0]
        gradients = function.pull_back(backend, grad_output, values, call)
        # Where complex meets real, or outputs are several, the driver is needed.
        if len(grads) == 1 and not call.has_complex:
            if len(known) >= LIMIT:
                known.clear()
            known.add(key)
        return (*gradients, *(None for _ in function.options))

    def without_autocast(ctx: Any, *grads: Any) -> Any:
        with torch.autocast(grads[0].device.type, enabled=False):
            return made["backward"](ctx, *grads, _autocast=True)

    scope = {
        "_known": known,
        "_describe": describe,
        "_first": first,
        "_missing": function.missing,
        "_sum_to": _sum_to,
        "_forward": function.forward,
        "_autocast_is_on": shortcuts.autocast_is_on,
        "_without_autocast": without_autocast,
        **{f"_rule_{name}": rule.function for name, rule in function.rules.items()},
    }
    made = _run(function, _class_source(function), scope)
    methods = {name: made[name] for name in ("forward", "backward")}
    return subclass(function, torch.autograd.Function, **methods)


def _sum_to(gradient: Any, shape: Any) -> Any:
    """Broadcasting undone; what cannot have come of it is left for torch to refuse."""
    try:
        return gradient.sum_to_size(shape)
    except RuntimeError:
        return gradient


def _class_source(function: Function[..., Any]) -> Iterator[str]:
    inputs, options, rules = function.inputs, function.options, function.rules
    asked = dict.fromkeys(name for one in inputs for name in rules[one].needs)
    kept = [name for name in asked if name not in options]
    keywords = (f"{name}={name}" for name in options)
    dtypes = (f"{name}.dtype" for name in inputs)
    yield f"def forward(_ctx, {', '.join((*inputs, *options))}):"
    yield "    _needs = _ctx.needs_input_grad"
    yield f"    {OUTPUT} = _forward({', '.join((*inputs, *keywords))})"
    if kept:
        saved = ", ".join(
            f"{name} if {_needs(function, name)} else None" for name in kept
        )
        yield f"    _ctx.save_for_backward({saved})"
    if options:
        yield f"    _ctx.options = ({', '.join(options)},)"
    given = f"({', '.join(inputs)},)"
    yield f"    _ctx.shapes = ({', '.join(f'{name}.shape' for name in inputs)},)"
    yield f"    _key = ({', '.join((*dtypes, *options))}, _needs)"
    yield "    if _key in _known: _ctx.first = None"
    yield f"    else: _ctx.first = _describe(_ctx, _key, {given}, {OUTPUT})"
    yield f"    return {OUTPUT}"
    yield "def backward(_ctx, grad_output, *_more, _autocast=False):"
    yield "    if not _autocast and _autocast_is_on():"
    yield "        return _without_autocast(_ctx, grad_output, *_more)"
    if kept:
        yield f"    {', '.join(kept)}, = _ctx.saved_tensors"
    if options:
        yield f"    {', '.join(options)}, = _ctx.options"
    yield "    if _ctx.first is not None:"
    values = ", ".join(f"{name!r}: {name}" for name in (*kept, *options))
    yield f"        return _first(_ctx, (grad_output, *_more), {{{values}}})"
    yield "    _needs = _ctx.needs_input_grad"
    for i, name in enumerate(inputs):
        rule = rules[name]
        asked_for = (
            "grad_output",
            *rule.positional,
            *(f"{n}={n}" for n in rule.keywords),
        )
        yield f"    _grad_{name} = None"
        yield f"    if _needs[{i}]:"
        yield f"        _grad_{name} = _rule_{name}({', '.join(asked_for)})"
        yield f"        if _grad_{name} is None: raise _missing({name!r})"
        yield f"        if _grad_{name}.shape != _ctx.shapes[{i}]:"
        yield f"            _grad_{name} = _sum_to(_grad_{name}, _ctx.shapes[{i}])"
    returned = [f"_grad_{name}" for name in inputs] + ["None" for _ in options]
    yield f"    return {', '.join(returned)}"


def _needs(function: Function[..., Any], name: str) -> str:
    """The condition under which a value is needed in backward."""
    users = (
        i for i, one in enumerate(function.inputs) if name in function.rules[one].needs
    )
    return " or ".join(f"_needs[{i}]" for i in users)
