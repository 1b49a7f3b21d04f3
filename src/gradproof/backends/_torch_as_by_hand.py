"""The class that one would write by hand for a ``gp.function``, generated.

The first call with a combination of dtypes and options goes through the general class,
where what the rules return is checked. From then on autograd's engine does what the
driver did: it undoes broadcasting by a sum, casts, and refuses a shape that does not
fit. What is complex, or has outputs that are not floating, stays with the driver.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch.autograd import forward_ad

from gradproof._pull_back import once
from gradproof._rule import OUTPUT, CallSpec
from gradproof.backends import _torch_private
from gradproof.backends._torch_class import Parts, added, pack, subclass, unpack
from gradproof.backends._torch_once import refuse
from gradproof.backends._torch_tensors import device_of

if TYPE_CHECKING:
    from gradproof._function import Function
    from gradproof.backends import Backend

LIMIT = 4096  # combinations remembered as checked


def run(
    function: Function[..., Any], lines: Iterator[str], scope: dict[str, Any]
) -> dict[str, Any]:
    """The names that generated source defines."""
    code = compile("\n".join(lines), f"<gp.function {function.__name__}>", "exec")
    exec(code, scope)
    return scope


def class_of(
    function: Function[..., Any],
    backend: Backend,
    shortcuts: _torch_private.Shortcuts,
) -> Any:
    """The class, for functions that ``_torch_eager.fits``."""
    known: set[Any] = set()
    slow = Parts(function, backend)

    def first(ctx: Any, key: Any, flat: tuple[Any, ...], result: Any) -> Any:
        function.checked(unpack(function, result).output)
        slow.setup_context(ctx, flat, result)
        ctx.first = key
        return result

    def check(ctx: Any, *grads: Any) -> Any:
        gradients = slow.backward(ctx, *grads)
        if _is_simple(function, ctx.call):
            if len(known) >= LIMIT:
                known.clear()
            known.add(ctx.first)
        return gradients

    def through(
        ctx: Any, values: dict[str, Any], incoming: Any, gradients: tuple[Any, ...]
    ) -> Any:
        needs = ctx.needs_input_grad[: len(function.inputs)]
        positions = [i for i, needed in enumerate(needs) if needed]
        more = slow.through_intermediates(values, incoming, positions)
        return tuple(map(added, gradients, more))

    def without_autocast(ctx: Any, *grads: Any) -> Any:
        with torch.autocast(device_of(grads), enabled=False):
            return made["backward"](ctx, *grads, _autocast=True)

    scope = {
        "_known": known,
        "_first": first,
        "_check": check,
        "_through": through,
        "_missing": function.missing,
        "_forward": function.forward,
        "_run": function.run,
        "_pack": pack,
        "_autocast_is_on": shortcuts.autocast_is_on,
        "_without_autocast": without_autocast,
        "_is_grad_enabled": torch.is_grad_enabled,
        "_forward_ad": forward_ad,
        "_refuse": refuse,
        **{f"_rule_{name}": rule.function for name, rule in function.rules.items()},
        **{f"_once_{name}": once(function, name) for name in function.rules},
    }
    lines = itertools.chain(_forward_source(function), _backward_source(function))
    made = run(function, lines, scope)
    methods = {name: made[name] for name in ("forward", "backward")}
    own = subclass(function, torch.autograd.Function, **methods)
    own.engine_finishes = True
    nodes = shortcuts.nodes_of(own)
    nodes.apply = made["backward"]  # theirs looks for it at every call
    nodes.first = None
    return own


def _is_simple(function: Function[..., Any], call: CallSpec) -> bool:
    """Whether rules can be given what the engine gives, and it what they return."""
    floating = all(spec is not None for spec in call.outputs)
    several = len(call.outputs) > 1 and bool(function.intermediates)
    return floating and not several and not call.has_complex


def _kept(function: Function[..., Any]) -> list[str]:
    """The names of what is saved for backward, the output last: it may be several."""
    rules = (function.rules[name] for name in function.inputs)
    asked = dict.fromkeys(name for rule in rules for name in rule.needs)
    if function.intermediates:  # see Parts.through_intermediates
        asked |= dict.fromkeys(function.inputs)
    if OUTPUT in asked and not function.intermediates:
        asked[OUTPUT] = asked.pop(OUTPUT)
    return [name for name in asked if name not in function.options]


def _forward_source(function: Function[..., Any]) -> Iterator[str]:
    inputs, options, kept = function.inputs, function.options, _kept(function)
    keywords = (f"{name}={name}" for name in options)
    dtypes = (f"{name}.dtype" for name in inputs)
    flat = f"({', '.join((*inputs, *options))},)"
    yield f"def forward(_ctx, {', '.join((*inputs, *options))}):"
    yield "    _needs = _ctx.needs_input_grad"
    if function.intermediates:
        chosen = ", ".join(f"{name!r}: {name}" for name in options)
        given = f"({', '.join(inputs)},)"
        yield f"    _ran = _run({given}, {{{chosen}}})"
        yield f"    {OUTPUT}, _result = _ran.output, _pack(_ran, {given})"
    else:
        yield f"    {OUTPUT} = _result = _forward({', '.join((*inputs, *keywords))})"
    count = f"len({OUTPUT}) if type({OUTPUT}) is tuple else 1"
    yield f"    _key = ({', '.join((*dtypes, *options, '_needs', count))})"
    yield "    if _key not in _known:"
    yield f"        return _first(_ctx, _key, {flat}, _result)"
    if function.intermediates:
        yield f"    {', '.join((OUTPUT, *function.intermediates))} = _result"
        yield "    _ctx.set_materialize_grads(False)"
        yield f"    _ctx.save_for_backward({', '.join(kept)})"
    elif kept:
        saved = [f"{name} if {_needs(function, name)} else None" for name in kept]
        if OUTPUT in kept:
            saved[-1] = f"*({OUTPUT} if type({OUTPUT}) is tuple else ({OUTPUT},))"
        yield f"    _ctx.save_for_backward({', '.join(saved)})"
    if options:
        yield f"    _ctx.options = ({', '.join(options)},)"
    yield "    return _result"


def _backward_source(function: Function[..., Any]) -> Iterator[str]:
    inputs, options, kept = function.inputs, function.options, _kept(function)
    yield "def backward(_ctx, grad_output, *_more, _autocast=False):"
    yield "    if _ctx.first is not None:"
    yield "        return _check(_ctx, grad_output, *_more)"
    yield "    if not _autocast and _autocast_is_on():"
    yield "        return _without_autocast(_ctx, grad_output, *_more)"
    if kept and kept[-1] == OUTPUT:
        yield f"    {', '.join((*kept[:-1], f'*{OUTPUT}'))}, = _ctx.saved_tensors"
        yield f"    {OUTPUT} = tuple({OUTPUT}) if {OUTPUT}[1:] else {OUTPUT}[0]"
    elif kept:
        yield f"    {', '.join(kept)}, = _ctx.saved_tensors"
    if options:
        yield f"    {', '.join(options)}, = _ctx.options"
    if not function.intermediates:
        yield "    if _more: grad_output = (grad_output, *_more)"
    yield "    _needs = _ctx.needs_input_grad"
    for i, name in enumerate(inputs):
        yield from _gradient_source(function, i, name)
    returned = [f"_grad_{name}" for name in inputs]
    if function.intermediates:
        values = ", ".join(f"{name!r}: {name}" for name in (*inputs, *options))
        yield "    if any(_one is not None for _one in _more):"
        gradients = f"({', '.join(returned)},)"
        yield f"        {', '.join(returned)}, = _through("
        yield f"            _ctx, {{{values}}}, _more, {gradients})"
    returned += ["None" for _ in options]
    yield f"    return {', '.join(returned)}"


def _gradient_source(
    function: Function[..., Any], position: int, name: str
) -> Iterator[str]:
    rule = function.rules[name]
    keywords = (f"{one}={one}" for one in rule.keywords)
    given = ", ".join(("grad_output", *rule.positional, *keywords))
    used = " and grad_output is not None" if function.intermediates else ""
    yield f"    _grad_{name} = None"
    yield f"    if _needs[{position}]{used}:"
    yield f"        _grad_{name} = _rule_{name}({given})"
    yield f"        if _grad_{name} is None: raise _missing({name!r})"
    if rule.once:
        needed = ", ".join(("grad_output", *rule.needs))
        yield "        if _is_grad_enabled() or _forward_ad._current_level >= 0:"
        yield f"            _grad_{name} = _refuse("
        yield f"                _once_{name}, _grad_{name}, [{needed}])"


def _needs(function: Function[..., Any], name: str) -> str:
    """The condition under which a value is needed in backward."""
    users = (
        i for i, one in enumerate(function.inputs) if name in function.rules[one].needs
    )
    return " or ".join(f"_needs[{i}]" for i in users)
