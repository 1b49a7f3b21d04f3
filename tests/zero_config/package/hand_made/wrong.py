"""One layer for each property, with a gradient that does not have it."""

import torch
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional


class Shape(Function):
    """x + bias, with the sum over the batch left to the engine."""

    @staticmethod
    def forward(ctx, x, bias):
        return x + bias

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output, grad_output


class Linearity(Function):
    """A square that clips its gradient for good measure."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return 2 * x * grad_output.clamp(-0.5, 0.5)


class Gradient(Function):
    """A cube whose derivative forgets the three."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return grad_output * x**2


class Repeat(Function):
    """A product that keeps its inputs on the class."""

    @staticmethod
    def forward(ctx, x, y):
        Repeat.x, Repeat.y = x, y
        return x * y

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_output):
        return grad_output * Repeat.y, grad_output * Repeat.x


class Mutation(Function):
    """A scale that saves memory in the gradient of somebody else."""

    @staticmethod
    def forward(ctx, x):
        return 3 * x

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output.mul_(3)


class Sizes(Function):
    """A mean over the batch, in a script whose batches are of five."""

    @staticmethod
    def forward(ctx, x):
        ctx.rows = x.shape[0]
        return x.mean(0)

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output.expand(ctx.rows, *grad_output.shape) / 5


class Extremes(Function):
    """softplus, with an exponential that overflows."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return functional.softplus(x)

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return grad_output * torch.exp(x) / (1 + torch.exp(x))


class Subsets(Function):
    """A product that gives a gradient only if the first input wants one."""

    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(x, y)
        return x * y

    @staticmethod
    def backward(ctx, grad_output):
        x, y = ctx.saved_tensors
        grad_x = grad_y = None
        if ctx.needs_input_grad[0]:
            grad_x, grad_y = grad_output * y, grad_output * x
        return grad_x, grad_y


class Undefined(Function):
    """Two outputs, and no thought of one that nobody uses."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        ctx.set_materialize_grads(False)
        return x * x, 3 * x

    @staticmethod
    def backward(ctx, grad_square, grad_triple):
        (x,) = ctx.saved_tensors
        return 2 * x * grad_square + 3 * grad_triple


class Layout(Function):
    """A double that takes every gradient for contiguous."""

    @staticmethod
    def forward(ctx, x):
        return 2 * x

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_output):
        return 2 * grad_output.view(-1).view(grad_output.shape)


class Aliasing(Function):
    """x * y², with its gradients kept by the identity of the inputs."""

    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(x, y)
        ctx.places = [x.data_ptr(), y.data_ptr()]
        return x * y * y

    @staticmethod
    def backward(ctx, grad_output):
        x, y = ctx.saved_tensors
        gradients = dict(
            zip(ctx.places, (grad_output * y * y, 2 * grad_output * x * y), strict=True)
        )
        return tuple(gradients[place] for place in ctx.places)


class GradMode(Function):
    """A product with a shortcut for inference that is not the same."""

    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(x, y)
        if not any(ctx.needs_input_grad):
            return x * (y + 0.1)
        return x * y

    @staticmethod
    def backward(ctx, grad_output):
        x, y = ctx.saved_tensors
        return grad_output * y, grad_output * x


class Precision(Function):
    """log_softmax, rounded to bfloat16 on its way back."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.log_softmax(x, -1)

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        if x.dtype == torch.float32:
            x = x.bfloat16().float()
        return grad_output - torch.softmax(x, -1) * grad_output.sum(-1, True)


class Autocast(Function):
    """A product of matrices that expects its gradient in its own dtype."""

    @staticmethod
    def forward(ctx, x, weight):
        ctx.save_for_backward(x, weight)
        return x @ weight.T

    @staticmethod
    def backward(ctx, grad_output):
        x, weight = ctx.saved_tensors
        return grad_output @ weight, grad_output.T @ x


class SecondOrder(Function):
    """tanh, from a copy of its output that autograd does not know."""

    @staticmethod
    def forward(ctx, x):
        y = torch.tanh(x)
        ctx.save_for_backward(y.clone())
        return y

    @staticmethod
    def backward(ctx, grad_output):
        (y,) = ctx.saved_tensors
        return grad_output * (1 - y * y)


class ForwardMode(Function):
    """A cube whose jvp has the wrong factor."""

    @staticmethod
    def forward(x):
        return x**3

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return 3 * x**2 * grad_output

    @staticmethod
    def jvp(ctx, tangent):
        (x,) = ctx.saved_tensors
        return 2 * x**2 * tangent


class Vmap(Function):
    """x minus its mean, over the whole of a batch too."""

    @staticmethod
    def forward(x):
        return x - x.mean()

    @staticmethod
    def setup_context(ctx, inputs, output):
        pass

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output - grad_output.mean()

    @staticmethod
    def vmap(info, in_dims, x):
        return Vmap.apply(x.movedim(in_dims[0], 0)), 0


class Memory(Function):
    """exp, with its output tied to its own graph."""

    @staticmethod
    def forward(ctx, x):
        ctx.output = torch.exp(x)
        return ctx.output

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_output):
        return grad_output * ctx.output.detach()
