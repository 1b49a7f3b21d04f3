"""Two processes over gloo: gradients equal to the unsharded ones, or an error."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch


@pytest.mark.skipif(not torch.distributed.is_available(), reason="not built with it")
def test_sharded_gradients_are_the_unsharded_ones(tmp_path) -> None:
    command = [sys.executable, "-m", "tests.compose.distributed"]
    ranks = [
        subprocess.Popen(
            [*command, str(rank), str(tmp_path / "store")],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(2)
    ]
    outputs = [rank.communicate(timeout=120)[0] for rank in ranks]
    for rank, output in zip(ranks, outputs, strict=True):
        assert rank.returncode == 0, output
        assert "all equal" in output
