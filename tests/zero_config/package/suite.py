"""The package's own tests, which pass."""

import pytest
import torch
from hand_made import right
from hand_made.calls import ALL, inputs_of, run


@pytest.mark.parametrize("layer", ALL)
def test_every_input_gets_a_gradient_of_its_shape(layer):
    inputs = inputs_of(layer)
    run(layer, inputs)
    for one in inputs:
        assert not one.requires_grad or one.grad.shape == one.shape


def test_doubled():
    x = torch.ones(3, requires_grad=True)
    right.doubled(x).sum().backward()
    assert x.grad.tolist() == [2, 2, 2]
