"""The one hand-written gradient of e3nn."""

import torch
from e3nn.math import soft_unit_step

x = torch.linspace(-1, 2, 20, requires_grad=True)
soft_unit_step(x).sum().backward()
