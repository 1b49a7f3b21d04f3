"""What hints call the things that a backward is written with, by kind of target."""

from __future__ import annotations

from dataclasses import dataclass

ADDS_UP = "what is read from one place twice adds up there: += or index_add"


@dataclass(frozen=True, kw_only=True)
class Wording:
    """How a hint says it to who writes such targets.

    Attributes:
        keep: what to do with what backward needs.
        declare: how to declare that an input is written; empty where that cannot be.
        refuse: how to refuse double backward.
        subsets: what to look at where only some inputs require grad.
        absent: what an output without a gradient passes.
        autocast: how to run under autocast.
        batch: how to be batched.
    """

    keep: str
    declare: str = ""
    refuse: str = ""
    subsets: str = ""
    absent: str = ""
    autocast: str = "cast what is saved to one dtype"
    batch: str = ""


TORCH = Wording(
    keep="keep what backward needs on ctx, with ctx.save_for_backward",
    declare=", or declare it with ctx.mark_dirty and return it",
    refuse="mark backward @once_differentiable",
    subsets="each gradient stands under its own ctx.needs_input_grad[i], and what it "
    "needs is saved for it",
    absent="with set_materialize_grads(False) a gradient may be None: treat it as zero",
    autocast="put @torch.amp.custom_fwd and custom_bwd on forward and backward, or "
    "cast what is saved to one dtype",
    batch="set generate_vmap_rule = True if every method is made of torch operations; "
    "a vmap method of your own has to move the batch dimension",
)
FUNCTION = Wording(
    keep="name what a rule needs among its parameters",
    refuse="give the rule once=True",
    subsets="a rule takes what it needs by its parameters, and nothing from another "
    "rule",
    absent="an output that is not used has a gradient of zeros",
    batch="write forward and rules with operations that torch can batch",
)
JAX = Wording(keep="return what the backward needs among the residuals of its forward")
NUMPY = Wording(keep="let backward compute what it needs from its arguments")
