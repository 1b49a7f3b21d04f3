"""``make audit-torch``: check PyTorch's own operators on PyTorch's own samples.

Two samples of every differentiable operator in torch's operator database go through
``gp.check`` with all default properties. Torch tests these operators thoroughly, so
nearly every alarm is false; those that are not stand in ``torch_ops_explained.toml``,
each with its reason. An alarm that is not there, one there that no longer occurs, and
an error of the check itself make the exit status 1.
"""

from __future__ import annotations

import argparse
import functools
import random
import sys
import time
import tomllib
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.testing._internal.common_methods_invocations import op_db
from torch.testing._internal.opinfo.core import OpInfo, SampleInput

import gradproof as gp
from audits._processes import DIED, TIMED_OUT, Answer, answers

EXPLAINED = Path(__file__).with_name("torch_ops_explained.toml")
DTYPE = torch.float64
SMALL = 1000  # elements
SEED = 0
PROCESSES, TIMEOUT = 2, 30.0
ALARM, PASSED, SKIPPED, ERROR = "alarm", "passed", "skipped", "error"
KEEPS_STATISTICS = ("batch_norm", "instance_norm")  # these write running_mean and _var

Key = tuple[str, str]  # operator and property


@dataclass(frozen=True)
class Job:
    """One sample of one operator."""

    operator: str
    sample: int


@dataclass(frozen=True)
class Result:
    """What came of one sample.

    Attributes:
        job: which one.
        status: ``passed``, ``alarm``, ``skipped``, ``error``, ``timeout`` or ``died``.
        alarms: property and message of each finding.
        reason: why it was skipped, or the end of the traceback.
        seconds: how long it took.
    """

    job: Job
    status: str
    alarms: tuple[tuple[str, str], ...] = ()
    reason: str = ""
    seconds: float = 0.0


@dataclass
class Report:
    """All results, and how they stand to what is explained."""

    results: list[Result]
    explained: dict[Key, str]

    def alarms(self) -> Iterator[tuple[Key, Result, str]]:
        """Every finding, by property and operator."""
        found = [
            ((result.job.operator, property), result, message)
            for result in self.results
            for property, message in result.alarms
        ]
        yield from sorted(found, key=lambda one: (one[0][1], one[0][0], one[2]))

    def of(self, *statuses: str) -> list[Result]:
        """The results of some statuses."""
        return [result for result in self.results if result.status in statuses]

    def unexplained(self) -> set[Key]:
        """Operators and properties whose alarms have no reason."""
        return {key for key, _, _ in self.alarms()} - set(self.explained)

    def outdated(self) -> set[Key]:
        """Reasons for alarms that did not occur, among the operators that ran."""
        ran = {result.job.operator for result in self.results}
        occurred = {key for key, _, _ in self.alarms()}
        return {key for key in self.explained if key[0] in ran} - occurred


@functools.cache
def operators() -> dict[str, OpInfo]:
    """Every operator that is differentiable in double precision, by name."""
    return {
        op.full_name: op
        for op in op_db
        if op.supports_autograd and DTYPE in op.supported_dtypes("cpu")
    }


def samples(op: OpInfo) -> list[SampleInput]:
    """The operator's own samples, always the same."""
    torch.manual_seed(SEED)
    random.seed(SEED)
    np.random.seed(SEED)
    return list(op.sample_inputs("cpu", DTYPE, requires_grad=True))


