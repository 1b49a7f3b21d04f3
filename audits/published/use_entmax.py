"""entmax as its README uses it."""

import torch
from entmax import (
    entmax15,
    entmax15_loss,
    entmax_bisect,
    entmax_bisect_loss,
    sparsemax,
    sparsemax_loss,
)

torch.manual_seed(0)
x = torch.randn(5, 7, requires_grad=True)
for function in (sparsemax, entmax15, entmax_bisect):
    function(x, dim=-1).square().sum().backward()
alpha = torch.tensor(1.33, requires_grad=True)
entmax_bisect(x, alpha).square().sum().backward()
for loss in (sparsemax_loss, entmax15_loss, entmax_bisect_loss):
    loss(x, torch.randint(0, 7, (5,))).sum().backward()
