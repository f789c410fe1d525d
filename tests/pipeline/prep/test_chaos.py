"""Nothing is lost and nothing doubled: kills at random moments, Ctrl-C, a full disk."""

import contextlib
import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.prepared import Prepared, copy_clips, descendants, fingerprint

from s2f.pipeline.audit.verification import damages
from s2f.pipeline.core.prepared_set import PreparedSet

pytestmark = pytest.mark.slow

CLIPS = ("s1/bbaf2n", "s1/bbas1s", "s2/pwij3p", "s3/sbia1a", "s5/lbax4n")
KILLS = int(os.environ.get("S2F_CHAOS_KILLS", "5"))
# Small tars, so that a kill can fall between two of them.
SETTINGS = ("--set", "run.workers=2", "--set", "shard.max_mb=1")


@pytest.fixture(scope="module")
def undisturbed(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes]]:
    """A raw folder, and the shards that a run without disturbance makes of it."""
    folder = tmp_path_factory.mktemp("chaos")
    raw = copy_clips(data, folder / "raw", *CLIPS)
    return raw, finish(raw, folder / "out")


class Run:
    """A preparation in a process of its own; what it says goes to a file, so that no pipe fills up."""

    def __init__(self, raw: Path, out: Path, *more: str) -> None:
        program = Path(sys.executable).with_name("s2f")
        self.told = out.with_suffix(".log")
        with self.told.open("w") as log:
            command = [program, "prep", raw, "--out", out, *SETTINGS, *more]
            self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log)

    def end(self) -> tuple[int, str]:
        """Wait; exit status and what was said."""
        return self.process.wait(timeout=240), self.told.read_text()


def finish(raw: Path, out: Path, *more: str) -> dict[str, bytes]:
    """Run to the end; the shards."""
    assert Run(raw, out, *more).end() == (0, "")
    return shards(out)


def shards(out: Path) -> dict[str, bytes]:
    return {name: content for name, (_, content) in fingerprint(out / "shards").items()}


def test_kills_at_random_moments_leave_the_shards_of_an_undisturbed_run(
    undisturbed: tuple[Path, dict[str, bytes]], tmp_path: Path
) -> None:
    """The parent, a worker or what forks them is killed; now and then other settings have a turn."""
    raw, expected = undisturbed
    out = tmp_path / "out"
    chance = random.Random(0)
    for number in range(KILLS):
        other = ("--set", "align.quality=80") if number % 3 == 2 else ()
        running = Run(raw, out, *other)
        time.sleep(chance.uniform(0.2, 5))
        victim = chance.choice(descendants(running.process.pid))
        with contextlib.suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
        code, told = running.end()
        assert victim == running.process.pid or code == 0, told
    assert finish(raw, out, "--retry-failed") == expected
    prepared = Prepared(raw, out)
    assert prepared.rows("shard").keys() == prepared.rows("scan").keys() == prepared.rows("window").keys()
    assert list(damages(PreparedSet(out))) == []


def test_ctrl_c_ends_in_one_line_and_the_next_run_goes_on(
    undisturbed: tuple[Path, dict[str, bytes]], tmp_path: Path
) -> None:
    raw, expected = undisturbed
    # A shell that starts tests in the background has them, and what they start, ignore Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    running = Run(raw, tmp_path / "out")
    signal.signal(signal.SIGINT, before)
    while not list((tmp_path / "out").glob("artifacts/detect/*.npz")):
        assert running.process.poll() is None
        time.sleep(0.05)
    running.process.send_signal(signal.SIGINT)
    assert running.end() == (130, "stopped; the same command goes on from here\n")
    assert finish(raw, tmp_path / "out") == expected


def test_a_full_disk_ends_the_run_with_a_hint_and_the_next_run_goes_on(
    undisturbed: tuple[Path, dict[str, bytes]], tmp_path: Path
) -> None:
    raw, expected = undisturbed
    running = Run(raw, tmp_path / "out")
    # Its workers begin later, and inherit the limit: no file may be larger than this.
    resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (300_000, 300_000))
    code, told = running.end()
    assert code == 1
    assert "error:" in told and "cannot be written" in told and "hint:" in told and "Traceback" not in told
    assert not list((tmp_path / "out/artifacts/align").glob("*"))
    assert finish(raw, tmp_path / "out") == expected
