"""The report as GitHub workflow commands."""

import io
import re

from gradproof.check.verdict import Check, Finding, Verdict
from gradproof.report import Outcome, renderer

BAD = Outcome(
    target="layers.py:linear",
    verdict=Verdict(
        target="linear",
        checks=(
            Check(property="gradient", status="failed"),
            Check(property="compile", status="skipped", detail="asked for by name"),
        ),
        findings=(
            Finding(
                property="gradient",
                input="weight",
                message="50% too small: [3, 4]",
                hint="multiply by 2",
            ),
            Finding(property="memory", message="a\r\n::stop-commands::x\x1b[31m"),
        ),
    ),
    file="a, b/layers.py",
    line=7,
)
GOOD = Outcome(target="good.py:f", verdict=Verdict(target="f"), file="good.py")
BROKEN = Outcome(target="no.py", kind="target", error="there is no file no.py")

TEXT = (
    "::error file=a%2C b/layers.py,line=7,"
    "title=layers.py%3Alinear%3A gradient · weight"
    "::50%25 too small: [3, 4]%0Ahint: multiply by 2\n"
    "::error file=a%2C b/layers.py,line=7,title=layers.py%3Alinear%3A memory"
    "::a\\r%0A::stop-commands::x\\x1b[31m\n"
    "::error title=no.py%3A could not run::there is no file no.py\n"
    "3 targets: 1 ok, 1 with findings, 1 could not run\n"
)


def rendered(*outcomes):
    stream = io.StringIO()
    renderer("github")(outcomes, stream)
    return stream.getvalue()


def read(line):
    """As GitHub's runner reads a command."""
    command, rest = re.fullmatch(r"::error (.*?)::(.*)", line).groups()
    pairs = (pair.split("=", 1) for pair in command.split(","))
    properties = {key: unescaped(value) for key, value in pairs}
    return properties, unescaped(rest)


def unescaped(text):
    for code, character in (("0D", "\r"), ("0A", "\n"), ("3A", ":"), ("2C", ",")):
        text = text.replace(f"%{code}", character)
    return text.replace("%25", "%")


def test_the_text():
    assert rendered(GOOD, BAD, BROKEN) == TEXT


def test_it_reads_back():
    first, second, third, _ = rendered(GOOD, BAD, BROKEN).splitlines()
    assert read(first) == (
        {
            "file": "a, b/layers.py",
            "line": "7",
            "title": "layers.py:linear: gradient · weight",
        },
        "50% too small: [3, 4]\nhint: multiply by 2",
    )
    assert read(second)[1] == "a\\r\n::stop-commands::x\\x1b[31m"
    assert read(third) == (
        {"title": "no.py: could not run"},
        "there is no file no.py",
    )


def test_nothing_found_is_a_summary_only():
    assert rendered(GOOD) == "1 target: 1 ok, 0 with findings, 0 could not run\n"
