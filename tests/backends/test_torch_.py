"""A gp.function on torch tensors, held against native operations."""

from __future__ import annotations

import gc
import weakref

import pytest
import torch
from tests.test_function import linear
from torch.autograd import gradcheck, gradgradcheck

import gradproof as gp

ran: list[str] = []


@gp.function
def softmax(x, *, axis=-1):
    xp = gp.namespace(x)
    e = gp.save(e=xp.exp(x - xp.max(x, axis=axis, keepdims=True)))
    return e / xp.sum(e, axis=axis, keepdims=True)


@softmax.gradient("x")
def grad_x(grad_output, e, axis):
    xp = gp.namespace(e)
    p = e / xp.sum(e, axis=axis, keepdims=True)
    return p * (grad_output - xp.sum(grad_output * p, axis=axis, keepdims=True))


@gp.function
def multiply(x, y):
    return x * y


@multiply.gradient("x")
def multiply_x(grad_output, y):
    ran.append("x")
    return grad_output * y


@multiply.gradient("y")
def multiply_y(grad_output, x):
    ran.append("y")
    return grad_output * x


@gp.function
def partly(x, y):
    """Only x has a rule."""
    return x * y.sin()


@partly.gradient("x")
def partly_x(grad_output, y):
    return grad_output * y.sin()


@gp.function
def exp(x):
    """What it returns is what it saves."""
    return gp.save(e=gp.namespace(x).exp(x))


@exp.gradient("x")
def exp_x(grad_output, e):
    return grad_output * e


@gp.function
def sigmoid(x):
    """The rule asks for the output."""
    return 1 / (1 + gp.namespace(x).exp(-x))


@sigmoid.gradient("x")
def sigmoid_x(grad_output, output):
    return grad_output * output * (1 - output)


@gp.function
def polar(x, y):
    """Two outputs, an intermediate of both inputs, and broadcasting."""
    xp = gp.namespace(x, y)
    r = gp.save(r=xp.sqrt(x * x + y * y))
    return r * x, xp.log(r)


@polar.gradient("x")
def polar_x(grad_output, x, r):
    scaled, logarithm = grad_output
    return scaled * (r + x * x / r) + logarithm * x / (r * r)


@polar.gradient("y")
def polar_y(grad_output, x, y, r):
    scaled, logarithm = grad_output
    return scaled * x * y / r + logarithm * y / (r * r)


def plain_polar(x, y):
    r = (x * x + y * y).sqrt()
    return r * x, r.log()


@gp.function
def half_saved(x, y):
    """Only x has a rule, and it asks for an intermediate."""
    e = gp.save(e=(x * y).exp())
    return e * y


@half_saved.gradient("x")
def half_saved_x(grad_output, y, e):
    return grad_output * e * y * y


def tensors(*shapes):
    generator = torch.Generator().manual_seed(0)
    made = (torch.randn(s, generator=generator, dtype=torch.float64) for s in shapes)
    return [tensor.requires_grad_() for tensor in made]


FUNCTIONS = {
    "linear": (linear, torch.nn.functional.linear, [(5, 3), (4, 3), (4,)]),
    "softmax": (softmax, lambda x: torch.softmax(x, -1), [(3, 4)]),
    "partly": (partly, lambda x, y: x * y.sin(), [(3, 4), (4,)]),
    "exp": (exp, torch.exp, [(3,)]),
    "sigmoid": (sigmoid, torch.sigmoid, [(3,)]),
    "polar": (polar, plain_polar, [(2, 3), (3,)]),
    "half_saved": (half_saved, lambda x, y: (x * y).exp() * y, [(2, 3), (3,)]),
}


