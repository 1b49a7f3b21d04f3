"""The page: its parts, and that its source is the source."""

import numpy as np

import gradproof as gp


def scaled_norm(x, scale):
    """The length of x, scaled | a bar in a table."""
    y = np.abs(x) * scale
    return np.sum(y)


def product(x, y):
    return x * y


def page(f, *shapes):
    arrays = [np.ones(shape) for shape in shapes]
    derivation = gp.derive(f, *arrays)
    return derivation, derivation.source("markdown")


def test_the_whole_page():
    derivation, text = page(product, (2, 3), (2, 3))
    incoming = r"$\overline{\mathrm{output}}$"
    note = (
        rf"$\bar{{x}}$ is the gradient of $L$ with respect to $x$. Given: {incoming}."
    )
    numpy_source = derivation.source("numpy")
    assert (
        text
        == rf"""# product

| input | dtype | shape |
|---|---|---|
| `x` | float64 | [2, 3] |
| `y` | float64 | [2, 3] |

## Formulas

$$
\begin{{aligned}}
\mathrm{{output}} &= x \odot y \\[1ex]
\bar{{x}} &= \overline{{\mathrm{{output}}}} \odot y \\
\bar{{y}} &= \overline{{\mathrm{{output}}}} \odot x
\end{{aligned}}
$$

{note}
$\odot$ is the elementwise product.

## Local rules

| operation | rule |
|---|---|
| `multiply` | d(x·y) = y·dx + x·dy |

## Saved for backward

| array | why | bytes |
|---|---|---|
| `x` | {derivation.saved["x"]["why"]} | 48 |
| `y` | {derivation.saved["y"]["why"]} | 48 |

## NumPy

```python
{numpy_source}```
"""
    )


def test_the_docstring_comes_first():
    _, text = page(scaled_norm, (3,), (3,))
    assert text.startswith(f"# scaled_norm\n\n{scaled_norm.__doc__}\n\n| input |")


def test_a_bar_does_not_break_the_table():
    _, text = page(scaled_norm, (3,), (3,))
    [row] = [line for line in text.splitlines() if line.startswith("| `abs`")]
    assert r"d\|x\|" in row


def test_what_keeps_nothing_says_so():
    def shifted(x):
        return x + 1

    _, text = page(shifted, (3,))
    assert "## Saved for backward\n\nNothing.\n" in text
