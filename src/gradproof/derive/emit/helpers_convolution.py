"""Convolution and pooling where a library lacks them, in any number of axes.

All of it is patches: what a kernel covers at every position, and back.
"""

from __future__ import annotations

from gradproof.derive.emit.helpers import HELPERS, IMPORTS

_PER_AXIS = '''
def per_axis(number, axes):
    """A number for every axis, from one for all or one for each."""
    return (number,) * axes if isinstance(number, int) else tuple(number)
'''

_SLICES = '''
def slices(kernel, positions, stride, dilation):
    """For every offset in the kernel, what it meets at all positions."""
    for offset in itertools.product(*map(range, kernel)):
        starts = [i * d for i, d in zip(offset, dilation)]
        ends = [i + (n - 1) * s + 1 for i, n, s in zip(starts, positions, stride)]
        yield (..., *map(slice, starts, ends, stride))
'''

_PATCHES = '''
def patches(x, kernel, stride, padding, dilation, fill=0.0):
    """What a kernel covers: (n, channels, *positions, size of the kernel)."""
    axes = len(kernel)
    stride, padding = per_axis(stride, axes), per_axis(padding, axes)
    dilation = per_axis(dilation, axes)
    margins = [(0, 0), (0, 0), *((p, p) for p in padding)]
    x = np.pad(x, margins, constant_values=fill)
    spans = [d * (k - 1) + 1 for k, d in zip(kernel, dilation)]
    positions = [(n - m) // s + 1 for n, m, s in zip(x.shape[2:], spans, stride)]
    covered = slices(kernel, positions, stride, dilation)
    return np.stack([x[index] for index in covered], axis=-1)
'''

_ADD_PATCHES = '''
def add_patches(grad, shape, kernel, stride, padding, dilation):
    """The gradient of patches: every patch is added to where it came from."""
    axes = len(kernel)
    stride, padding = per_axis(stride, axes), per_axis(padding, axes)
    dilation = per_axis(dilation, axes)
    padded = [n + 2 * p for n, p in zip(shape[2:], padding)]
    total = np.zeros((*shape[:2], *padded), dtype=grad.dtype)
    covered = slices(kernel, grad.shape[2:-1], stride, dilation)
    for number, index in enumerate(covered):
        total[index] += grad[..., number]
    inside = (slice(p, p + n) for p, n in zip(padding, shape[2:]))
    return total[(..., *inside)]
'''

_CONVOLVE = '''
def convolve(x, weight, stride=1, padding=0, dilation=1, groups=1):
    """The convolution of neural networks, a cross-correlation over channels."""
    p = patches(x, weight.shape[2:], stride, padding, dilation)
    p = p.reshape(len(p), groups, -1, *p.shape[2:])
    w = weight.reshape(groups, len(weight) // groups, weight.shape[1], -1)
    y = np.einsum("ngc...k,gock->ngo...", p, w, optimize=True)
    return y.reshape(len(y), -1, *y.shape[3:])
'''

_INPUT_GRADIENT = '''
def convolution_input_gradient(
    grad, weight, shape, stride=1, padding=0, dilation=1, groups=1
):
    """The gradient of convolve in its input, which has this shape."""
    g = grad.reshape(len(grad), groups, -1, *grad.shape[2:])
    w = weight.reshape(groups, len(weight) // groups, weight.shape[1], -1)
    p = np.einsum("ngo...,gock->ngc...k", g, w, optimize=True)
    p = p.reshape(len(p), -1, *p.shape[3:])
    return add_patches(p, shape, weight.shape[2:], stride, padding, dilation)
'''

_WEIGHT_GRADIENT = '''
def convolution_weight_gradient(
    grad, x, shape, stride=1, padding=0, dilation=1, groups=1
):
    """The gradient of convolve in its weight, which has this shape."""
    p = patches(x, shape[2:], stride, padding, dilation)
    p = p.reshape(len(p), groups, shape[1], -1, p.shape[-1])
    g = grad.reshape(len(grad), groups, shape[0] // groups, -1)
    return np.einsum("ngox,ngcxk->gock", g, p, optimize=True).reshape(shape)
'''

_AVERAGE_POOL = '''
def average_pool(x, kernel, stride, padding=0):
    """The mean of what a kernel covers."""
    return np.mean(patches(x, kernel, stride, padding, 1), axis=-1)
'''

_AVERAGE_POOL_GRADIENT = '''
def average_pool_gradient(grad, shape, kernel, stride, padding=0):
    """The gradient of average_pool: to each that was averaged the same share."""
    size = math.prod(kernel)
    share = np.broadcast_to(grad[..., None] / size, (*grad.shape, size))
    return add_patches(share, shape, kernel, stride, padding, 1)
'''

_MAX_POOL = '''
def max_pool(x, kernel, stride, padding=0, dilation=1):
    """The largest of what a kernel covers."""
    return np.max(patches(x, kernel, stride, padding, dilation, -np.inf), axis=-1)
'''

_MAX_POOL_GRADIENT = '''
def max_pool_gradient(grad, x, kernel, stride, padding=0, dilation=1):
    """The gradient of max_pool: all to the first of the largest."""
    covered = patches(x, kernel, stride, padding, dilation, -np.inf)
    largest = np.argmax(covered, axis=-1)
    is_largest = largest[..., None] == np.arange(math.prod(kernel))
    parts = grad[..., None] * is_largest
    return add_patches(parts, x.shape, kernel, stride, padding, dilation)
'''

_TORCH = (
    (
        "x = np.pad(x, margins, constant_values=fill)",
        "x = torch.nn.functional.pad(x, margins, value=fill)",
    ),
    (
        "[(0, 0), (0, 0), *((p, p) for p in padding)]",
        "[p for p in reversed(padding) for _ in range(2)]",
    ),
    (
        "np.broadcast_to(grad[..., None] / size, (*grad.shape, size))",
        "(grad[..., None] / size).expand(*grad.shape, size)",
    ),
    (
        "np.zeros((*shape[:2], *padded), dtype=grad.dtype)",
        "grad.new_zeros((*shape[:2], *padded))",
    ),
    (
        "np.arange(math.prod(kernel))",
        "torch.arange(math.prod(kernel), device=x.device)",
    ),
    ("axis=", "dim="),
    ("np.", "torch."),
)
_JAX = (
    (
        "total[index] += grad[..., number]",
        "total = total.at[index].add(grad[..., number])",
    ),
    ("np.", "jnp."),
)


def _written(text: str, changes: tuple[tuple[str, str], ...]) -> str:
    for old, new in changes:
        text = text.replace(old, new)
    return text


def _helper(text: str, *imports: str) -> None:
    text = text.strip("\n")
    name = text.removeprefix("def ").split("(")[0]
    HELPERS[name] = {
        "numpy": text,
        "torch": _written(text, _TORCH),
        "jax": _written(text, _JAX),
    }
    IMPORTS[name] = imports


_helper(_PER_AXIS)
_helper(_SLICES, "itertools")
_helper(_PATCHES)
_helper(_ADD_PATCHES)
_helper(_CONVOLVE)
_helper(_INPUT_GRADIENT)
_helper(_WEIGHT_GRADIENT)
_helper(_AVERAGE_POOL)
_helper(_AVERAGE_POOL_GRADIENT, "math")
_helper(_MAX_POOL)
_helper(_MAX_POOL_GRADIENT, "math")