def first(output):
    """The first output, so that another one gets no gradient."""
    return output[0] if isinstance(output, tuple) else output


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients_of_first_and_second_order(name) -> None:
    function, native, shapes = FUNCTIONS[name]
    inputs = tensors(*shapes)
    assert gradcheck(function, inputs)
    assert gradgradcheck(function, inputs)
    ours, theirs = first(function(*inputs)), first(native(*inputs))
    assert torch.allclose(ours, theirs)
    grad_output = torch.randn_like(ours)
    true = torch.autograd.grad(theirs, inputs, grad_output)
    for _ in range(2):  # retain_graph, twice
        found = torch.autograd.grad(ours, inputs, grad_output, retain_graph=True)
        for one, other in zip(found, true, strict=True):
            assert torch.allclose(one, other)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_input_alone_may_require_a_gradient(name) -> None:
    function, native, shapes = FUNCTIONS[name]
    for position in range(len(shapes)):
        inputs = [tensor.detach() for tensor in tensors(*shapes)]
        chosen = inputs[position].requires_grad_()
        ours = torch.autograd.grad(first(function(*inputs)).sum(), chosen)
        theirs = torch.autograd.grad(first(native(*inputs)).sum(), chosen)
        assert torch.allclose(*ours, *theirs)
        # Asked for one of the inputs that require it, the others' rules rest.
        inputs = tensors(*shapes)
        some = torch.autograd.grad(first(function(*inputs)).sum(), inputs[position])
        assert torch.allclose(*some, *theirs)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_torch_func_transforms(name) -> None:
    function, native, shapes = FUNCTIONS[name]
    x, *rest = (tensor.detach() for tensor in tensors(*shapes))

    def ours(x):
        return first(function(x, *rest)).pow(2).sum()

    def theirs(x):
        return first(native(x, *rest)).pow(2).sum()

    assert torch.allclose(torch.func.grad(ours)(x), torch.func.grad(theirs)(x))
    assert torch.allclose(
        torch.func.jacrev(lambda x: first(function(x, *rest)))(x),
        torch.func.jacrev(lambda x: first(native(x, *rest)))(x),
    )
    assert torch.allclose(
        torch.func.jacrev(torch.func.grad(ours))(x),
        torch.func.jacrev(torch.func.grad(theirs))(x),
    )
    batch = torch.stack([x, 2 * x])
    assert torch.allclose(
        torch.vmap(torch.func.grad(ours))(batch),
        torch.vmap(torch.func.grad(theirs))(batch),
    )


def saved_by(function, *inputs, **options):
    """Shapes of the tensors that a call keeps for backward, and its output."""
    shapes: list[tuple[int, ...]] = []

    def pack(tensor):
        shapes.append(tuple(tensor.shape))
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        output = function(*inputs, **options)
    return sorted(shapes), output


def test_a_rule_that_is_not_needed_is_not_run_and_its_needs_not_saved() -> None:
    x, y = tensors((3, 1), (3,))
    for inputs, kept, rules in (
        ((x, y), [(3,), (3, 1)], ["x", "y"]),
        ((x, y.detach()), [(3,)], ["x"]),
        ((x.detach(), y), [(3, 1)], ["y"]),
        ((x.detach(), y.detach()), [], []),
    ):
        shapes, output = saved_by(multiply, *inputs)
        assert shapes == kept
        ran.clear()
        if rules:
            output.sum().backward()
        assert ran == rules
        assert output.requires_grad == bool(rules)


def test_only_what_rules_ask_for_is_kept() -> None:
    x, w, b = tensors((5, 3), (4, 3), (4,))
    assert saved_by(linear, x, w, b)[0] == [(4, 3), (5, 3)]
    assert saved_by(linear, x.detach(), w.detach(), b)[0] == []
    assert saved_by(sigmoid, tensors((7,))[0])[0] == [(7,)]
    # An intermediate comes with the inputs that it depends on: for a second derivative.
    assert saved_by(exp, tensors((7,))[0])[0] == [(7,), (7,)]
    # Without a rule the forward runs again, from all inputs.
    assert saved_by(partly, *tensors((3, 4), (4,)))[0] == [(3, 4), (4,)]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_nothing_outlives_the_backward(name) -> None:
    function, _, shapes = FUNCTIONS[name]
    gc.collect()
    gc.disable()
    try:
        inputs = [tensor * 1 for tensor in tensors(*shapes)]
        watched = [weakref.ref(tensor) for tensor in inputs]
        output = first(function(*inputs)).sum()
        output.backward()
        del inputs, output
        assert [reference() for reference in watched] == [None] * len(shapes)
    finally:
        gc.enable()


def test_a_kept_tensor_that_is_written_to_is_noticed() -> None:
    x, y = tensors((3,), (3,))
    z = y * 1
    output = multiply(x, z)
    z.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        output.sum().backward()


