"""The report as SARIF."""

import io
import json
from importlib.metadata import version

from gradproof.check import properties
from gradproof.check.verdict import Check, Finding, Verdict
from gradproof.report import Outcome, renderer

BAD = Outcome(
    target="layers.py:linear",
    verdict=Verdict(
        target="linear",
        checks=(
            Check(property="linearity", status="passed"),
            Check(property="vmap", status="unsupported", detail="no vmap"),
        ),
        findings=(
            Finding(
                property="vmap",
                input="x",
                message='"wrong" {0} at [3](4)\x1b',
                hint="look",
                error=float("inf"),
            ),
        ),
    ),
    file="my folder/layers.py",
    line=7,
)
BROKEN = Outcome(target="no.py", kind="target", error="there is no file")


def rendered(*outcomes):
    stream = io.StringIO()
    renderer("sarif")(outcomes, stream)
    return json.loads(stream.getvalue())


def test_the_document():
    assert rendered(BAD, BROKEN) == {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "gradproof",
                        "version": version("gradproof"),
                        "rules": [
                            rule(
                                "linearity",
                                "backward is linear in the incoming gradient",
                            ),
                            rule(
                                "vmap",
                                "batched calls, forward and backward, agree with a "
                                "loop, where supported",
                            ),
                        ],
                    }
                },
                "invocations": [
                    {
                        "executionSuccessful": False,
                        "toolExecutionNotifications": [
                            {
                                "level": "error",
                                "message": {"text": "no.py: there is no file"},
                                "locations": [
                                    {
                                        "logicalLocations": [
                                            {"fullyQualifiedName": "no.py"}
                                        ]
                                    }
                                ],
                                "properties": {"kind": "target"},
                            }
                        ],
                    }
                ],
                "results": [
                    {
                        "ruleId": "vmap",
                        "ruleIndex": 1,
                        "level": "error",
                        "message": {
                            "text": 'layers.py:linear: "wrong" {{0}} at \\[3](4)\\x1b'
                            "\nhint: look"
                        },
                        "locations": [
                            {
                                "physicalLocation": {
                                    "artifactLocation": {
                                        "uri": "my%20folder/layers.py"
                                    },
                                    "region": {"startLine": 7},
                                },
                                "logicalLocations": [
                                    {"fullyQualifiedName": "layers.py:linear"}
                                ],
                            }
                        ],
                        "properties": {"input": "x", "error": None, "hint": "look"},
                    }
                ],
            }
        ],
    }


def rule(name, title):
    return {
        "id": name,
        "shortDescription": {"text": title},
        "defaultConfiguration": {"level": "error"},
    }


def test_a_file_elsewhere_is_a_uri():
    outcome = Outcome(target="a.b:f", error="gone", file="/site packages/a/b.py")
    [run] = rendered(outcome)["runs"]
    [notification] = run["invocations"][0]["toolExecutionNotifications"]
    [location] = notification["locations"]
    assert location["physicalLocation"] == {
        "artifactLocation": {"uri": "file:///site%20packages/a/b.py"}
    }


def test_nothing_found_is_a_run_without_results():
    good = Outcome(target="a.py:f", verdict=Verdict(target="f"))
    [run] = rendered(good)["runs"]
    assert run["results"] == []
    assert run["invocations"] == [{"executionSuccessful": True}]


def test_every_property_has_a_title():
    titles = properties.titles()
    assert sorted(titles) == sorted(properties.names())
    for each in properties.every("numpy"):
        assert each.title in ("", titles[each.name])
