"""What a gp.function reads from outside, on torch."""

from __future__ import annotations

import enum
import math
import types

import numpy as np
import pytest
import torch
from torch.autograd import forward_ad

import gradproof as gp

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own

temperature = 2.0
settings = types.SimpleNamespace(k=3)
layer = torch.nn.Linear(2, 2)
holder = types.SimpleNamespace(p=torch.nn.Parameter(torch.ones(2)))
table = torch.tensor([1.0, 2.0])


def defined(forward):
    function = gp.function(forward)

    @function.gradient("x")
    def grad_x(grad_output):
        return grad_output

    return function


def helped(x):
    return x * holder.p


def test_a_parameter_that_is_reached_indirectly_would_lose_its_gradient() -> None:
    x = torch.ones(2)
    with pytest.raises(gp.DefinitionError, match=r"reads 'holder.p' from outside"):
        defined(lambda x: x * holder.p)(x)
    with pytest.raises(gp.DefinitionError, match=r"reads 'holder.p' from outside"):
        defined(lambda x: helped(x))(x)  # in a function that it calls
    called = defined(lambda x: layer(x))
    for _ in range(2):
        with pytest.raises(gp.DefinitionError, match=r"a parameter of shape \(2,"):
            called(x)
    listed = gp.function(_takes_a_list)
    with pytest.raises(gp.InputError, match="'weights' is an array to differentiate"):
        listed(x, weights=[holder.p])


def _takes_a_list(x, *, weights=()):
    return x * weights[0]


def test_a_tensor_from_outside_that_has_a_tangent_is_named() -> None:
    x, one = torch.ones(2), torch.ones(())
    factor = one

    def through(t):
        nonlocal factor
        factor = t
        return function(x).sum()

    function = defined(lambda x: x * factor)
    assert through(one) == 2  # from here on it is prepared
    with pytest.raises(gp.DefinitionError, match="reads 'factor' .* has a tangent"):
        torch.func.jvp(through, (one,), (one,))
    with forward_ad.dual_level(), pytest.raises(gp.DefinitionError, match="'factor'"):
        through(forward_ad.make_dual(one, one))
    optional = gp.function(lambda x, *, scale: x * scale)
    with pytest.raises(gp.InputError, match="'scale' is an array to differentiate"):
        torch.func.jvp(lambda t: optional(x, scale=t), (one,), (one,))


def test_what_requires_no_grad_may_be_read() -> None:
    x = torch.ones(2, requires_grad=True)
    frozen = torch.nn.Linear(2, 2).requires_grad_(False)
    function = gp.function(lambda x: frozen(x) * table)

    @function.gradient("x")
    def grad_x(grad_output):
        return (grad_output * table) @ frozen.weight

    for _ in range(3):
        (found,) = torch.autograd.grad(function(x).sum(), x)
        (true,) = torch.autograd.grad((frozen(x) * table).sum(), x)
        assert torch.equal(found, true)


def test_an_output_that_is_an_input_stays_it() -> None:
    function = gp.function(lambda x, y: (x, x * y))

    @function.gradient("x")
    def grad_x(grad_output, y):
        return grad_output[0] + grad_output[1] * y

    @function.gradient("y")
    def grad_y(grad_output, x):
        return grad_output[1] * x

    x, y = (torch.randn(3, requires_grad=True) for _ in "xy")
    for _ in range(3):
        first, second = function(x, y)
        found = torch.autograd.grad(first.sum() + second.sum(), (x, y))
        assert torch.allclose(found[0], 1 + y)
        assert torch.allclose(found[1], x)


def test_numbers_that_change_are_compiled_anew(monkeypatch) -> None:
    factor = 5.0

    @gp.function
    def scaled(x):
        return x / temperature * settings.k * factor

    @scaled.gradient("x")
    def grad_x(grad_output):
        return grad_output / temperature * settings.k * factor

    compiled = torch.compile(
        lambda x: scaled(x), fullgraph=True, backend="aot_eager", dynamic=None
    )
    x = torch.ones(1, requires_grad=True)

    def right() -> bool:
        value, slope = compiled(x), factor * settings.k / temperature
        (gradient,) = torch.autograd.grad(value, x)
        return bool(value == slope) and bool(gradient == slope)

    assert right()
    for number in (4.0, 8.0):
        monkeypatch.setitem(globals(), "temperature", number)
        assert right()
    monkeypatch.setattr(settings, "k", 4)
    assert right()
    factor = 7.0
    assert right()


class Schedule:
    rate = 2.0

    def __init__(self):
        self.steps = [{"a": 1.0}, {"k": 3.0}]

    @property
    def half(self):
        return self.rate / 2

    def scaled(self, by):
        return by * self.rate

    def __call__(self):
        return self.rate

    def __getitem__(self, name):
        return getattr(self, name)


schedule = Schedule()
tables = {"k": 2.0, "nested": [{"a": 1.0}]}

READ = {
    "dictionary": lambda x: x * tables["k"] + tables["nested"][0]["a"],
    "length": lambda x: x * len(tables),
    "property": lambda x: x * schedule.half,
    "method": lambda x: x * schedule.scaled(2.0),
    "call": lambda x: x * schedule(),
    "item": lambda x: x * schedule["rate"],
    "getattr": lambda x: x * getattr(schedule, "rate"),  # noqa: B009 - as one may
    "inside": lambda x: x * schedule.steps[0]["a"] + schedule.steps[1]["k"],
}


