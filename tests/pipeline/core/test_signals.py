"""Ctrl-C, SIGTERM and SIGHUP end a command in one line, and leave no process."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.prepared import descendants

pytestmark = pytest.mark.slow

# A program that sends itself a signal where Python forgets errors: in a finaliser.
FORGETFUL = """
import os, signal, time
from s2f.pipeline.core.signals import interrupting
class Finalised:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0)
with interrupting() as received:
    try:
        Finalised()
        time.sleep(30)
    except KeyboardInterrupt:
        print(set(received) == {signal.SIGTERM})
"""

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PROGRAM = Path(sys.executable).with_name("s2f")


def start(told: Path, *command: object) -> subprocess.Popen[bytes]:
    """A command in a session of its own, so that it can be sent what a terminal sends to all of it."""
    with told.open("w") as log:
        return subprocess.Popen(
            [PROGRAM, *command], stdout=subprocess.DEVNULL, stderr=log, start_new_session=True
        )


def members(session: int) -> set[int]:
    """The processes of a session that are alive."""
    alive = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _, group, *_ = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(group) == session and state != "Z":
            alive.add(int(folder.name))
    return alive


def is_gone(session: int, seconds: float = 30) -> bool:
    """Whether no process of a session is left, at once or soon."""
    until = time.monotonic() + seconds
    while members(session) and time.monotonic() < until:
        time.sleep(0.05)
    return not members(session)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_a_preparation_and_its_workers(data: Path, tmp_path: Path, number: int) -> None:
    told = tmp_path / "told"
    running = start(told, "prep", data / "grid", "--out", tmp_path / "out", "--set", "run.workers=2")
    while not list((tmp_path / "out").glob("artifacts/detect/*.npz")):
        assert running.poll() is None
        time.sleep(0.05)
    assert len(descendants(running.pid)) > 2
    running.send_signal(number)
    assert running.wait(timeout=60) == 130
    assert told.read_text() == "stopped; the same command goes on from here\n"
    assert is_gone(running.pid)


@pytest.mark.parametrize("number", (signal.SIGINT, signal.SIGHUP))
def test_helpers_say_nothing_where_the_terminal_stops_all_of_them(
    data: Path, tmp_path: Path, number: int
) -> None:
    """A Ctrl-C comes to the whole group; helpers are still being started."""
    told = tmp_path / "told"
    running = start(told, "prep", data / "grid", "--out", tmp_path / "out", "--set", "run.workers=2")
    while len(descendants(running.pid)) < 3:
        assert running.poll() is None
        time.sleep(0.01)
    os.killpg(running.pid, number)
    assert running.wait(timeout=60) == 130
    assert told.read_text() == "stopped; the same command goes on from here\n"
    assert is_gone(running.pid)


def test_a_signal_while_the_program_is_loaded_ends_it_in_one_line(tmp_path: Path) -> None:
    told = tmp_path / "told"
    running = start(told, "prep", tmp_path, "--out", tmp_path / "out")
    # Its handler stands as soon as this bit of the caught signals is set.
    while not int(caught(running.pid), 16) & 1 << signal.SIGHUP - 1:
        assert running.poll() is None
    running.send_signal(signal.SIGHUP)
    assert running.wait(timeout=60) == 130
    assert told.read_text().startswith("stopped")
    assert len(told.read_text().splitlines()) == 1


def caught(pid: int) -> str:
    """The signals that a process has handlers for, as Linux writes them."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next((line.split()[1] for line in status.splitlines() if line.startswith("SigCgt")), "0")


def test_a_signal_in_a_finaliser_is_not_forgotten() -> None:
    done = subprocess.run([sys.executable, "-c", FORGETFUL], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("True\n", "")