def test_a_tensor_read_from_outside_would_lose_its_gradient() -> None:
    (weight,) = tensors((3,))

    @gp.function
    def scale(x):
        return [weight * x][0]

    with pytest.raises(gp.DefinitionError) as caught:
        scale(torch.ones(3))
    assert str(caught.value) == (
        "scale reads 'weight' from outside, a tensor that requires grad, and would "
        "lose its derivative: make it an input"
    )
    weight = weight.detach()  # a constant
    assert torch.equal(scale(torch.ones(3)), weight)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_rules_run_under_the_autocast_of_their_forward(dtype) -> None:
    x, w = (t.detach().float().requires_grad_() for t in tensors((5, 3), (4, 3)))

    @gp.function
    def product(x, w):
        return x @ w.T

    @product.gradient("x")
    def grad_x(grad_output, w):
        return grad_output @ w

    found, true = [], []  # w has no rule: autograd through the forward
    for function, gradients in ((product, found), (torch.nn.functional.linear, true)):
        with torch.autocast("cpu", dtype=dtype):
            output = function(x, w)
        assert output.dtype == dtype
        gradients += torch.autograd.grad(output.float().pow(2).sum(), (x, w))
    for one, other in zip(found, true, strict=True):
        assert one.dtype == torch.float32
        assert torch.allclose(one, other, rtol=1e-2)