def chosen(found: Sequence[SampleInput]) -> list[int]:
    """The first and the middle one of those that are small and differentiable."""
    fit = [number for number, sample in enumerate(found) if is_fit(sample)]
    return sorted({fit[0], fit[len(fit) // 2]}) if fit else []


def is_fit(sample: SampleInput) -> bool:
    """Whether a sample is dense, small, and has something to differentiate."""
    inside = tensors((sample.input, sample.args, sample.kwargs))
    return (
        any(one.requires_grad for one in inside)
        and all(one.layout == torch.strided for one in inside)
        and sum(one.numel() for one in inside) <= SMALL
    )


def tensors(tree: Any) -> list[torch.Tensor]:
    """Every tensor inside lists, tuples and dicts."""
    if isinstance(tree, torch.Tensor):
        return [tree]
    if isinstance(tree, dict):
        tree = list(tree.values())
    if isinstance(tree, list | tuple):
        return [one for inside in tree for one in tensors(inside)]
    return []


def bound(op: OpInfo, sample: SampleInput) -> tuple[Callable[..., Any], list[Any]]:
    """A function of the sample's tensors alone, and those tensors.

    As torch's own gradient checks do, it wraps an operator whose domain is narrower
    than its type, and takes from the output what is a function of the input. Running
    statistics, which normalisations are documented to write, are given as copies.
    """
    keeps_statistics = any(word in op.name for word in KEEPS_STATISTICS)
    where = [i for i, argument in enumerate(sample.args) if tensors(argument)]
    named = {key: value for key, value in sample.kwargs.items() if tensors(value)}
    rest = {key: value for key, value in sample.kwargs.items() if key not in named}
    finish = sample.output_process_fn_grad

    def call(input: Any, named: dict[str, Any], *args: Any) -> Any:
        filled = list(sample.args)
        for position, argument in zip(where, args, strict=True):
            filled[position] = argument
        if keeps_statistics:
            filled, named = copies(filled), copies(named)
        output = op.gradcheck_wrapper(op.get_op(), input, *filled, **named, **rest)
        return output if finish is None else finish(output)

    call.__name__ = op.full_name
    return call, [sample.input, named, *(sample.args[i] for i in where)]


def copies(tree: Any) -> Any:
    """The same, with a copy of every tensor that is not differentiated."""
    if isinstance(tree, torch.Tensor):
        return tree if tree.requires_grad else tree.clone()
    if isinstance(tree, dict):
        return {key: copies(one) for key, one in tree.items()}
    if isinstance(tree, list):
        return [copies(one) for one in tree]
    return tree


def audit(job: Job, select: Sequence[str] | None) -> Result:
    """Check one sample; errors of the check are results too."""
    op = operators()[job.operator]
    ignore = ["sizes"] if job.operator in on_file()["without_sizes"] else None
    call, inputs = bound(op, samples(op)[job.sample])
    try:
        verdict = gp.check(call, *inputs, seed=SEED, select=select, ignore=ignore)
    except (gp.TargetError, gp.InputError) as error:
        return Result(job, SKIPPED, reason=one_line(str(error)))
    except Exception as error:
        return Result(job, ERROR, reason=traceback_tail(error))
    alarms = tuple((one.property, one_line(one.message)) for one in verdict.findings)
    return Result(job, ALARM if alarms else PASSED, alarms)


def one_line(text: str) -> str:
    """The text without line breaks, and not too long."""
    return " ".join(text.split())[:240]


def traceback_tail(error: Exception) -> str:
    """The error, and the last places in this project that it went through."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if "gradproof" in Path(f.filename).parts]
    places = [f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in ours[-4:]]
    return f"{type(error).__name__}: {one_line(str(error))} ({' > '.join(places)})"


def plan(names: Sequence[str]) -> tuple[list[Job], Counter[str]]:
    """What to check, and how many samples each operator has."""
    known = operators()
    jobs, counts = [], Counter[str]()
    for name in names or known:
        found = samples(known[name])
        counts[name] = len(found)
        jobs += [Job(name, number) for number in chosen(found)]
    return jobs, counts


@functools.cache
def on_file() -> dict[str, dict[str, Any]]:
    """What is explained, and which operators are not tried at other sizes."""
    return tomllib.loads(EXPLAINED.read_text(encoding="utf-8"))


def explanations(select: Sequence[str] | None) -> dict[Key, str]:
    """The reasons on file, by operator and property."""
    return {
        (name, property): reason
        for name, reasons in on_file()["alarms"].items()
        for property, reason in reasons.items()
        if select is None or property in select
    }


def run(jobs: Sequence[Job], select: Sequence[str] | None) -> list[Result]:
    """Every job's result, in order, whatever becomes of the process it ran in."""
    done: dict[Job, Result] = {}
    begun = answers(
        lambda job: audit(job, select), jobs, processes=PROCESSES, timeout=TIMEOUT
    )
    for answer in begun:
        done[answer.job] = as_result(answer)
        print(f"\r{len(done)}/{len(jobs)}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return [done[job] for job in jobs]


def as_result(answer: Answer) -> Result:
    """The result, with its seconds; a process that hung or died has none to tell."""
    given: Result = answer.value or Result(answer.job, answer.failure)
    return Result(given.job, given.status, given.alarms, given.reason, answer.seconds)


def show(report: Report, counts: Counter[str], seconds: float) -> None:
    """Print everything that is not silent agreement, then the figures."""
    for (name, property), result, message in report.alarms():
        reason = report.explained.get((name, property))
        mark = "explained" if reason else "ALARM"
        print(f"{mark:<9}  {property:<12} {name} #{result.job.sample}: {message}")
    for result in report.of(ERROR, DIED, TIMED_OUT, SKIPPED):
        place = f"{result.job.operator} #{result.job.sample}"
        print(f"{result.status.upper():<9}  {place}: {result.reason}")
    for name, property in sorted(report.outdated()):
        print(f"OUTDATED   {property:<12} {name}: explained, but it did not occur")
    print()
    by_property = Counter(property for (_, property), _, _ in report.alarms())
    lines = {
        "operators": f"{len(counts)}, with {counts.total()} samples",
        "without": ", ".join(without(report, counts)) or "none",
        "checked": f"{len(report.results)} samples",
        "passed": len(report.of(PASSED)),
        "with alarms": len(report.of(ALARM)),
        "alarms": ", ".join(f"{k} {n}" for k, n in by_property.most_common()) or 0,
        "unexplained": len(report.unexplained()),
        "errors": len(report.of(ERROR, DIED)),
        "skipped": len(report.of(SKIPPED)),
        "not at other sizes": len(on_file()["without_sizes"]),
        "timeouts": len(report.of(TIMED_OUT)),
        "seconds": f"{seconds:.0f}",
    }
    for name, value in lines.items():
        print(f"{name:<18} {value}")


def without(report: Report, counts: Counter[str]) -> list[str]:
    """Operators of which no sample is small, dense and differentiable."""
    checked = {result.job.operator for result in report.results}
    return [name for name in counts if name not in checked]


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="gp.check on torch's own operators")
    parser.add_argument("operators", nargs="*", help="full names; all where none given")
    parser.add_argument("--select", action="append", help="only this property")
    given = parser.parse_args()
    unknown = sorted(set(given.operators) - set(operators()))
    if unknown:
        parser.error(f"not differentiable operators of torch's: {', '.join(unknown)}")
    return given


def main() -> int:
    """Audit, report, and say whether everything is explained."""
    given = parsed()
    start = time.monotonic()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    jobs, counts = plan(given.operators)
    report = Report(run(jobs, given.select), explanations(given.select))
    show(report, counts, time.monotonic() - start)
    broken = report.of(ERROR, DIED)
    return int(bool(report.unexplained() or report.outdated() or broken))


if __name__ == "__main__":
    sys.exit(main())
