"""What a report ends with: what was declared, and what of that matched nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path

from gradproof.report.notes import Note
from gradproof.targets import declare
from gradproof.targets.declare import Declarations

GUESS, TYPO = 0.6, 0.8  # how alike names are: to be suggested, to be spoken of at all


def notes(
    names: Sequence[str],
    declarations: Declarations,
    *,
    modules: Sequence[str] = (),
    packages: Sequence[str] = (),
) -> list[Note]:
    """A line for each declaration that was heeded, and for each that met nothing.

    A declaration for something that this run had no reason to meet is not spoken of,
    unless its name is very like one that nothing is declared of.

    Args:
        names: the targets of the run, and what could not be looked at.
        declarations: what is said about targets.
        modules: the files and modules that all was taken from.
        packages: the packages that all was taken from, with what is in them.
    """
    said = [Note("declared", line) for line in declare.said_of(names, declarations)]
    return said + list(_unmatched(names, declarations, modules, packages))


def _unmatched(
    names: Sequence[str],
    declarations: Declarations,
    modules: Sequence[str],
    packages: Sequence[str],
) -> Iterator[Note]:
    met = {
        one.pattern: [name for name in names if declare.fits(name, one.pattern)]
        for one in declarations
    }
    declared = {name for those in met.values() for name in those}
    others = [name for name in names if name not in declared]
    for pattern, those in met.items():
        source = pattern.rpartition(":")[0]
        if those or source in names:  # its module could not be looked at
            continue
        is_expected = source in modules or _is_in(source, packages)
        guess = _alike(pattern, others, GUESS if is_expected else TYPO)
        if is_expected or guess:
            next_step = f"; did you mean {guess}?" if guess else ""
            text = f"{pattern} is declared, but matches no target here{next_step}"
            yield Note("unmatched", text, is_warning=True)


def _is_in(source: str, packages: Sequence[str]) -> bool:
    """Whether a module is in one of the packages; a file is in none."""
    if source.endswith(".py"):
        return False
    return any(source == one or source.startswith(f"{one}.") for one in packages)


def _alike(pattern: str, names: Sequence[str], cutoff: float) -> str | None:
    """The target that may have been meant: a name like it there, or it elsewhere."""
    source, _, wanted = pattern.rpartition(":")
    here = {
        name.rpartition(":")[2]: name
        for name in names
        if name.rpartition(":")[0] == source
    }
    close = get_close_matches(wanted, here, n=1, cutoff=cutoff)
    if close:
        return here[close[0]]
    elsewhere = [name for name in names if name.rpartition(":")[2] == wanted]
    same_file = (name for name in elsewhere if _stem(name) == _stem(pattern))
    alike = get_close_matches(pattern, elsewhere, n=1, cutoff=cutoff)
    return next(same_file, alike[0] if alike else None)


def _stem(name: str) -> str:
    """The last part of a module's name, or of a file's without its suffix."""
    source = Path(name.rpartition(":")[0])
    return source.stem if source.suffix == ".py" else source.name.rpartition(".")[2]
