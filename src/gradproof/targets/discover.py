"""Find targets: import their module, list what it defines."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any

from gradproof._errors import TargetError
from gradproof.targets.target import Target

EXAMPLES = "__gradproof_examples__"

_imported: dict[Path, ModuleType] = {}


def load_module(target: Target) -> ModuleType:
    """Import the target's module, or give it again if that was done before.

    Raises:
        TargetError: it does not exist, or it raises.
    """
    if target.is_path:
        return _import_file(target)
    return _import_name(target)


def module_name(target: Target) -> str:
    """The name that the target's module has, or would have, once imported."""
    if not target.is_path:
        return target.source
    path = Path(target.source).resolve()
    return _imported[path].__name__ if path in _imported else path.stem


def load_object(target: Target) -> Any:
    """Import what the target names.

    Raises:
        TargetError: as ``load_module``, or the module has no such name.
    """
    module = load_module(target)
    names = vars(module)
    if target.name in names:
        return names[target.name]
    likely = [n for n, value in names.items() if not isinstance(value, ModuleType)]
    close = get_close_matches(str(target.name), likely, n=1)
    next_step = (
        f"did you mean {close[0]}?"
        if close
        else f"gradproof list {target.source} shows what can be checked"
    )
    raise TargetError(f"{target.source} has no {target.name!r}; {next_step}")


def targets_in(module: ModuleType) -> list[str]:
    """Names of what can be checked in a module, in the order of their definition."""
    names: dict[int, str] = {}
    for name, value in vars(module).items():
        if kind_of(value) and _counts(module, name, value):
            names.setdefault(id(value), name)
    return list(names.values())


def kind_of(value: Any) -> str | None:
    """What a target is, in words, or None for what cannot be checked unasked."""
    from gradproof import Function

    if isinstance(value, Function):
        return "gp.function"
    if _is_autograd_function(value):
        return "torch.autograd.Function"
    if EXAMPLES in getattr(value, "__dict__", ()):
        return "callable with examples"
    return None


def list_targets(target: Target) -> list[tuple[str, str]]:
    """Name and kind of what the target names, or of all that its module defines.

    Raises:
        TargetError: as ``load_object``, or the module defines nothing to check.
    """
    if target.name is not None:
        return [(target.name, kind_of(load_object(target)) or "callable")]
    module = load_module(target)
    names = targets_in(module)
    if not names:
        raise TargetError(
            f"{target.source} defines nothing to check: that takes a @gp.function, a "
            "torch.autograd.Function subclass, or something with @gp.examples; "
            f"anything else can be named, as {target.source}:NAME"
        )
    return [(name, str(kind_of(getattr(module, name)))) for name in names]


def _counts(module: ModuleType, name: str, value: Any) -> bool:
    kind = kind_of(value)
    if kind == "gp.function":
        return bool(value.__module__ == module.__name__)
    if kind == "torch.autograd.Function":
        return value.__module__ == module.__name__ and not name.startswith("_")
    return not name.startswith("_")


def _is_autograd_function(value: Any) -> bool:
    torch = sys.modules.get("torch")
    return (
        torch is not None
        and isinstance(value, type)
        and issubclass(value, torch.autograd.Function)
    )


def existing_file(source: str) -> Path:
    """The file that is meant.

    Raises:
        TargetError: there is none; the nearest of its kind is named.
    """
    path = Path(source)
    if path.is_file():
        return path.resolve()
    if path.is_dir():
        files = sorted(path.glob("*.py"))
        such_as = f", such as {files[0]}" if files else ""
        raise TargetError(f"{path} is a folder; give a file in it{such_as}")
    others = path.parent.glob(f"*{path.suffix or '.py'}")
    siblings = {file.stem: file for file in others}
    close = get_close_matches(path.stem, siblings, n=1)
    next_step = (
        f"did you mean {siblings[close[0]]}?"
        if close
        else f"paths start from {Path.cwd()}"
    )
    raise TargetError(f"there is no file {path}; {next_step}")


def _import_file(target: Target) -> ModuleType:
    path = existing_file(target.source)
    if path not in _imported:
        _imported[path] = _execute(path, target)
    return _imported[path]


def _execute(path: Path, target: Target) -> ModuleType:
    name = path.stem
    while name in sys.modules:  # signal.py must not replace the signal module
        name += "_"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise TargetError(f"{target.source} is not a Python file; give one")
    module = importlib.util.module_from_spec(spec)
    _search_first(path.parent)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        raise _import_error(error, target, name) from error
    return module


def _import_name(target: Target) -> ModuleType:
    name = target.source
    _search_first(Path.cwd())
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if name != missing and not name.startswith(f"{missing}."):
            raise _import_error(error, target, name) from error
        raise TargetError(
            f"there is no module {missing} to import; run from the folder that holds "
            "it, install it, or give the file as path.py"
        ) from error
    except BaseException as error:
        raise _import_error(error, target, name) from error


def _search_first(folder: Path) -> None:
    if not sys.path or sys.path[0] != str(folder):
        sys.path.insert(0, str(folder))


def _import_error(error: BaseException, target: Target, module: str) -> TargetError:
    return TargetError(
        f"{target.source} cannot be imported: {describe(error, module)}; "
        + _next_step(error, target)
    )


def _next_step(error: BaseException, target: Target) -> str:
    if isinstance(error, SystemExit):
        return 'put what only a script does under if __name__ == "__main__":'
    if isinstance(error, ImportError) and "relative import" in str(error):
        return "it is part of a package: give it as package.module"
    return f"to see it whole, run {target.command}"


def describe(error: BaseException, module: str) -> str:
    """Type, text and the line in the user's module of an exception raised there."""
    text = str(error.msg) if isinstance(error, SyntaxError) else str(error)
    text = " ".join(text.split())
    said = f"{type(error).__name__}: {text}" if text else type(error).__name__
    line = user_line(error, module)
    return f"{said} ({line})" if line else said


def user_line(error: BaseException, module: str) -> str | None:
    """``file:line`` where an exception last was in a module or its package."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{_short(error.filename)}:{error.lineno}"
    package = module.partition(".")[0]
    found, traceback = None, error.__traceback__
    while traceback is not None:
        frame = traceback.tb_frame
        if str(frame.f_globals.get("__name__")).partition(".")[0] == package:
            found = f"{_short(frame.f_code.co_filename)}:{traceback.tb_lineno}"
        traceback = traceback.tb_next
    return found


def _short(filename: str) -> str:
    path = Path(filename)
    return (
        str(path.relative_to(Path.cwd()))
        if path.is_relative_to(Path.cwd())
        else filename
    )
