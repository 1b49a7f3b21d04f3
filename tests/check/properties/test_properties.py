"""Every property catches a defect that breaks it and lets the correct twin pass."""

from __future__ import annotations

import pytest
import torch

import gradproof as gp
from gradproof.check import properties


class Multiply(torch.autograd.Function):
    """x * y, right."""

    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(x, y)
        return x * y

    @staticmethod
    def backward(ctx, grad_output):
        x, y = ctx.saved_tensors
        return grad_output * y, grad_output * x


def pair():
    generator = torch.Generator().manual_seed(0)
    return [
        torch.randn(3, 4, generator=generator, dtype=torch.float64) for _ in range(2)
    ]


def findings(target, *inputs, **settings):
    verdict = gp.check(target, *(inputs or pair()), **settings)
    return [(f.property, f.input, f.diagnosis) for f in verdict.findings]


def failing(target, *inputs):
    return {property for property, _, _ in findings(target, *inputs)}


def test_the_correct_twin_passes_every_property() -> None:
    verdict = gp.check(Multiply, *pair())
    assert verdict.ok
    not_tried = {c.property: c.detail for c in verdict.checks if c.status != "passed"}
    assert not_tried["undefined"] == "there is one output"
    assert not_tried["forward-mode"].startswith("no jvp: forward raised NotImpl")
    assert len(not_tried) == 2


def test_every_property_has_a_title_and_runs_after_what_it_needs() -> None:
    order = [one.name for one in properties.every("torch")]
    assert set(order) == set(properties.names())
    for one in properties.every("torch"):
        assert one.title
        assert all(order.index(before) < order.index(one.name) for before in one.after)


def test_shape_names_a_gradient_of_lower_precision() -> None:
    class Lossy(Multiply):
        @staticmethod
        def backward(ctx, grad_output):
            x, y = ctx.saved_tensors
            return (grad_output * y).float(), grad_output * x

    assert findings(Lossy) == [("shape", "x", "wrong-dtype")]


def test_shape_names_too_few_gradients() -> None:
    class TooFew(Multiply):
        @staticmethod
        def backward(ctx, grad_output):
            _, y = ctx.saved_tensors
            return grad_output * y

    verdict = gp.check(TooFew, *pair())
    assert [f.property for f in verdict.findings] == ["shape"]
    assert "1 gradients, expected 2" in verdict.findings[0].message


def test_shape_names_a_sum_that_the_engine_makes_behind_the_scenes() -> None:
    class Unsummed(Multiply):
        @staticmethod
        def backward(ctx, grad_output):
            x, y = ctx.saved_tensors
            return grad_output * y, grad_output * x  # y was broadcast

    x, y = pair()
    assert findings(Unsummed, x, y[:1]) == [("shape", "y", "missing-reduction")]


def test_shape_names_a_shape_that_is_nothing() -> None:
    class Scalar(Multiply):
        @staticmethod
        def backward(ctx, grad_output):
            x, y = ctx.saved_tensors
            return (grad_output * y)[:2], grad_output * x

    assert findings(Scalar)[0] == ("shape", "x", "wrong-shape")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda g: g * g,
        lambda g: g.abs(),
        lambda g: g.clamp(-1, 1),
        lambda g: g.clamp(min=0),
        torch.ones_like,
        lambda g: g + 1e-9,
        lambda g: g.where(g.abs() < 4, torch.zeros_like(g)),
    ],
)
def test_linearity_catches_what_is_not_linear_in_the_incoming_gradient(spoil) -> None:
    class Spoilt(Multiply):
        @staticmethod
        def backward(ctx, grad_output):
            x, y = ctx.saved_tensors
            return spoil(grad_output) * y, grad_output * x

    assert ("linearity", "x", "nonlinear") in findings(Spoilt)


def test_linearity_catches_a_cross_term_between_outputs() -> None:
    class Two(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, y):
            ctx.save_for_backward(x, y)
            return x * y, x + y

        @staticmethod
        def backward(ctx, g1, g2):
            x, y = ctx.saved_tensors
            return g1 * y + g2 + 0.1 * g1 * g2, g1 * x + g2

    assert findings(Two) == [("linearity", "x", "nonlinear")]


