"""Run a script or a module as ``python`` would."""

from __future__ import annotations

import io
import os
import runpy
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from gradproof._errors import TargetError

INTERRUPTED = 130


def run_script(path: str, arguments: Sequence[str]) -> int:
    """Run ``python path arguments…`` in this process; the exit code it would have.

    Raises:
        TargetError: there is no such file.
    """
    if not Path(path).is_file():
        raise TargetError(f"there is no file {path}; paths start from {Path.cwd()}")
    sys.argv[:] = [path, *arguments]
    sys.path[0] = str(Path(path).resolve().parent)
    main = ModuleType("__main__")
    file = str(Path(path).absolute())
    main.__dict__.update(__file__=file, __spec__=None, __cached__=None)
    main.__dict__["__builtins__"] = sys.modules["builtins"]
    sys.modules["__main__"] = main

    def execute() -> None:
        with io.open_code(file) as opened:
            code = compile(opened.read(), file, "exec")
        exec(code, main.__dict__)

    return _exit_code_of(execute)


def run_module(name: str, arguments: Sequence[str]) -> int:
    """Run ``python -m name arguments…`` in this process; the exit code it would have.

    Raises:
        TargetError: there is no such module.
    """
    sys.path[0] = str(Path.cwd())
    sys.argv[:] = [name, *arguments]
    try:
        found = runpy._get_module_details(name)  # type: ignore[attr-defined]
    except ImportError as error:
        raise TargetError(f"-m {name}: {error}") from None
    return _exit_code_of(lambda: _run_as_main(*found))


def _run_as_main(_name: str, spec: Any, code: Any) -> None:
    sys.argv[0] = spec.origin
    main = ModuleType("__main__")
    main.__dict__.update(
        __file__=spec.origin,
        __spec__=spec,
        __package__=spec.parent,
        __loader__=spec.loader,
        __cached__=spec.cached,
        __builtins__=sys.modules["builtins"],
    )
    sys.modules["__main__"] = main
    exec(code, main.__dict__)


def _exit_code_of(execute: Any) -> int:
    """What the interpreter would exit with; an exception is printed as it would be."""
    try:
        execute()
    except SystemExit as error:
        return _status(error.code)
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        _print_theirs(error)
        return 1
    return 0


def _status(code: Any) -> int:
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    print(code, file=sys.stderr)
    return 1


def _print_theirs(error: BaseException) -> None:
    """The traceback, from the script on: not how we got there."""
    here = Path(__file__).parent
    frames = error.__traceback__
    while frames and frames.tb_frame.f_code.co_filename.startswith(f"{here}{os.sep}"):
        frames = frames.tb_next
    sys.stdout.flush()
    traceback.print_exception(type(error), error, frames)
