"""Inputs that no search finds, and what gradients of torchdiffeq are meant to be."""

import torch
from torchdiffeq import odeint
from torchdiffeq._impl.misc import _rms_norm

ORDER = 3  # a scratch of a Runge-Kutta step has a place for each stage


def field(t, y):
    """The derivative of y."""
    return torch.tanh(y) - t


def adjoint():
    """For ``OdeintAdjointMethod``, as ``odeint_adjoint`` passes them."""
    y0 = torch.tensor([0.3, -1.1, 0.6], dtype=torch.float64, requires_grad=True)
    t = torch.linspace(0, 1, 21, dtype=torch.float64, requires_grad=True)
    tolerances = (None, None)  # a solver that steps from time to time has none
    solver = ("rk4", {"norm": _rms_norm})
    return (
        *(None, field, y0, t, *tolerances, *solver, None),
        *(*tolerances, *solver, True),
    )


def fall(_t, y):
    """Height and speed of a ball."""
    return torch.stack([y[1], torch.full_like(y[1], -9.8)])


def height(_t, y):
    """Zero on the ground."""
    return y[0]


def event():
    """For ``ImplicitFnGradientRerouting``: a time and a state at which a ball lands."""
    start = torch.tensor([9.0, 1.0], dtype=torch.float64)
    landing = (1 + (1 + 2 * 9.8 * 9.0) ** 0.5) / 9.8
    times = torch.tensor([0, landing], dtype=torch.float64)
    state = odeint(fall, start, times, rtol=1e-12, atol=1e-13)[-1]
    return fall, height, times[1].clone(), state.requires_grad_()


def at_the_event(field, event_fn, t, y):
    """Time and state of the event beside a known one, to first order."""
    speed = field(t, y).detach()
    value, pull = event_fn(t, y), torch.func.grad(event_fn, 1)(t, y).detach()
    later = -value / (pull * speed).sum()
    return t + later, y + speed * later


def stage():
    """For ``_UncheckedAssign``, as a Runge-Kutta step passes them."""
    scratch = torch.linspace(-1, 1, 4 * ORDER, dtype=torch.float64, requires_grad=True)
    value = torch.linspace(2, 3, 4, dtype=torch.float64, requires_grad=True)
    return scratch.reshape(4, ORDER), value, (..., 1)


def added(scratch, value, index):
    """The value beside what is there: each stage reads none but its own place."""
    beside = scratch.clone()
    beside[index] = beside[index] + value
    return beside
