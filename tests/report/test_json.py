"""The report for programs."""

import io
import json

from gradproof.check.verdict import Check, Finding, Verdict
from gradproof.report import Outcome, renderer


def rendered(*outcomes):
    stream = io.StringIO()
    renderer("json")(outcomes, stream)
    return json.loads(stream.getvalue(), parse_constant=refuse)


def refuse(constant):
    raise ValueError(f"{constant} is not JSON")


def test_a_verdict_is_there_in_full():
    verdict = Verdict(
        target="linear",
        checks=(Check(property="gradient", status="failed", power=1e-9),),
        findings=(Finding(property="gradient", message="wrong", error=float("inf")),),
        seed=3,
        inputs=("x: float64 [3]",),
    )
    outcome = Outcome(target="layers.py:linear", verdict=verdict, seconds=1.23456)
    document = rendered(outcome)
    assert document["version"] == 1
    assert document["targets"] == [
        {
            "target": "layers.py:linear",
            "ok": False,
            "checks": [
                {
                    "property": "gradient",
                    "status": "failed",
                    "detail": "",
                    "power": 1e-9,
                }
            ],
            "findings": [
                {
                    "property": "gradient",
                    "input": None,
                    "diagnosis": None,
                    "message": "wrong",
                    "hint": "",
                    "where": None,
                    "error": None,
                    "example": None,
                }
            ],
            "inputs": ["x: float64 [3]"],
            "seed": 3,
            "seconds": 1.235,
            "error": None,
        }
    ]


def test_a_target_that_could_not_run_says_why():
    document = rendered(Outcome(target="a.py", kind="target", error="there is none"))
    assert document["targets"] == [
        {
            "target": "a.py",
            "ok": False,
            "checks": [],
            "findings": [],
            "inputs": [],
            "seed": None,
            "seconds": 0.0,
            "error": {"kind": "target", "message": "there is none"},
        }
    ]


def test_the_summary_counts_targets():
    good = Outcome(target="a.py:f", verdict=Verdict(target="f"))
    bad = Outcome(target="a.py", kind="crash", error="gone")
    assert rendered(good, good, bad)["summary"] == {
        "targets": 3,
        "ok": 2,
        "with_findings": 0,
        "could_not_run": 1,
    }
