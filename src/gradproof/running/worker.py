"""The process that targets run in: one JSON request a line in, one answer out.

``{"list": "layers.py"}`` is answered with ``{"targets": [[name, kind], ...]}``,
``{"check": "layers.py:linear", "settings": {...}}`` with ``{"verdict": {...}}``,
``derive`` likewise with ``{"source": ...}``, ``explain`` with ``{"explanation": ...}``,
``replay`` and ``audit`` as ``check``, ``find`` with ``{"found": [...]}``, and whatever
goes wrong with ``{"error": {"kind": ..., "message": ...}}``. Before the answer to a
check come lines ``{"at": property, "share": 0.5}``.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from traceback import extract_tb
from typing import Any, TextIO

from gradproof._errors import GradproofError, InputError, NoInputsError
from gradproof.running import derive_target
from gradproof.running.limits import limit_memory
from gradproof.targets import discover
from gradproof.targets.target import parse

Answer = dict[str, Any]
VERBS = {
    "list": "check",
    "check": "check",
    "derive": "derivation",
    "explain": "explanation",
    "replay": "check",
    "find": "search",
    "audit": "check",
}  # and what each of them makes
ELSEWHERE = {
    "replay": "gradproof.watch.replay",
    "find": "gradproof.audit.find",
    "audit": "gradproof.audit.judge",
}
FOREVER = 1e9
MUST_RETURN = "a target must return to its caller"
CUT_OFF = 74  # EX_IOERR: the status of a worker whose pipes are gone


def main() -> None:
    """Serve requests until the other side closes."""
    requests, answers = _private_pipes()
    if hasattr(signal, "SIGALRM"):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
    limit_memory()
    home = Path.cwd()
    for line in requests:
        request = json.loads(line)
        os.chdir(home)
        _die_after(request.pop("seconds", 0))
        _write(answers, serve(request, lambda said: _write(answers, said)))
        _die_after(0)


def _write(answers: TextIO, answer: str) -> None:
    try:
        answers.write(answer + "\n")
        answers.flush()
    except OSError:  # the target closed what was not its own, or nobody listens
        os._exit(CUT_OFF)


def serve(request: dict[str, Any], say: Callable[[str], None] = lambda _: None) -> str:
    """Answer one request, whatever the target does short of ending the process.

    Args:
        request: what to do.
        say: is given a line for each property that a check comes to.
    """
    try:
        return json.dumps(_answer(request, say))
    except (NoInputsError, InputError) as error:
        return _failure("inputs", str(error))
    except GradproofError as error:
        return _failure("target", str(error))
    except BaseException as error:
        verb = next(verb for verb in VERBS if verb in request)
        return _unexpected(error, request[verb], VERBS[verb])


def _answer(request: dict[str, Any], say: Callable[[str], None]) -> Answer:
    if "list" in request:
        return {"targets": discover.list_targets(parse(request["list"]))}
    if "derive" in request:
        return {"source": derive_target.source(request["derive"], request["settings"])}
    if "explain" in request:
        explained = derive_target.explanation(request["explain"], request["settings"])
        return {"explanation": explained}
    for verb, module in ELSEWHERE.items():
        if verb in request:
            answer: Answer = import_module(module).answer(
                request[verb], request["settings"]
            )
            return answer
    from gradproof.running import check_target

    verdict = check_target.verdict(
        request["check"],
        request.get("settings", {}),
        lambda at, share: say(json.dumps({"at": at, "share": share})),
    )
    return {"verdict": verdict.to_dict()}


def _unexpected(error: BaseException, text: str, made: str) -> str:
    """What escapes a check is the target's doing only if it leaves Python, or ours."""
    module = discover.module_name(parse(text))
    said = discover.describe(error, module)
    if not isinstance(error, Exception):
        return _failure("crash", f"{text} ended its own {made}: {said}; " + MUST_RETURN)
    if discover.user_line(error, module):
        return _failure("target", f"{text} raised {said}; call it on its inputs to see")
    frame = extract_tb(error.__traceback__)[-1]
    return _failure(
        "internal",
        f"gradproof failed on {text}: {said} (at {frame.filename}:{frame.lineno}); "
        "this is a bug in gradproof, please report it with this line",
    )


def _failure(kind: str, message: str) -> str:
    return json.dumps({"error": {"kind": kind, "message": message}})


def _private_pipes() -> tuple[TextIO, TextIO]:
    """Take stdin and stdout for ourselves; what a target prints goes to stderr."""
    requests = os.fdopen(os.dup(0), encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return requests, answers


def _die_after(seconds: float) -> None:
    """Let the kernel end a target that hangs when nobody is left to kill it."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds if seconds < FOREVER else 0)


if __name__ == "__main__":
    main()
