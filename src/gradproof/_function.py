"""``gp.function``: a differentiable function, defined once for every backend."""

from __future__ import annotations

import functools
import inspect
import itertools
import weakref
from collections import namedtuple
from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Generic, ParamSpec, TypeVar

from gradproof import _derived, _forward, backends
from gradproof._definition import are_in_one_file, read_signature, saved_names, suggest
from gradproof._errors import DefinitionError, InputError, RuleError
from gradproof._forward import Forward
from gradproof._pull_back import pull_back
from gradproof._rule import OUTPUT, CallSpec, Rule
from gradproof._vjp import vjp

P = ParamSpec("P")
R = TypeVar("R")
RuleFunction = TypeVar("RuleFunction", bound=Callable[..., Any])


_numbers = itertools.count()

# By its number a function is found where only a constant can be passed.
DEFINED: weakref.WeakValueDictionary[str, Function[..., Any]] = (
    weakref.WeakValueDictionary()
)


class Function(Generic[P, R]):
    """A differentiable function: a forward, and one gradient rule for each input.

    Made by ``gp.function``. Calling it works on what is passed: NumPy arrays give
    arrays, torch tensors take part in autograd, JAX arrays in ``grad``, ``jit`` and
    ``vmap``.

    Attributes:
        inputs: names of the positional parameters, the arrays.
        options: the keyword-only parameters with their defaults.
        rules: the gradient rules by the name of their input.
        intermediates: names of the ``gp.save`` values that some rule asks for.
    """

    __qualname__: str

    def __init__(self, forward: Callable[P, R]):
        functools.update_wrapper(self, forward)
        self.__name__: str = getattr(forward, "__name__", type(forward).__name__)
        self.__qualname__ = getattr(forward, "__qualname__", self.__name__)
        self.forward = forward
        self.signature = inspect.signature(forward)
        self.inputs, self.options = read_signature(self.__name__, self.signature)
        self.rules: dict[str, Rule] = {}
        self.intermediates: tuple[str, ...] = ()
        self.cache: dict[Any, Any] = {}  # what backends built; emptied by a new rule
        self.torch_made: Any = None  # apart: torch.compile reads it
        self._language: tuple[str | None] | None = None  # found when first asked for
        self.number = str(next(_numbers))  # an int would be symbolic to torch.compile
        DEFINED[self.number] = self
        self._gradients: Callable[..., Any] = namedtuple(  # type: ignore[misc]
            "Gradients", self.inputs
        )

    def __call__(self, *inputs: P.args, **options: P.kwargs) -> R:
        """The output, on the backend of the arrays passed."""
        output: R = self.dispatch(inputs, options)
        return output

    def dispatch(self, inputs: Sequence[Any], options: Mapping[str, Any]) -> Any:
        """The output, whatever the call is given."""
        bound, chosen = self.bind(inputs, options)
        for value in bound if self.rules else ():
            # A number first: one that torch.compile leaves open has no attributes.
            if not isinstance(value, int | float) and hasattr(value, "refuse_rules"):
                value.refuse_rules(self)
        return backends.of(self, bound).call(self, bound, chosen)

    def copy(self) -> Function[P, R]:
        """The same again, with which no library has done anything yet."""
        made = object.__new__(Function)
        made.__dict__.update(self.__dict__)
        made.cache, made.torch_made = {}, None
        return made

    def __repr__(self) -> str:
        rules = ", ".join(self.rules) or "none"
        return f"<gp.function {self.__name__}{self.signature}, rules: {rules}>"

    def __reduce__(self) -> str:
        return self.__qualname__  # pickled by name, as a plain function is

    def gradient(
        self, input: str, *, once: bool = False
    ) -> Callable[[RuleFunction], RuleFunction]:
        """Decorator: the rule for one input.

        The rule's first parameter is the gradient of the output (a tuple of them
        where there are several outputs); the others name what it needs: inputs,
        options, ``output``, or what the forward named with ``gp.save``.

        An input without a rule gets a derived gradient: on NumPy from ``gp.derive``, on
        torch and JAX from their own autodiff. Where other inputs have rules the
        forward runs again for it: one that draws random numbers then needs every rule.

        Args:
            input: name of the input that the rule gives the gradient of.
            once: the rule is not to be differentiated, as where it calls a kernel: a
                second derivative and forward mode are errors.

        Raises:
            DefinitionError: for an input that does not exist or has a rule already,
                or a parameter that nobody provides.
        """
        if not isinstance(input, str):
            raise DefinitionError(
                f"{self.__name__}: a rule is for one input: write "
                f'@{self.__name__}.gradient("{self.inputs[0]}")'
            )
        if input not in self.inputs:
            raise DefinitionError(
                f"{self.__name__} has no input {input!r}: "
                f"{suggest(input, self.inputs, 'its inputs are')}"
            )

        def register(rule_function: RuleFunction) -> RuleFunction:
            rule = Rule.of(input, rule_function, self.__name__, once=once)
            self._check_names(rule)
            before = self.rules.get(input)
            is_again = before and before.name == rule.name != "_"  # a notebook's cell
            if (
                before
                and not is_again
                and are_in_one_file(before.function, rule_function)
            ):
                raise DefinitionError(
                    f"{self.__name__}: two rules for {input!r}, "
                    f"{before.name} and {rule.name}: "
                    "one of them is meant for another input"
                )
            self.rules[input] = rule
            asked = (name for rule in self.rules.values() for name in rule.needs)
            known = {*self.inputs, *self.options, OUTPUT}
            self.intermediates = tuple(
                dict.fromkeys(n for n in asked if n not in known)
            )
            self.cache.clear()
            self.torch_made = None
            self.__class__ = Function  # torch gives it a subclass with a fast call
            return rule_function

        return register

    def _check_names(self, rule: Rule) -> None:
        saved = saved_names(self.forward)
        provided = dict.fromkeys((*self.inputs, *self.options, OUTPUT, *saved))
        for name in rule.needs:
            if name not in provided:
                raise DefinitionError(
                    f"{self.__name__}: the rule for {rule.input!r} asks for {name!r}, "
                    "which is neither an input, an option, 'output' nor named "
                    f"with gp.save: {suggest(name, [*provided], 'it may ask for')}"
                )
        if rule.first in (*self.inputs, *self.options, OUTPUT):
            raise DefinitionError(
                f"{self.__name__}: the rule for {rule.input!r} calls its first "
                f"parameter, the gradient of the output, {rule.first!r}: "
                f"write def {rule.name}(grad_output, {rule.first}, ...)"
            )

    @property
    def saved(self) -> Mapping[str, tuple[str, ...]]:
        """What is kept for backward: each name with the inputs whose rules need it.

        Where a rule needs an intermediate, torch keeps the inputs beside it, for
        second derivatives.
        """
        kept: dict[str, tuple[str, ...]] = {}
        for name in (*self.inputs, OUTPUT, *self.intermediates):
            users = tuple(i for i, r in self.rules.items() if name in r.needs)
            if users:
                kept[name] = users
        return MappingProxyType(kept)

    @property
    def autograd_function(self) -> Any:
        """The ``torch.autograd.Function`` subclass, for those who call ``.apply``."""
        from gradproof.backends import torch_

        return torch_.autograd_function(self)

    def vjp(self, *inputs: Any, **options: Any) -> tuple[Any, Callable[..., Any]]:
        """The output, and the function that pulls a gradient of it back.

        Args:
            *inputs: the arrays.
            **options: the function's options.

        Returns:
            ``(output, pullback)``. ``pullback(grad_output)`` gives the gradients by
            input name, a named tuple; None for an input that is not floating. With
            several outputs, grad_output is a tuple of as many arrays.
        """
        return vjp(self, inputs, options, at_once=False)

    def gradients(self, *inputs: Any, grad_output: Any = None, **options: Any) -> Any:
        """The gradients by input name, a named tuple.

        Args:
            *inputs: the arrays.
            grad_output: gradient of the output; may be left out for a scalar output.
            **options: the function's options.

        Raises:
            InputError: where grad_output is left out and the output is no scalar.
        """
        _, pullback = vjp(self, inputs, options, at_once=True)
        return pullback(grad_output)

    # What backends build on.

    def bind(
        self, inputs: Sequence[Any], keywords: Mapping[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Inputs in order and options with their defaults filled in.

        Raises:
            InputError: for too many or too few inputs, one that is a container, or
                an unknown option.
        """
        for value in inputs:
            if isinstance(value, list | tuple | dict):
                raise InputError(
                    f"{self.__name__} was given a {type(value).__name__}: "
                    "pass each array as an input of its own"
                )
        if len(inputs) == len(self.inputs) and keywords.keys() <= self.options.keys():
            options = {**self.options, **keywords}
            # By identity: torch.compile cannot compare what it leaves open.
            if all(one is not inspect.Parameter.empty for one in options.values()):
                return tuple(inputs), options
        for name in keywords:
            if name not in self.signature.parameters:
                known = [*self.inputs, *self.options]
                raise InputError(
                    f"{self.__name__}{self.signature} was called wrongly: it has no "
                    f"{name!r}: {suggest(name, known, 'it has')}"
                )
        try:
            bound = self.signature.bind(*inputs, **keywords)
        except TypeError as error:
            raise InputError(
                f"{self.__name__}{self.signature} was called wrongly: {error}"
            ) from None
        bound.apply_defaults()
        return bound.args, dict(bound.kwargs)

    def plain(self, inputs: Sequence[Any], options: Mapping[str, Any]) -> Any:
        """The forward alone: its output, with nothing collected for backward."""
        return _forward.plain(self, inputs, options)

    def run(
        self,
        inputs: Sequence[Any],
        options: Mapping[str, Any],
        *,
        fingerprint: Callable[[Mapping[str, Any]], dict[str, Any]] | None = None,
    ) -> Forward:
        """The forward with what it saves, see ``_forward.run``."""
        return _forward.run(self, inputs, options, fingerprint)

    def checked(self, output: Any) -> Any:
        """What the forward returned: an array, or a tuple of two or more."""
        return _forward.checked(self, output)

    @property
    def language(self) -> str | None:
        """Whose names the forward is written in: "numpy", "torch", "jax", or None."""
        if self._language is None:
            self._language = (_derived.written_in(self.forward),)
        return self._language[0]

    def needed(self, call: CallSpec) -> set[str]:
        """Names of what backward asks for, for the inputs that get a gradient."""
        wanted = {self.inputs[position] for position in call.differentiated}
        names = {n for i, rule in self.rules.items() if i in wanted for n in rule.needs}
        return names if wanted <= self.rules.keys() else names.union(self.inputs)

    def keep(
        self, names: Collection[str], inputs: Sequence[Any], ran: Forward
    ) -> dict[str, Any]:
        """The values of these names, options aside."""
        values = dict(zip(self.inputs, inputs, strict=True))
        values.update({OUTPUT: ran.output}, **ran.intermediates)
        return {name: value for name, value in values.items() if name in names}

    def pull_back(
        self,
        backend: backends.Backend,
        grad_output: Any,
        values: Mapping[str, Any],
        call: CallSpec,
    ) -> list[Any]:
        """One gradient an input: its rule's, or autodiff's through the forward.

        Args:
            backend: the library of the arrays.
            grad_output: gradient of the output, or a tuple of them; a rule gets None
                for an output that is not floating.
            values: what the rules ask for, by name, and the options.
            call: what is known of the inputs, and which of them get a gradient.

        Raises:
            RuleError: for a rule that returned something that cannot be a gradient.
            DeriveError: where an input has no rule, the library no autodiff, and the
                forward cannot be derived.
        """
        return pull_back(self, backend, grad_output, values, call)

    def missing(self, input: str) -> RuleError:
        """The error for a rule that returned None."""
        return RuleError(
            f"{self.__name__}: the rule for {input!r} returned None, expected an "
            "array: is a return statement missing?",
            function=self.__name__,
            input=input,
            problem="missing",
        )


def function(forward: Callable[P, R]) -> Function[P, R]:
    """Decorator: make a forward a differentiable function on every backend.

    Positional parameters are the inputs, arrays; keyword-only parameters are
    options. Write one rule for each input with ``@name.gradient("input")``.

    Raises:
        DefinitionError: where the forward takes ``*args`` or ``**kwargs``, or names
            an input so that a rule could not ask for it.
    """
    return Function(forward)