def test_gradient_catches_a_formula_that_is_wrong_in_one_element() -> None:
    class OneWrong(Multiply):
        @staticmethod
        def backward(ctx, grad_output):
            x, y = ctx.saved_tensors
            grad = grad_output * y
            grad[1, 2] *= 1.001
            return grad, grad_output * x

    verdict = gp.check(OneWrong, *pair())
    (finding,) = verdict.findings
    assert (finding.property, finding.input) == ("gradient", "x")
    assert finding.where == "element [1, 2]"


def test_gradient_catches_a_gradient_too_small_for_the_others_to_show() -> None:
    """One input's gradient is 1e-9 of the other's, and wrong."""

    class Swamped(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, y):
            ctx.save_for_backward(x, y)
            return 1e6 * x + 1e-6 * y * y

        @staticmethod
        def backward(ctx, grad_output):
            _, y = ctx.saved_tensors
            return 1e6 * grad_output, 1e-6 * grad_output * y

    x, y = pair()
    assert findings(Swamped, 1e-6 * x, y) == [("gradient", "y", "scale")]


def test_gradient_accepts_kinks_ties_and_flat_functions() -> None:
    zeros = torch.zeros(4, 5, dtype=torch.float64)
    for function in (torch.relu, torch.abs, torch.floor, torch.sign):
        assert gp.check(function, zeros).ok
    assert gp.check(lambda x: x.max(dim=1).values, zeros).ok


def test_gradient_says_so_where_it_cannot_judge() -> None:
    def noise(x):
        return (
            torch.from_numpy(
                __import__("numpy").random.default_rng().standard_normal(x.shape)
            )
            + 0 * x
        )

    verdict = gp.check(noise, pair()[0], select=["gradient"])
    (check,) = verdict.checks
    assert check.status == "skipped"
    assert "no derivative to be had" in check.detail


@pytest.mark.parametrize("wrong_when_frozen", ["x", "y"])
def test_subsets_catches_a_gradient_that_depends_on_what_requires_grad(
    wrong_when_frozen,
) -> None:
    frozen = "xy".index(wrong_when_frozen)

    class Frozen(Multiply):
        @staticmethod
        def backward(ctx, grad_output):
            x, y = ctx.saved_tensors
            factor = 1.0 if ctx.needs_input_grad[frozen] else 2.0
            return grad_output * y * factor, grad_output * x * factor

    other = "yx"[frozen]
    assert findings(Frozen) == [("subsets", other, None)]


def test_subsets_catches_a_crash() -> None:
    class Crashes(Multiply):
        @staticmethod
        def backward(ctx, grad_output):
            x, y = ctx.saved_tensors
            grad = grad_output * y if ctx.needs_input_grad[0] else None
            return grad, grad_output * x + 0 * grad

    assert findings(Crashes) == [("subsets", "y", "crash")]


def test_repeat_catches_a_saved_tensor_that_backward_overwrites() -> None:
    class Overwrites(Multiply):
        @staticmethod
        def backward(ctx, grad_output):
            x, y = ctx.saved_tensors
            return y.data.mul_(grad_output), grad_output * x

    assert ("repeat", "x", "stateful") in findings(Overwrites)


def test_repeat_catches_a_workspace_that_two_calls_share() -> None:
    class Shared(Multiply):
        workspace = None

        @staticmethod
        def forward(ctx, x, y):
            Shared.workspace = (x.clone(), y.clone())
            return x * y

        @staticmethod
        def backward(ctx, grad_output):
            x, y = Shared.workspace
            return grad_output * y, grad_output * x

    assert findings(Shared) == [
        ("repeat", "x", "stateful"),
        ("repeat", "y", "stateful"),
    ]


def test_a_state_is_found_once_and_not_taken_for_a_square() -> None:
    kept = {}

    class Accumulates(Multiply):
        @staticmethod
        def backward(ctx, grad_output):
            x, y = ctx.saved_tensors
            total = kept.setdefault(x.shape, torch.zeros_like(x))
            total += grad_output * y
            return total.clone(), grad_output * x

    assert findings(Accumulates) == [("repeat", "x", "stateful")]
    checks = gp.check(Accumulates, *pair(), select=["linearity"]).checks
    assert [(c.status, c.detail) for c in checks] == [
        ("skipped", "another gradient each time: x, see repeat")
    ]