@pytest.mark.parametrize("name", READ)
def test_whatever_holds_the_numbers_it_is_compiled_anew(monkeypatch, name) -> None:
    torch._dynamo.reset()  # it counts what is compiled for one line of code
    forward = READ[name]
    function = defined(forward)
    compiled = torch.compile(lambda x: function(x), fullgraph=True, backend="eager")
    x = torch.ones(2)
    assert torch.equal(compiled(x), forward(x))
    monkeypatch.setitem(tables, "k", 5.0)
    monkeypatch.setitem(tables["nested"][0], "a", 7.0)
    monkeypatch.setitem(tables, "another", 0.0)
    monkeypatch.setattr(schedule, "rate", 6.0)
    monkeypatch.setitem(schedule.steps[0], "a", 8.0)
    monkeypatch.setitem(schedule.steps[1], "k", 9.0)
    before, now = compiled(x), forward(x)
    assert torch.equal(before, now)


@pytest.mark.parametrize(
    "constant", [np.float64(2), np.ones(2), [torch.ones(2)], list(range(1000))]
)
def test_what_a_graph_cannot_watch_is_an_error(constant) -> None:
    function = defined(lambda x: x * len(str(constant)))
    assert function(torch.ones(2)).shape == (2,)
    with pytest.raises(Exception, match="which torch.compile would not see change"):
        torch.compile(lambda x: function(x), backend="eager")(torch.ones(2))


@pytest.mark.parametrize("transform", [lambda f: f, torch.func.grad, "export"])
def test_tensors_from_outside_are_inputs_of_the_graph(monkeypatch, transform) -> None:
    local = torch.tensor([3.0, 4.0])

    @gp.function
    def looked_up(x, *, factor=2.0):
        return x * table * local * factor

    @looked_up.gradient("x")
    def grad_x(grad_output, factor):
        return grad_output * table * local * factor

    x = torch.ones(2)
    if transform == "export":

        class Layer(torch.nn.Module):
            def forward(self, x):
                return looked_up(x)

        exported = torch.export.export(Layer(), (x,)).module()
        assert torch.equal(exported(x), table * local * 2)
        return
    total = transform(lambda x: looked_up(x, factor=3.0).sum())
    compiled = torch.compile(total, fullgraph=True, backend="aot_eager")
    for change in ("nothing", "global", "closure", "in place"):
        if change == "global":
            monkeypatch.setitem(globals(), "table", torch.tensor([5.0, 6.0]))
        if change == "closure":
            local = torch.tensor([7.0, 8.0])
        if change == "in place":
            local.mul_(2)
        right = table * local * 3
        if transform is torch.func.grad:
            assert torch.equal(compiled(x), right)
        else:
            given = x.clone().requires_grad_()
            value = compiled(given)
            assert value == right.sum()
            assert torch.equal(torch.autograd.grad(value, given)[0], right)


def helped_by_a_table(x):
    return x * table


def test_a_tensor_that_cannot_be_passed_is_named_under_compile() -> None:
    constants = types.SimpleNamespace(table=table)
    for forward, name in (
        (lambda x: x * constants.table, "constants.table"),
        (lambda x: helped_by_a_table(x), "table"),
    ):
        function = defined(forward)
        assert function(torch.ones(2)).tolist() == [1, 2]
        with pytest.raises(Exception, match=rf"reads '{name}' from outside.*make it"):
            torch.compile(lambda x, f=function: f(x), backend="aot_eager")(
                torch.ones(2)
            )


def _writes_its_input(x):
    x *= x
    return x * 1


def _writes_what_it_saved(x):
    e = gp.save(e=x * 2)
    y = e * 1
    e *= 5
    return y


@pytest.mark.parametrize("transform", ["grad", "func.grad"])
def test_a_forward_that_writes_to_what_backward_reads_is_an_error(transform) -> None:
    for forward, name in ((_writes_its_input, "x"), (_writes_what_it_saved, "e")):
        function = gp.function(forward)

        @function.gradient("x")
        def grad_x(grad_output, x):
            return grad_output * x

        x = torch.full((3,), 2.0, requires_grad=transform == "grad")
        call = torch.func.grad(lambda x, f=function: f(x).sum())
        with pytest.raises(gp.DefinitionError, match=f"writes into {name!r}"):
            (function if transform == "grad" else call)(x)


class Mode(enum.Enum):
    SLOW = 1


class Scaler:
    def __init__(self):
        self.rate = 2.0

    def __call__(self, x):
        return x * self.rate

    def scaled(self, x):
        return x * self.rate


not_a_number = float("nan")
CONSTANT = {
    "an enumeration": lambda x: x if Mode.SLOW is Mode(1) else 2 * x,
    "not a number": lambda x: x * (2 if not_a_number != 0 else 3),
    "a constant": lambda x: x * math.pi + np.pi,
    "a type": lambda x: x.to(torch.float32) * len(torch.Size((1, 2))),
}


@pytest.mark.parametrize("name", CONSTANT)
def test_constants_are_no_hindrance(name) -> None:
    torch._dynamo.reset()
    function = defined(CONSTANT[name])
    compiled = torch.compile(lambda x: function(x), fullgraph=True, backend="eager")
    assert torch.equal(compiled(torch.ones(2)), CONSTANT[name](torch.ones(2)))


def test_a_bound_method_is_compiled_anew_with_its_object() -> None:
    torch._dynamo.reset()
    for bound in (Scaler().scaled, Scaler()):
        function = gp.function(bound)
        compiled = torch.compile(lambda x, f=function: f(x), backend="eager")
        assert compiled(torch.ones(2)).tolist() == [2, 2]
        getattr(bound, "__self__", bound).rate = 3.0
        assert compiled(torch.ones(2)).tolist() == [3, 3]
