"""The memory-efficient activations of timm."""

import torch
from timm.layers import activations_me

torch.manual_seed(0)
x = torch.randn(6, 5, requires_grad=True)
for name in ("SwishMe", "MishMe", "HardSigmoidMe", "HardSwishMe", "HardMishMe"):
    getattr(activations_me, name)()(x).sum().backward()
