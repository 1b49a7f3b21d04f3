"""The parent's side: time limits, dead workers, order."""

import os
import signal
import threading
from pathlib import Path

import pytest

from gradproof.running import workers
from gradproof.running.workers import ClosedError, Pool, Request, Worker

LONG = 60.0

TARGET = """
import gradproof as gp, os, pathlib, signal, subprocess, sys, time

@gp.examples(1.0)
@gp.function
def f(x):
    {body}
    return x
"""


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(name, body="pass"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(TARGET.format(body=body))

    return write


@pytest.fixture
def worker():
    worker = Worker()
    yield worker
    worker.close()


def check(path):
    return Request(verb="check", target=f"{path}:f", folder=Path(path).resolve().parent)


def listing(path):
    return Request(verb="list", target=path, folder=Path(path).resolve().parent)


def lives(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{process}/stat")
    return not (status.exists() and status.read_text().split(") ")[1][0] == "Z")


FINE = {"targets": [["f", "gp.function"]]}


def test_one_process_serves_many_targets_of_a_folder(write, worker):
    write("one.py", "pathlib.Path('pid').write_text(str(os.getpid()))")
    worker.ask(check("one.py"), LONG)
    first = Path("pid").read_text()
    worker.ask(check("one.py"), LONG)
    assert Path("pid").read_text() == first


def test_each_folder_has_its_own_modules(write, worker):
    for folder in ("a", "b"):
        write(f"{folder}/layers.py")
        Path(folder, "utils.py").write_text(f"FOLDER = {folder!r}\n")
        with Path(folder, "layers.py").open("a") as file:
            file.write("import utils\n")
            file.write(f"assert utils.FOLDER == {folder!r}\n")
    assert worker.ask(listing("a/layers.py"), LONG) == FINE
    assert worker.ask(listing("b/layers.py"), LONG) == FINE


def test_a_target_that_hangs_is_killed_with_its_children(write, worker):
    write(
        "hangs.py",
        "child = subprocess.Popen(['sleep', '600'])\n"
        "    pathlib.Path('pids').write_text(f'{os.getpid()} {child.pid}')\n"
        "    time.sleep(600)",
    )
    write("fine.py")
    worker.ask(listing("hangs.py"), LONG)
    assert worker.ask(check("hangs.py"), 1.5)["error"] == {
        "kind": "timeout",
        "message": "hangs.py:f took longer than 1.5 s and was stopped; "
        "give it longer with --timeout, or smaller inputs",
    }
    assert not any(lives(int(pid)) for pid in Path("pids").read_text().split())
    assert worker.ask(listing("fine.py"), LONG) == FINE


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            "os._exit(3)",
            "ended its process with exit status 3; a target must return to its caller",
        ),
        (
            "os.kill(os.getpid(), signal.SIGSEGV)",
            "ended its process with SIGSEGV (Segmentation fault); "
            "PYTHONFAULTHANDLER=1 in the environment shows where",
        ),
        (
            "os.kill(os.getpid(), signal.SIGKILL)",
            "ended its process with SIGKILL (Killed); "
            "memory may have run out: try smaller inputs",
        ),
        (
            "os.closerange(3, 100)",
            "cut its process off from gradproof; it must leave open files alone",
        ),
        (
            "os.closerange(3, 100); time.sleep(600)",
            "cut its process off from gradproof; it must leave open files alone",
        ),
    ],
)
def test_a_worker_that_dies_costs_one_answer(write, worker, body, message):
    write("dies.py", body)
    write("fine.py")
    assert worker.ask(check("dies.py"), LONG)["error"] == {
        "kind": "crash",
        "message": f"dies.py:f {message}",
    }
    assert worker.ask(listing("fine.py"), LONG) == FINE


def test_an_answer_that_is_none_costs_the_worker(write, worker, monkeypatch):
    write("fine.py")
    with monkeypatch.context() as patch:
        patch.setattr(workers, "COMMAND", ["sh", "-c", "echo '[]'; sleep 600"])
        assert worker.ask(listing("fine.py"), LONG)["error"]["kind"] == "crash"
    assert worker.ask(listing("fine.py"), LONG) == FINE


def test_a_worker_killed_while_idle_is_not_blamed_on_the_next_target(write, worker):
    write("fine.py")
    worker.ask(listing("fine.py"), LONG)
    process = worker._process
    process.kill()
    process.wait()
    assert worker.ask(listing("fine.py"), LONG) == FINE


def test_answers_keep_their_order_with_several_workers(write):
    write("slow.py", "time.sleep(0.5)")
    write("quick.py")
    requests = [check("slow.py"), *[check("quick.py")] * 3, check("nowhere.py")]
    started = []
    with Pool(2, LONG) as pool:
        answers = list(pool.answers(requests, started.append))
    assert ["verdict" in answer for answer, _ in answers] == [True] * 4 + [False]
    assert answers[0][1] > 0.5
    assert started == requests


def test_a_closed_pool_leaves_no_process_and_starts_none(write):
    write("hangs.py", "pathlib.Path('pid').write_text(str(os.getpid()))")
    with Pool(1, LONG) as pool:
        list(pool.answers([check("hangs.py")], lambda _: None))
    assert not lives(int(Path("pid").read_text()))
    with pytest.raises(ClosedError):
        list(pool.answers([check("hangs.py")], lambda _: None))


def test_an_interrupt_ends_what_runs(write):
    write("hangs.py", "time.sleep(600)")
    pool = Pool(2, LONG)

    def interrupt(request):
        if request.target == "hangs.py:f":
            timer = threading.Timer(0.5, os.kill, [os.getpid(), signal.SIGINT])
            timer.start()

    with pytest.raises(KeyboardInterrupt), pool:
        list(pool.answers([check("hangs.py"), check("none.py")], interrupt))
    assert all(worker._process is None for worker in pool._workers)


def test_it_is_told_of_each_property_before_the_answer(write, worker):
    write("fine.py")
    told = []
    answer = worker.ask(check("fine.py"), LONG, told.append)
    properties = [each["property"] for each in answer["verdict"]["checks"]]
    assert sorted(each["at"] for each in told) == sorted(properties)
