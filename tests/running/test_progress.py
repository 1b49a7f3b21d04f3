"""How far a run has come, on a terminal."""

import io
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr

import numpy as np
import pytest

import gradproof as gp
from gradproof.check.progress import part, tell, telling
from gradproof.running import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    return Terminal()


def doubled(x):
    return 2 * x


def rule(grad_output, x):
    return 2 * grad_output


def test_the_bar_shows_target_and_property(terminal):
    with redirect_stderr(terminal), progress.progress() as bar:
        bar.expect(2)
        bar.started("layers.py:linear")
        bar.at("layers.py:linear", "gradient", 0.5)
        bar._shown.refresh()
        assert "layers.py:linear · gradient" in terminal.getvalue()
        assert "0/2" in terminal.getvalue()
        bar.finished("layers.py:linear")
        bar._shown.refresh()
        assert "1/2" in terminal.getvalue()


def test_nothing_is_shown_in_a_pipe(capsys):
    with progress.progress() as bar, ThreadPoolExecutor(1) as executor:
        bar.at("f", "gradient", 0.5)
        assert gp.check(doubled, np.ones(3), backward=rule, executor=executor).ok
    assert capsys.readouterr() == ("", "")


def test_a_check_tells_each_property_it_comes_to():
    told = []
    with telling(lambda name, share: told.append((name, share))):
        verdict = gp.check(doubled, np.ones(3), backward=rule)
    assert {name for name, _ in told} == {check.property for check in verdict.checks}
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert 0 <= shares[0] < shares[-1] < 1


def test_several_examples_share_the_way():
    told = []
    with telling(lambda name, share: told.append(share)):
        for number in range(2):
            with part(number, 2):
                tell("gradient", 0.5)
    assert told == [0.25, 0.75]


def test_nobody_listens_and_nothing_happens():
    tell("gradient", 0.5)


def test_with_an_executor_a_check_shows_a_bar_on_a_terminal(terminal, monkeypatch):
    seen = []
    monkeypatch.setattr(
        progress.Bar, "at", lambda self, target, at, share: seen.append((target, at))
    )
    with redirect_stderr(terminal), ThreadPoolExecutor(1) as executor:
        gp.check(doubled, np.ones(3), backward=rule, executor=executor)
    assert ("doubled", "extremes") in seen
