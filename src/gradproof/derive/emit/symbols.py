"""Names and numbers as LaTeX writes them."""

from __future__ import annotations

import math
import re
import unicodedata

_GREEK = """\
alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma
tau upsilon phi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega
"""
GREEK = frozenset(_GREEK.split())
# Numbers that a rule or a forward holds as sixteen digits.
KNOWN = {
    math.pi: r"\pi",
    math.e: "e",
    math.log(2): r"\ln 2",
    math.log(10): r"\ln 10",
    math.sqrt(2): r"\sqrt{2}",
    1 / math.sqrt(2): r"\frac{1}{\sqrt{2}}",
    math.sqrt(math.pi): r"\sqrt{\pi}",
    2 / math.sqrt(math.pi): r"\frac{2}{\sqrt{\pi}}",
    math.sqrt(2 / math.pi): r"\sqrt{2 / \pi}",
    math.sqrt(2 * math.pi): r"\sqrt{2 \pi}",
    1 / math.sqrt(2 * math.pi): r"\frac{1}{\sqrt{2 \pi}}",
}
_INDEXED = re.compile(r"(.*?)_?(\d+(?:_\d+)*)")


def symbol(name: str) -> str:
    """A name: one letter as it is, Greek as Greek, anything longer upright.

    What follows a letter and an underscore is its subscript, and so is a number.
    """
    stem = name.strip("_") or name
    single = _single(stem)
    if single:
        return single
    head, _, rest = stem.partition("_")
    if rest and _single(head):
        parts = rest.split("_") if rest.replace("_", "").isdigit() else [rest]
        return f"{_single(head)}_{_braced(', '.join(map(_upright, parts)))}"
    indexed = _INDEXED.fullmatch(stem)
    if indexed and indexed[1]:
        return f"{symbol(indexed[1])}_{_braced(indexed[2].replace('_', ', '))}"
    return _upright(stem)


def barred(name: str) -> str:
    """The gradient of what is called so; a subscript stays outside of the bar."""
    base, underscore, subscript = symbol(name).partition("_")
    if base.startswith(r"\mathrm"):
        base, underscore, subscript = _split_upright(symbol(name))
        return rf"\overline{{{base}}}{underscore}{subscript}"
    return rf"\bar{{{base}}}{underscore}{subscript}"


def number(value: complex) -> tuple[str, bool]:
    """A number, and whether it is one factor that needs no brackets."""
    if isinstance(value, complex):
        return f"({value.real:g} + {value.imag:g} i)", True
    if value < 0:
        return f"-{number(-value)[0]}", False
    if math.isnan(value):
        return r"\mathrm{nan}", True
    if math.isinf(value):
        return r"\infty", True
    if value in KNOWN:
        return KNOWN[value], True
    digits, _, exponent = repr(value).partition("e")
    digits = digits.removesuffix(".0")
    if not exponent:
        return digits, True
    power = f"10^{{{int(exponent)}}}"
    return (power, True) if digits == "1" else (rf"{digits} \cdot {power}", False)


def _single(name: str) -> str:
    """The symbol of a letter or of the name of a Greek one; else nothing."""
    if name in GREEK:
        return f"\\{name}"
    if len(name) != 1:
        return ""
    spelled = unicodedata.name(name, "").split()
    if spelled[:1] == ["GREEK"] and len(spelled) == 4:
        word = spelled[3].lower().replace("lamda", "lambda")
        word = word.capitalize() if spelled[1] == "CAPITAL" else word
        return f"\\{word}" if word in GREEK else name
    return name


def _braced(subscript: str) -> str:
    return subscript if len(subscript) == 1 else f"{{{subscript}}}"


def _upright(name: str) -> str:
    if _single(name) or name.isdigit():
        return _single(name) or name
    escaped = name.replace("_", r"\_")
    return rf"\mathrm{{{escaped}}}"


def _split_upright(text: str) -> tuple[str, str, str]:
    r"""``\mathrm{a\_b}_1`` at the underscore after the brace."""
    end = text.index("}") + 1
    return text[:end], text[end : end + 1], text[end + 1 :]
