"""torchdiffeq as its README uses it: both solvers, and one that stops at an event."""

import torch
from torchdiffeq import odeint, odeint_adjoint, odeint_event


class Field(torch.nn.Module):
    """A field with parameters."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(3, 3)

    def forward(self, t, y):
        """The derivative of y."""
        return torch.tanh(self.layer(y))


torch.manual_seed(0)
y0, t = torch.randn(4, 3, requires_grad=True), torch.linspace(0, 1, 5)
for solve in (odeint, odeint_adjoint):
    solve(Field(), y0, t)[-1].sum().backward()


def fall(_t, y):
    """Height and speed of a ball."""
    return torch.stack([y[1], torch.tensor(-9.8)])


def hits_the_ground(_t, y):
    """Zero when the height is."""
    return y[0]


ball = torch.tensor([10.0, 0.0], requires_grad=True)
_, path = odeint_event(fall, ball, torch.tensor(0.0), event_fn=hits_the_ground)
path[-1].sum().backward()
