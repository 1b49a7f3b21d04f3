"""Functions that NumPy lacks: written at the top of a module that calls them.

A helper is source text in one form; the emitters find by name which of them a body
calls. Their own imports are of the standard library.
"""

from __future__ import annotations

HELPERS: dict[str, dict[str, str]] = {}
IMPORTS: dict[str, tuple[str, ...]] = {}


def _helper(name: str, *imports: str, **forms: str) -> None:
    HELPERS[name] = {form: text.strip("\n") for form, text in forms.items()}
    IMPORTS[name] = imports


_helper(
    "erf",
    "math",
    numpy='''
def erf(x):
    """The error function of every element."""
    return np.vectorize(math.erf, otypes=[np.result_type(x, 0.0)])(x)
''',
)

_helper(
    "erfc",
    "math",
    numpy='''
def erfc(x):
    """The complementary error function of every element."""
    return np.vectorize(math.erfc, otypes=[np.result_type(x, 0.0)])(x)
''',
)

_helper(
    "erfinv",
    "math",
    numpy='''
def erfinv(x):
    """The inverse error function of every element, by Newton's method."""
    erf = np.vectorize(math.erf, otypes=[float])
    logarithm = np.log1p(-(x**2))
    middle = 4.33 + 0.5 * logarithm
    y = np.sign(x) * np.sqrt(np.sqrt(middle**2 - logarithm / 0.147) - middle)
    for _ in range(4):
        y = y - 0.5 * np.sqrt(np.pi) * (erf(y) - x) * np.exp(y**2)
    return y.astype(np.result_type(x, 0.0))
''',
)

_helper(
    "lgamma",
    "math",
    numpy='''
def lgamma(x):
    """The logarithm of the gamma function of every element."""
    return np.vectorize(math.lgamma, otypes=[np.result_type(x, 0.0)])(x)
''',
)

# Both climb to x >= 10, where the asymptotic series is exact to the last digits.

_helper(
    "digamma",
    numpy='''
def digamma(x):
    """The derivative of the logarithm of the gamma function."""
    # Left of 1/2 it is reflected to the right.
    left = x < 0.5
    reflection = np.where(left, -np.pi / np.tan(np.pi * np.where(left, x, 0.5)), 0)
    x = np.where(left, 1 - x, x)
    shift = sum(1 / (x + i) for i in range(10))
    x = x + 10
    s = 1 / x**2
    series = s * (1 / 12 - s * (1 / 120 - s * (1 / 252 - s * (1 / 240 - s / 132))))
    return reflection - shift + np.log(x) - 0.5 / x - series
''',
)

_helper(
    "trigamma",
    numpy='''
def trigamma(x):
    """The second derivative of the logarithm of the gamma function."""
    # Left of 1/2 it is reflected to the right.
    left = x < 0.5
    sine = np.sin(np.pi * np.where(left, x, 0.5))
    reflected = np.where(left, (np.pi / sine) ** 2, 0)
    x = np.where(left, 1 - x, x)
    shift = sum(1 / (x + i) ** 2 for i in range(10))
    x = x + 10
    s = 1 / x**2
    series = s * (1 / 6 - s * (1 / 30 - s * (1 / 42 - s * (1 / 30 - s * 5 / 66))))
    total = shift + 1 / x + 0.5 * s + series / x
    return np.where(left, reflected - total, total)
''',
)

_helper(
    "xlogy",
    numpy='''
def xlogy(x, y):
    """x * log(y), and 0 where x is 0."""
    return x * np.log(np.where(x == 0, 1, y))
''',
)

_PRODUCT_OF_OTHERS = '''
def product_of_others(x, axis):
    """For every element the product of all others along an axis."""
    x = np.moveaxis(x, axis, 0)
    one = np.ones_like(x[:1])
    before = np.cumprod(np.concatenate([one, x[:-1]]), axis=0)
    after = np.cumprod(np.concatenate([one, x[:0:-1]]), axis=0)[::-1]
    return np.moveaxis(before * after, 0, axis)
'''

_helper(
    "product_of_others",
    numpy=_PRODUCT_OF_OTHERS,
    jax=_PRODUCT_OF_OTHERS.replace("np.", "jnp."),
    torch='''
def product_of_others(x, axis):
    """For every element the product of all others along an axis."""
    x = x.movedim(axis, 0)
    one = torch.ones_like(x[:1])
    before = torch.cumprod(torch.cat([one, x[:-1]]), dim=0)
    after = torch.cumprod(torch.cat([one, x[1:].flip(0)]), dim=0).flip(0)
    return (before * after).movedim(0, axis)
''',
)

_CUMPROD_GRADIENT = '''
def cumprod_gradient(grad, x, axis):
    """The gradient of np.cumprod(x, axis=axis), right at zeros too."""
    x, grad = np.moveaxis(x, axis, 0), np.moveaxis(grad, axis, 0)
    before = np.cumprod(np.concatenate([np.ones_like(x[:1]), x[:-1]]), axis=0)
    tail = [grad[-1:]]
    for i in range(len(x) - 1, 0, -1):
        tail.append(grad[i - 1 : i] + x[i : i + 1].conj() * tail[-1])
    return np.moveaxis(before.conj() * np.concatenate(tail[::-1]), 0, axis)
'''

_helper(
    "cumprod_gradient",
    numpy=_CUMPROD_GRADIENT,
    jax=_CUMPROD_GRADIENT.replace("np.", "jnp."),
    torch='''
def cumprod_gradient(grad, x, axis):
    """The gradient of torch.cumprod(x, dim=axis), right at zeros too."""
    x, grad = x.movedim(axis, 0), grad.movedim(axis, 0)
    before = torch.cumprod(torch.cat([torch.ones_like(x[:1]), x[:-1]]), dim=0)
    tail = [grad[-1:]]
    for i in range(len(x) - 1, 0, -1):
        tail.append(grad[i - 1 : i] + x[i : i + 1].conj() * tail[-1])
    return (before.conj() * torch.cat(tail[::-1])).movedim(0, axis)
''',
)

_helper(
    "add_along_axis",
    numpy='''
def add_along_axis(x, indices, values, axis):
    """Add values to x in place, at these indices along an axis."""
    index = list(np.indices(indices.shape, sparse=True))
    index[axis] = indices
    np.add.at(x, tuple(index), values)
''',
    jax='''
def add_along_axis(x, indices, values, axis):
    """x with values added at these indices along an axis."""
    index = list(jnp.indices(indices.shape, sparse=True))
    index[axis] = indices
    return x.at[tuple(index)].add(values)
''',
)

_DIAG_EMBED = '''
def diag_embed(x, offset=0):
    """Matrices with the vectors of x on a diagonal."""
    size = x.shape[-1] + abs(offset)
    i = np.arange(x.shape[-1])
    rows, columns = i + max(-offset, 0), i + max(offset, 0)
    result = np.zeros((*x.shape[:-1], size, size), x.dtype)
    result[..., rows, columns] = x
    return result
'''

_helper(
    "diag_embed",
    numpy=_DIAG_EMBED,
    jax=_DIAG_EMBED.replace("np.", "jnp.")
    .replace("    result[..., rows, columns] = x\n", "")
    .replace("return result", "return result.at[..., rows, columns].set(x)"),
)