def test_backward_under_autocast_runs_as_its_forward_did() -> None:
    inputs = [
        t.detach().float().requires_grad_() for t in tensors((5, 3), (4, 3), (4,))
    ]
    output = linear(*inputs)
    true = torch.autograd.grad(output.sum(), inputs, retain_graph=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = torch.autograd.grad(output.sum(), inputs)
    assert all(map(torch.equal, found, true))


def test_without_grad_mode_there_is_no_function() -> None:
    x, y = tensors((3,), (3,))
    with torch.no_grad():
        assert multiply(x, y).grad_fn is None
    assert type(multiply(x, y).grad_fn).__name__ == "MultiplyFunctionBackward"


def test_apply_takes_inputs_and_options() -> None:
    (x,) = tensors((3, 4))
    function = softmax.autograd_function
    assert issubclass(function, torch.autograd.Function)
    assert function.__name__ == "SoftmaxFunction"
    assert torch.equal(function.apply(x), softmax(x))
    assert torch.equal(function.apply(x, axis=0), softmax(x, axis=0))
    assert gradcheck(function.apply, (x,))
    assert softmax.autograd_function is function
    for wrong in (lambda: function.apply(x, 0), lambda: function.apply(x, dim=0)):
        with pytest.raises(gp.InputError):
            wrong()


def test_vjp_and_gradients_give_what_autograd_gives() -> None:
    inputs = tensors((5, 3), (4, 3), (4,))
    output, pullback = linear.vjp(*(t.detach() for t in inputs))
    assert not output.requires_grad
    grad_output = torch.randn_like(output)
    native = torch.nn.functional.linear(*inputs)
    true = torch.autograd.grad(native, inputs, grad_output)
    for _ in range(2):
        for one, other in zip(pullback(grad_output), true, strict=True):
            assert torch.allclose(one, other)
            assert not one.requires_grad


def test_gradients_can_be_differentiated_again() -> None:
    x, y = tensors((3,), (3,))
    gradient = multiply.gradients(x, y, grad_output=torch.ones(3).double()).x
    (second,) = torch.autograd.grad(gradient.sum(), y)
    assert torch.equal(second, torch.ones_like(y))


def test_gradients_compose_with_the_transforms_of_torch() -> None:
    x, y = (tensor.detach() for tensor in tensors((4, 3), (4, 3)))
    found = torch.vmap(lambda x, y: polar.gradients(x, y, grad_output=(x, y)).y)(x, y)
    true = polar.gradients(x, y, grad_output=(x, y)).y
    assert torch.allclose(found, true)
    with torch.no_grad():
        assert torch.equal(polar.gradients(x, y, grad_output=(x, y)).y, true)


def test_a_new_rule_is_used_from_then_on() -> None:
    @gp.function
    def double(x):
        return 2 * x

    (x,) = tensors((3,))
    for cell, factor in enumerate((1, 2)):
        code = f"@double.gradient('x')\ndef rule(g): return {factor} * g"
        exec(compile(code, f"<cell {cell}>", "exec"), {"double": double})
        (found,) = torch.autograd.grad(double(x).sum(), x)
        assert torch.equal(found, factor * torch.ones_like(x))


def test_labels_and_an_unused_output() -> None:
    @gp.function
    def pick(logits, labels):
        rows = torch.arange(len(labels))
        return logits[rows, labels], logits * 2

    @pick.gradient("logits")
    def grad_logits(grad_output, logits, labels):
        picked, doubled = grad_output
        gradient = 2 * doubled
        return gradient.index_put(
            (torch.arange(len(labels)), labels), picked, accumulate=True
        )

    (logits,) = tensors((3, 4))
    labels = torch.tensor([0, 3, 1])
    picked, doubled = pick(logits, labels)
    (alone,) = torch.autograd.grad(picked.sum(), logits, retain_graph=True)
    assert alone.sum() == 3
    (both,) = torch.autograd.grad(picked.sum() + doubled.sum(), logits)
    assert both.sum() == 3 + 24
    assert pick.gradients(logits, labels, grad_output=(picked, doubled)).labels is None


def test_a_rule_error_comes_out_of_backward() -> None:
    @gp.function
    def wrong(x):
        return x * 2

    @wrong.gradient("x")
    def grad_x(grad_output):
        return grad_output[:2]

    (x,) = tensors((3,))
    with pytest.raises(gp.RuleError, match="wrong: the rule for 'x' returned"):
        wrong(x).sum().backward()


@pytest.mark.parametrize(
    "wrap", [lambda w: w, lambda w: (w,), lambda w: [w], lambda w: {0: w}]
)
def test_a_tensor_option_written_to_before_backward_is_an_error(wrap) -> None:
    @gp.function
    def scale(x, *, weight):
        return x * (weight if torch.is_tensor(weight) else weight[0])

    @scale.gradient("x")
    def scale_x(grad_output, weight):
        return grad_output * (weight if torch.is_tensor(weight) else weight[0])

    x, weight = torch.ones(3, requires_grad=True), torch.ones(3)
    for _ in range(3):
        output = scale(x, weight=wrap(weight))
        weight.mul_(2)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            output.sum().backward()


def test_a_list_option_is_kept_as_it_was() -> None:
    @gp.function
    def scale(x, *, factors):
        return x * factors[0]

    @scale.gradient("x")
    def scale_x(grad_output, factors):
        return grad_output * factors[0]

    x, factors = torch.ones(3, requires_grad=True), [2.0]
    for _ in range(3):
        output = scale(x, factors=factors)
        before, factors[0] = factors[0], factors[0] + 1
        (found,) = torch.autograd.grad(output.sum(), x)
        assert found.tolist() == [before] * 3


KEPT = {
    "of another input": lambda x, y: y * y,
    "mask": lambda x, y: (x > 0).to(x.dtype),
    "constant": lambda x, y: torch.zeros_like(x) + 2,
    "detached": lambda x, y: x.detach() * 0 + y,
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own
@pytest.mark.parametrize("kind", KEPT)
def test_what_is_kept_need_not_depend_on_what_is_differentiated(kind) -> None:
    @gp.function
    def f(x, y):
        s = gp.save(s=KEPT[kind](x, y))
        return x * s

    @f.gradient("x")
    def grad_x(grad_output, s):
        return grad_output * s

    @f.gradient("y")
    def grad_y(grad_output, x, y):
        return grad_output * (2 * x * y if kind == "of another input" else 0 * y)

    x, y = torch.randn(3), torch.randn(3)
    true = torch.diag(KEPT[kind](x, y))
    assert torch.allclose(torch.func.jacfwd(lambda x: f(x, y))(x), true)
    assert torch.allclose(torch.func.jvp(lambda x: f(x, y), (x,), (x,))[1], true @ x)
    jacobians = torch.func.jacrev(torch.func.jacfwd(lambda x: f(x, y)))(x)
    assert jacobians.abs().max() == 0
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(x, x)
        tangent = torch.autograd.forward_ad.unpack_dual(f(dual, y)).tangent
    assert torch.allclose(tangent, true @ x)