def test_repeat_catches_a_backward_that_works_only_once() -> None:
    class Once(Multiply):
        @staticmethod
        def forward(ctx, x, y):
            ctx.kept = [x, y]
            return x * y

        @staticmethod
        def backward(ctx, grad_output):
            y, x = ctx.kept.pop(), ctx.kept.pop()
            return grad_output * y, grad_output * x

    (finding,) = gp.check(Once, *pair(), select=["repeat"]).findings
    assert finding.diagnosis == "crash"
    assert "a second backward on the same graph" in finding.message


def test_mutation_catches_each_thing_that_is_written() -> None:
    class WritesGradient(Multiply):
        @staticmethod
        def backward(ctx, grad_output):
            x, y = ctx.saved_tensors
            grad_x = grad_output * y
            return grad_x, grad_output.mul_(x)

    assert ("mutation", None, "mutated") in findings(WritesGradient)

    class WritesInput(Multiply):
        @staticmethod
        def forward(ctx, x, y):
            ctx.save_for_backward(x, y)
            result = x * y
            x.data.add_(1.0)
            x.data.sub_(1.5)
            return result

    assert ("mutation", "x", "mutated") in findings(WritesInput)


def test_mutation_accepts_what_is_declared() -> None:
    class AddOne(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.mark_dirty(x)
            return x.add_(1)

        @staticmethod
        def backward(ctx, grad_output):
            return grad_output

    assert gp.check(AddOne, pair()[0]).ok


class Centre(torch.autograd.Function):
    """x less its mean, and the running mean that it keeps as batch_norm does."""

    declares = True

    @classmethod
    def update(cls, ctx, x, running_mean):
        running_mean.mul_(0.9).add_(x.detach().mean(0), alpha=0.1)
        if cls.declares:
            ctx.mark_dirty(running_mean)
        ctx.mark_non_differentiable(running_mean)
        ctx.save_for_backward(x)
        return (x - x.mean(0)) ** 2, running_mean

    @staticmethod
    def forward(ctx, x, running_mean):
        return Centre.update(ctx, x, running_mean)

    @staticmethod
    def backward(ctx, grad_output, _):
        (x,) = ctx.saved_tensors
        grad = 2 * grad_output * (x - x.mean(0))
        return grad - grad.mean(0), None


class CentreUndeclared(Centre):
    declares = False

    @staticmethod
    def forward(ctx, x, running_mean):
        return CentreUndeclared.update(ctx, x, running_mean)


@pytest.mark.parametrize("dtype", [torch.float64, torch.int64])
def test_a_running_statistic_may_be_written_where_it_is_declared(dtype) -> None:
    class Counts(Centre):
        @staticmethod
        def forward(ctx, x, count):
            ctx.save_for_backward(x)
            ctx.mark_dirty(count.add_(1))
            ctx.mark_non_differentiable(count)
            return (x - x.mean(0)) ** 2, count

    statistic = torch.zeros(4, dtype=dtype)
    target = Centre if dtype == torch.float64 else Counts
    verdict = gp.check(target, pair()[0], statistic)
    assert verdict.ok, str(verdict)

    def wrapped(x, running_mean):
        return target.apply(x, running_mean)[0]

    verdict = gp.check(wrapped, pair()[0], statistic, select=["mutation"])
    assert verdict.ok, str(verdict)


def test_a_write_of_the_forward_keeps_nothing_else_from_being_checked() -> None:
    verdict = gp.check(CentreUndeclared, pair()[0], torch.zeros(4, dtype=torch.float64))
    assert [(f.property, f.input) for f in verdict.findings] == [
        ("mutation", "running_mean")
    ]
    status = {check.property: check.status for check in verdict.checks}
    assert status["sizes"] == status["second-order"] == status["layout"] == "passed"


def test_what_is_skipped_says_whether_the_gradient_was_wrong() -> None:
    class WritesGradient(Multiply):
        @staticmethod
        def backward(ctx, grad_output):
            x, y = ctx.saved_tensors
            grads = grad_output * y, grad_output * x
            grad_output.zero_()
            return grads

    class Wrong(Multiply):
        @staticmethod
        def backward(ctx, grad_output):
            x, y = ctx.saved_tensors
            return grad_output * y, 3 * grad_output * x

    def why(target):
        verdict = gp.check(target, *pair())
        return {c.detail for c in verdict.checks if c.property == "layout"}

    assert why(WritesGradient) == {"mutation failed, see the finding"}
    assert why(Wrong) == {"needs a right gradient"}


def looked_up(wrong):
    class Embedding(torch.autograd.Function):
        @staticmethod
        def forward(ctx, table, ids):
            ctx.save_for_backward(ids)
            ctx.shape = table.shape
            return table[ids]

        @staticmethod
        def backward(ctx, grad_output):
            (ids,) = ctx.saved_tensors
            grad = grad_output.new_zeros(ctx.shape)
            return grad.index_put((ids,), grad_output, accumulate=not wrong), None

    return Embedding


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_repeated_indices_are_named_where_they_are_what_is_wrong(seed) -> None:
    table = torch.randn(7, 3, dtype=torch.float64, generator=torch.manual_seed(0))
    once = torch.tensor([[1, 2, 0], [4, 5, 6]])
    (finding,) = gp.check(looked_up(True), table, once, seed=seed).findings
    assert finding.property == "sizes"
    assert "with repeated indices" in finding.message
    assert "1031" not in f"{finding.message}{finding.where}"
    assert "index_add" in finding.hint
    twice = torch.tensor([[1, 2, 2], [4, 5, 6]])
    (finding,) = gp.check(looked_up(True), table, twice, seed=seed).findings
    assert (finding.property, finding.where) == ("gradient", "row 2")
    assert "'ids' has repeated indices" in finding.hint
    for ids in (once, twice):
        assert gp.check(looked_up(False), table, ids, seed=seed).ok


def test_mutation_catches_a_buffer_that_is_updated_twice() -> None:
    class Counts(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, counter):
            ctx.counter = counter
            return x * 2

        @staticmethod
        def backward(ctx, grad_output):
            ctx.counter.add_(1)
            return grad_output * 2, None

    class Module(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("counter", torch.zeros(()))

        def forward(self, x):
            return Counts.apply(x, self.counter)

    (finding,) = gp.check(Module(), pair()[0]).findings
    assert finding.message == "backward writes buffer 'counter' in place"


def test_a_property_that_has_no_meaning_says_so() -> None:
    verdict = gp.check(torch.sin, pair()[0])
    by_name = {check.property: check for check in verdict.checks}
    assert by_name["shape"].status == "unsupported"
    assert by_name["shape"].detail == "no hand-written backward in its graph"
    assert by_name["subsets"].status == "skipped"


def test_a_reference_is_a_witness_only_if_differences_do_not_contradict_it() -> None:
    def detail(reference):
        verdict = gp.check(torch.sin, pair()[0], reference=reference)
        assert verdict.ok
        return {c.property: c.detail for c in verdict.checks}["gradient"]

    assert "reference" in detail(lambda x: x.sin())
    assert "reference" not in detail(lambda x: x.cos())


def test_a_straight_through_gradient_is_held_against_what_it_means() -> None:
    class Round(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.round()

        @staticmethod
        def backward(ctx, grad_output):
            return grad_output

    x = 5 * pair()[0]
    assert not gp.check(Round, x, select=["gradient"]).ok
    assert gp.check(Round, x, select=["gradient"], gradient_of=lambda x: x).ok
    assert not gp.check(Round, x, select=["gradient"], gradient_of=lambda x: 2 * x).ok


def test_a_modules_parameters_are_not_said_to_be_tried_at_other_values() -> None:
    module = torch.nn.Linear(3, 4)
    verdict = gp.check(module, torch.randn(5, 3).requires_grad_())
    details = {c.property: c.detail for c in verdict.checks}
    assert "input all zero" in details["extremes"]
    assert "weight" not in details["extremes"]


def test_a_property_that_ran_at_smaller_sizes_says_so() -> None:
    verdict = gp.check(torch.sin, torch.randn(5000, dtype=torch.float64))
    details = {c.property: c.detail for c in verdict.checks}
    assert details["mutation"].endswith("(at smaller sizes)")
    assert not details["gradient"].endswith("(at smaller sizes)")


def test_layout_says_which_input_lies_in_another_way() -> None:
    class Fast(Multiply):
        @staticmethod
        def backward(ctx, grad_output):
            x, y = ctx.saved_tensors
            if x.is_contiguous() and not y.is_contiguous():
                return 2 * grad_output * y, grad_output * x
            return grad_output * y, grad_output * x

    (finding,) = gp.check(Fast, *pair()).findings
    assert (finding.property, finding.input) == ("layout", "x")
    assert "when 'y' alone is strided in memory" in finding.message
