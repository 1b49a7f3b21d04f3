"""What ``gradproof list`` writes."""

import io
import json

import pytest

from gradproof.report.listing import Listed, render

LISTED = [
    Listed(target="a.py:f", kind="gp.function"),
    Listed(target="a.py:Linear", kind="torch.autograd.Function"),
    Listed(target="b.py", kind="target", error="there is no file b.py"),
]


@pytest.mark.parametrize(
    ("output_format", "text"),
    [
        (
            "full",
            "a.py:f       gp.function\na.py:Linear  torch.autograd.Function\n",
        ),
        ("concise", "a.py:f\na.py:Linear\n"),
    ],
)
def test_one_target_a_line(output_format, text):
    stream = io.StringIO()
    render(LISTED, output_format, stream)
    assert stream.getvalue() == text


def test_json_has_the_errors_too():
    stream = io.StringIO()
    render(LISTED, "json", stream)
    assert json.loads(stream.getvalue()) == {
        "version": 1,
        "targets": [
            {"target": "a.py:f", "kind": "gp.function", "error": None},
            {
                "target": "a.py:Linear",
                "kind": "torch.autograd.Function",
                "error": None,
            },
            {
                "target": "b.py",
                "kind": None,
                "error": {"kind": "target", "message": "there is no file b.py"},
            },
        ],
    }
