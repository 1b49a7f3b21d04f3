"""Losses, in torch's names, reduced in every way."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from tests.derive.cases._case import case

LABELS = np.array([2, 0, 1, 2, 2])
LABELS_OF_PIXELS = np.array([[0, 2, 1], [1, 1, 0]])
SHARES = np.array([[0.2, 0.3, 0.5], [0.1, 0.1, 0.8]])
POSITIVE = ((4, 3), (0.2, 3.0))
PROBABILITY = ((4, 3), (0.1, 0.9))
SIGNS = np.array([1.0, -1.0, -1.0, 1.0])


@case(x=(4, 3), t=(4, 3))
def mse_mean(x: Any, t: Any) -> Any:
    return F.mse_loss(x, t)


@case(x=(4, 3), t=(4, 3))
def mse_sum(x: Any, t: Any) -> Any:
    return F.mse_loss(x, t, reduction="sum")


@case(x=(4, 3), t=(4, 3))
def mse_none(x: Any, t: Any) -> Any:
    return F.mse_loss(x, t, reduction="none")


@case(x=(4, 3), t=(4, 3))
def l1_mean(x: Any, t: Any) -> Any:
    return F.l1_loss(x, t)


@case(x=(4, 3), t=(4, 3))
def huber_mean(x: Any, t: Any) -> Any:
    return F.huber_loss(x, t)


@case(x=(4, 3), t=(4, 3))
def huber_wide_sum(x: Any, t: Any) -> Any:
    return F.huber_loss(x, t, delta=1.5, reduction="sum")


@case(x=(4, 3), t=(4, 3))
def smooth_l1_mean(x: Any, t: Any) -> Any:
    return F.smooth_l1_loss(x, t)


@case(x=(4, 3), t=(4, 3))
def smooth_l1_narrow_none(x: Any, t: Any) -> Any:
    return F.smooth_l1_loss(x, t, beta=0.5, reduction="none")


@case(x=(5, 3), y=LABELS)
def cross_entropy_mean(x: Any, y: Any) -> Any:
    return F.cross_entropy(x, y)


@case(x=(5, 3), y=LABELS)
def cross_entropy_sum(x: Any, y: Any) -> Any:
    return F.cross_entropy(x, y, reduction="sum")


@case(x=(5, 3), y=LABELS)
def cross_entropy_none(x: Any, y: Any) -> Any:
    return F.cross_entropy(x, y, reduction="none")


@case(x=(3,), y=np.array(1))
def cross_entropy_of_one(x: Any, y: Any) -> Any:
    return F.cross_entropy(x, y)


@case(x=(2, 3, 3), y=LABELS_OF_PIXELS)
def cross_entropy_of_pixels(x: Any, y: Any) -> Any:
    return F.cross_entropy(x, y)


def _weighted_labels(x: Any, y: Any, w: Any) -> Any:
    log_p = F.log_softmax(x, dim=1)[torch.arange(5), y]
    return -torch.sum(w[y] * log_p) / torch.sum(w[y])


@case(_weighted_labels, library="torch", x=(5, 3), y=LABELS, w=((3,), (0.2, 3.0)))
def cross_entropy_weighted(x: Any, y: Any, w: Any) -> Any:
    return F.cross_entropy(x, y, weight=w)


@case(x=(2, 3), t=SHARES)
def cross_entropy_of_probabilities(x: Any, t: Any) -> Any:
    return F.cross_entropy(x, t)


@case(x=(5, 3), y=LABELS)
def nll_mean(x: Any, y: Any) -> Any:
    return F.nll_loss(F.log_softmax(x, dim=1), y)


@case(x=(5, 3), y=LABELS)
def nll_alone(x: Any, y: Any) -> Any:
    return F.nll_loss(x, y)


@case(p=PROBABILITY, t=PROBABILITY)
def binary_cross_entropy_mean(p: Any, t: Any) -> Any:
    return F.binary_cross_entropy(p, t)


def _of_sigmoid(x: Any, t: Any, w: Any) -> Any:
    return torch.sum(w * (F.softplus(x) - t * x))  # torch: no gradient of the weight


@case(_of_sigmoid, library="torch", x=(4, 3), t=PROBABILITY, w=POSITIVE)
def binary_cross_entropy_of_sigmoid(x: Any, t: Any, w: Any) -> Any:
    return F.binary_cross_entropy(torch.sigmoid(x), t, w, reduction="sum")


@case(x=(4, 3), t=PROBABILITY)
def binary_cross_entropy_with_logits_mean(x: Any, t: Any) -> Any:
    return F.binary_cross_entropy_with_logits(x, t)


def _weighted(x: Any, t: Any, w: Any) -> Any:
    return torch.sum(w * ((1 - t) * x + (1 + (w - 1) * t) * F.softplus(-x)))


@case(_weighted, library="torch", x=(4, 3), t=PROBABILITY, w=((3,), (0.2, 3.0)))
def binary_cross_entropy_with_logits_weighted(x: Any, t: Any, w: Any) -> Any:
    return F.binary_cross_entropy_with_logits(
        x, t, pos_weight=w, weight=w, reduction="sum"
    )


@case(x=(4, 3), t=PROBABILITY)
def kl_div_batchmean(x: Any, t: Any) -> Any:
    return F.kl_div(x, t, reduction="batchmean")


@case(x=(4, 3), t=(4, 3))
def kl_div_log_target(x: Any, t: Any) -> Any:
    return F.kl_div(x, t, reduction="sum", log_target=True)


@case(x=(4, 3), t=(4, 3), v=POSITIVE)
def gaussian_nll_mean(x: Any, t: Any, v: Any) -> Any:
    return F.gaussian_nll_loss(x, t, v)


@case(x=(4, 3), t=(4, 3), v=POSITIVE)
def gaussian_nll_full(x: Any, t: Any, v: Any) -> Any:
    return F.gaussian_nll_loss(x, t, v, full=True, reduction="none")


@case(x=(4, 3), t=POSITIVE)
def poisson_nll_of_logs(x: Any, t: Any) -> Any:
    return F.poisson_nll_loss(x, t)


@case(x=POSITIVE, t=POSITIVE)
def poisson_nll_of_rates(x: Any, t: Any) -> Any:
    return F.poisson_nll_loss(x, t, log_input=False)


@case(
    lambda x, t: torch.mean(torch.log(1 + torch.exp(-t * x))),
    library="torch",
    x=(4,),
    t=SIGNS,
)
def soft_margin(x: Any, t: Any) -> Any:
    return F.soft_margin_loss(x, t)


@case(x=(4,), y=(4,), t=SIGNS)
def margin_ranking(x: Any, y: Any, t: Any) -> Any:
    return F.margin_ranking_loss(x, y, t, margin=0.3)
