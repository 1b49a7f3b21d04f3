"""The text of a verdict, as ``str(verdict)`` gives it."""

import subprocess
import sys

from gradproof.check.verdict import Check, Finding, Verdict

FINDING = Finding(
    property="gradient",
    input="weight",
    diagnosis="scale",
    message="the gradient of weight [3, 4] is 0.25 times the right one",
    hint="multiply by 4, the batch size",
)


def test_a_verdict_without_findings_is_its_first_line_and_what_was_not_tried():
    verdict = Verdict(
        target="linear",
        checks=(
            Check(property="gradient", status="passed"),
            Check(property="shape", status="passed"),
            Check(property="compile", status="skipped", detail="asked for by name"),
        ),
    )
    assert str(verdict) == (
        "linear: ok, 2 properties passed\n\n  compile skipped: asked for by name"
    )


def test_a_finding_is_told_with_its_hint_and_how_to_see_it_again():
    verdict = Verdict(
        target="linear",
        checks=(
            Check(property="gradient", status="failed", detail="two witnesses agree"),
            Check(property="shape", status="passed"),
        ),
        findings=(FINDING,),
        seed=7,
        inputs=("input: float64 [5, 3]", "weight: float64 [4, 3]"),
    )
    assert (
        str(verdict)
        == """\
linear: 1 finding

  gradient · weight · scale
    the gradient of weight [3, 4] is 0.25 times the right one
    hint: multiply by 4, the batch size

  gradient failed: two witnesses agree

  checked with seed 7 on
    input: float64 [5, 3]
    weight: float64 [4, 3]"""
    )


def test_an_example_stands_below_the_hint_and_can_be_copied():
    example = "import torch\n\nprint(torch.ones(2))"
    finding = Finding(property="shape", message="m", hint="h", example=example)
    assert (
        str(Verdict(target="f", findings=(finding,)))
        == """\
f: 1 finding

  shape
    m
    hint: h

        import torch

        print(torch.ones(2))"""
    )


def test_what_is_not_known_leaves_no_gap():
    finding = Finding(property="memory", message="a reference cycle is left")
    text = str(Verdict(target="f", findings=(finding, finding)))
    assert text.startswith("f: 2 findings\n\n  memory\n    a reference cycle is left\n")
    assert "None" not in text


def test_nothing_checked_is_not_called_ok():
    verdict = Verdict(target="f", checks=(Check(property="vmap", status="skipped"),))
    assert str(verdict) == ("f: nothing checked, 0 properties passed\n\n  vmap skipped")


def test_long_messages_are_wrapped_and_never_cut():
    words = [f"word{number}" for number in range(60)]
    message = " ".join([*words, "x" * 100])
    text = str(
        Verdict(target="f", findings=(Finding(property="shape", message=message),))
    )
    assert [word for word in text.split() if word in words] == words
    assert all(len(line) <= 80 for line in text.splitlines() if "xxx" not in line)
    assert "x" * 100 in text


def test_a_verdict_speaks_without_rich():
    program = (
        "import sys\n"
        "from gradproof.check.verdict import Verdict\n"
        "str(Verdict(target='f'))\n"
        "assert 'rich' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
