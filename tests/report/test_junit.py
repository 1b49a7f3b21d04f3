"""The report as JUnit XML."""

import io
from xml.etree import ElementTree

from gradproof.check.verdict import Check, Finding, Verdict
from gradproof.report import Outcome, renderer

BAD = Outcome(
    target="layers.py:linear",
    verdict=Verdict(
        target="linear",
        checks=(
            Check(property="shape", status="passed"),
            Check(property="gradient", status="failed", detail="two witnesses"),
            Check(property="compile", status="skipped", detail="asked for\nby name"),
            Check(property="vmap", status="unsupported", detail='no "vmap" <here>'),
        ),
        findings=(
            Finding(
                property="gradient",
                input="weight",
                diagnosis="scale",
                message="it is < 4 & \"wrong\" · 'twice'",
                hint="multiply by 2",
                where="rows 1 and 2",
                example="print(x)\n# gives 1",
            ),
        ),
        seed=3,
        inputs=("weight: float64[3, 4]",),
    ),
    seconds=1.25,
)
BROKEN = Outcome(target="no.py", kind="target", error="there is\nno file", seconds=0.5)

TEXT = """\
<?xml version="1.0" encoding="utf-8"?>
<testsuites name="gradproof" tests="5" failures="1" errors="1" time="1.750">
  <testsuite name="layers.py:linear" tests="4" failures="1" errors="0" skipped="2" \
time="1.250">
    <properties>
      <property name="seed" value="3" />
      <property name="input" value="weight: float64[3, 4]" />
    </properties>
    <testcase classname="layers.py:linear" name="shape" />
    <testcase classname="layers.py:linear" name="gradient">
      <failure type="scale" message="it is &lt; 4 &amp; &quot;wrong&quot; &#183; \
'twice'">gradient &#183; weight &#183; scale
it is &lt; 4 &amp; "wrong" &#183; 'twice'
where: rows 1 and 2
hint: multiply by 2

print(x)
# gives 1</failure>
    </testcase>
    <testcase classname="layers.py:linear" name="compile">
      <skipped type="skipped" message="asked for by name" />
    </testcase>
    <testcase classname="layers.py:linear" name="vmap">
      <skipped type="unsupported" message="no &quot;vmap&quot; &lt;here&gt;" />
    </testcase>
  </testsuite>
  <testsuite name="no.py" tests="1" failures="0" errors="1" skipped="0" time="0.500">
    <testcase classname="no.py" name="check">
      <error type="target" message="there is no file">there is
no file</error>
    </testcase>
  </testsuite>
</testsuites>
"""


def rendered(*outcomes):
    stream = io.StringIO()
    renderer("junit")(outcomes, stream)
    return stream.getvalue()


def parsed(*outcomes):
    return ElementTree.fromstring(rendered(*outcomes).encode())


def found(*findings, checks=()):
    verdict = Verdict(target="f", checks=checks, findings=findings)
    return parsed(Outcome(target="a.py:f", verdict=verdict))


def test_the_text():
    assert rendered(BAD, BROKEN) == TEXT


def test_it_reads_back():
    root = parsed(BAD, BROKEN)
    failure = root.find(".//failure")
    assert failure.get("message") == BAD.verdict.findings[0].message
    assert "hint: multiply by 2" in failure.text
    assert root.find(".//error").text == BROKEN.error
    reasons = [each.get("message") for each in root.iter("skipped")]
    assert reasons == ["asked for by name", 'no "vmap" <here>']


def test_no_character_breaks_it():
    rude = "".join(map(chr, [*range(32), 0x7F, 0x85, 0xD800, 0xFFFE, 0xFFFF])) + "]]>"
    root = found(Finding(property="gradient", message=rude, hint=rude, example=rude))
    for text in (root.find(".//failure").get("message"), root.find(".//failure").text):
        assert "\\x00" in text
        assert "\\x1b" in text
        assert "\\ud800" in text
        assert "\\ufffe" in text
        assert "]]>" in text
    wrong = parsed(Outcome(target=rude, kind="crash", error=rude))
    assert "\\x00" in wrong.find(".//testcase").get("classname")


def test_several_findings_of_a_property_are_one_failure():
    root = found(
        Finding(property="gradient", input="x", message="one"),
        Finding(property="memory", message="other"),
        Finding(property="gradient", input="y", message="two"),
        checks=(Check(property="gradient", status="failed"),),
    )
    first, second = root.iter("failure")
    assert first.get("message") == "one (and 1 more)"
    assert first.text == "gradient · x\none\n\ngradient · y\ntwo"
    assert second.get("message") == "other"  # a finding is never lost
    assert (root.get("tests"), root.get("failures")) == ("2", "2")


def test_nothing_checked_is_an_empty_document():
    assert parsed().attrib == {
        "name": "gradproof",
        "tests": "0",
        "failures": "0",
        "errors": "0",
        "time": "0.000",
    }
