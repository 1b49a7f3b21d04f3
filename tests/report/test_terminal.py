"""The reports for people, in a pipe and in a terminal."""

import io

import pytest

from gradproof.check.verdict import Check, Finding, Verdict
from gradproof.report import FORMATS, Outcome, renderer

BAD = Outcome(
    target="layers.py:linear",
    verdict=Verdict(
        target="linear",
        checks=(
            Check(property="gradient", status="failed", detail="two witnesses agree"),
            Check(property="shape", status="passed"),
            Check(property="compile", status="skipped", detail="asked for by name"),
        ),
        findings=(
            Finding(
                property="gradient",
                input="weight",
                diagnosis="scale",
                message="the gradient of weight [3, 4] is [bold]0.25[/bold] too small",
                hint="multiply by 4, the batch size",
                where="rows 1 and 2",
            ),
            Finding(property="memory", message="a reference\ncycle is left"),
        ),
        inputs=("weight: float64 [3, 4]", "bias: float64 [4]"),
    ),
    seconds=1.24,
)
GOOD = Outcome(
    target="layers.py:softmax",
    verdict=Verdict(
        target="softmax",
        checks=(
            Check(property="gradient", status="passed"),
            Check(property="compile", status="skipped", detail="asked for by name"),
            Check(property="vmap", status="unsupported", detail="no vmap [here]"),
        ),
    ),
)
BROKEN = Outcome(
    target="broken.py", kind="target", error="broken.py cannot\nbe imported [/oops]"
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def rendered(output_format, *outcomes, stream=None):
    stream = stream or io.StringIO()
    renderer(output_format)(outcomes, stream)
    return stream.getvalue()


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")


def test_concise_is_one_line_each_whatever_the_width(monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    assert rendered("concise", BAD, GOOD, BROKEN) == (
        "layers.py:linear: gradient[scale] weight: "
        "the gradient of weight [3, 4] is [bold]0.25[/bold] too small\n"
        "layers.py:linear: memory: a reference cycle is left\n"
        "broken.py: could not run: broken.py cannot be imported [/oops]\n"
        "3 targets: 1 ok, 1 with findings, 1 could not run\n"
    )


def test_full_reads_well_at_80_columns():
    assert (
        rendered("full", BAD, GOOD, BROKEN)
        == """\
target             outcome        passed   time
layers.py:linear   2 findings     1 of 3  1.2 s
layers.py:softmax  ok             1 of 3  0.0 s
broken.py          could not run          0.0 s

layers.py:linear
  ✗ gradient · weight · scale
    the gradient of weight [3, 4] is [bold]0.25[/bold] too small
    where   rows 1 and 2
    hint    multiply by 4, the batch size

  ✗ memory
    a reference
    cycle is left

    tried   gradient: two witnesses agree
    inputs  weight: float64 [3, 4]
            bias: float64 [4]
    seed    0

broken.py
  ! broken.py cannot
    be imported [/oops]

skipped      compile: asked for by name
unsupported  vmap: no vmap [here] (softmax)

3 targets: 1 ok, 1 with findings, 1 could not run
"""
    )


def test_an_example_can_be_copied_from_full_and_is_not_in_concise():
    example = "import torch\n\nx = torch.tensor([1.0])\nprint(f(x[0]))"
    finding = Finding(property="shape", message="m", hint="h", example=example)
    verdict = Verdict(target="f", findings=(finding,))
    outcome = Outcome(target="a.py:f", verdict=verdict)
    assert """\
    m
    hint    h

        import torch

        x = torch.tensor([1.0])
        print(f(x[0]))

""" in rendered("full", outcome)
    assert "import torch" not in rendered("concise", outcome)


def test_full_without_problems_is_short():
    outcome = Outcome(target="a.py:f", verdict=Verdict(target="f"))
    assert rendered("full", outcome).splitlines()[1:] == [
        "a.py:f  nothing checked  0 of 0  0.0 s",
        "",
        "1 target: 1 ok, 0 with findings, 0 could not run",
    ]


def test_what_was_not_tried_is_one_line_a_reason():
    def outcome(name, *checks):
        return Outcome(
            target=f"a.py:{name}", verdict=Verdict(target=name, checks=checks)
        )

    def check(property, status, detail):
        return Check(property=property, status=status, detail=detail)

    one_output = check("undefined", "skipped", "there is one output")
    no_jvp = check("forward-mode", "unsupported", "no jvp: forward raised: You must")
    numpys = [
        check(name, "unsupported", "only torch has this") for name in ("memory", "vmap")
    ]
    outcomes = [
        outcome("f", one_output, no_jvp),
        outcome("g", one_output, no_jvp),
        outcome("h", one_output, *numpys),
    ]
    assert rendered("full", *outcomes).split("\n\n")[1] == (
        "skipped      undefined: there is one output\n"
        "unsupported  forward-mode: no jvp (all but h)\n"
        "unsupported  memory, vmap: only torch has this (h)"
    )


def test_targets_of_one_name_are_told_apart():
    skipped = Check(property="vmap", status="skipped", detail="why")
    outcomes = [
        Outcome(target="a.py:f", verdict=Verdict(target="f", checks=(skipped,))),
        Outcome(target="b.py:f", verdict=Verdict(target="f")),
    ]
    assert "skipped  vmap: why (a.py:f)" in rendered("full", *outcomes)


def test_the_smallest_error_that_a_check_sees_is_in_the_table():
    check = Check(property="gradient", status="passed", power=3.7e-11)
    outcome = Outcome(target="a.py:f", verdict=Verdict(target="f", checks=(check,)))
    assert rendered("full", outcome, BROKEN).splitlines()[:3] == [
        "target     outcome        passed   sees   time",
        "a.py:f     ok             1 of 1  4e-11  0.0 s",
        "broken.py  could not run                 0.0 s",
    ]


def test_full_cuts_nothing_off():
    path = "/".join(f"folder{number}" for number in range(20)) + "/layers.py:linear"
    message = " ".join(f"word{number}" for number in range(60)) + " " + "x" * 200
    finding = Finding(property="shape", message=message)
    verdict = Verdict(target="linear", findings=(finding,))
    text = rendered("full", Outcome(target=path, verdict=verdict))
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= 80
    squeezed = "".join(text.split())
    assert "".join(message.split()) in squeezed
    assert squeezed.count(path) >= 1


@pytest.mark.parametrize("output_format", sorted(FORMATS))
def test_no_control_codes_in_a_pipe(output_format):
    assert "\x1b" not in rendered(output_format, BAD, GOOD, BROKEN)


@pytest.mark.parametrize("output_format", ["concise", "full"])
def test_colour_on_a_terminal_unless_no_color(output_format, monkeypatch):
    assert "\x1b[31m" in rendered(output_format, BAD, stream=Terminal())
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[31m" not in rendered(output_format, BAD, stream=Terminal())
