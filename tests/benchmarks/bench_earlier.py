"""The preparation and the audit against an earlier commit, in turns on one core: speed, and equal results.

The commit is bd26c72, or the one that S2F_BENCH_COMMIT names.
"""

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import earlier
import numpy as np
import pytest
from report import Verdict
from rich.console import Console
from rich.table import Table

from s2f.pipeline.core import mjpeg

CLIPS = 16
ROUNDS = 2
AUDITED = 300
TURNS = Path(__file__).with_name("turns.py")
NAMES = ("earlier", "now")
# How many times as fast it has to be, and what may differ in the results.
FASTER = 1.5
MOST_POINTS, MOST_GREY = 0.2, 1.0


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return earlier.unpacked(tmp_path_factory.mktemp("earlier"))


@pytest.fixture(scope="module")
def raw(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some clips of every speaker of GRID."""
    folder = tmp_path_factory.mktemp("raw")
    videos = sorted((data / "grid").glob("s*/*.mpg"))
    for video in videos[:: len(videos) // CLIPS][:CLIPS]:
        target = folder / video.parent.name / video.name
        target.parent.mkdir(exist_ok=True)
        shutil.copy(video, target)
    return folder


class Turns:
    """A process that takes one clip at a time through the stages."""

    def __init__(self, raw: Path, out: Path, before: Path | None) -> None:
        self.cpu = self.wall = 0.0
        self._process = subprocess.Popen(
            earlier.on_core(TURNS, raw, out),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=out,
            env=earlier.environment(before),
        )

    def take(self, number: int) -> dict[str, float]:
        assert self._process.stdin and self._process.stdout
        print(number, file=self._process.stdin, flush=True)
        told = json.loads(self._process.stdout.readline())
        assert set(told["statuses"].values()) == {"ok"}, told
        return {"cpu": told["cpu"], "wall": told["wall"]}

    def end(self) -> None:
        self._process.communicate()


def artifacts(out: Path, stage: str) -> Iterator[Path]:
    return iter(sorted((out / stage).iterdir(), key=lambda path: path.name.partition(".")[0]))


def points(path: Path) -> "np.typing.NDArray[np.float32]":
    with np.load(path) as track:
        return np.asarray(track["points"])


def test_a_clip_through_all_stages(before: Path, raw: Path, tmp_path: Path, verdict: Verdict) -> None:
    outs = {name: tmp_path / name for name in NAMES}
    for out in outs.values():
        out.mkdir()
    turns = {name: Turns(raw, outs[name], before if name == NAMES[0] else None) for name in NAMES}
    spent = {name: {"cpu": 0.0, "wall": 0.0} for name in NAMES}
    for each in turns.values():
        each.take(0)  # models are loaded
    for number in range(ROUNDS * CLIPS):
        # Now one comes first, now the other.
        for name in NAMES if number % 2 else NAMES[::-1]:
            for kind, seconds in turns[name].take(number % CLIPS).items():
                spent[name][kind] += seconds
    for each in turns.values():
        each.end()
    moved = [
        float(np.abs(points(old) - points(new)).max())
        for old, new in zip(*(artifacts(outs[name], "detect") for name in NAMES), strict=True)
    ]
    greys = [
        float(np.abs(first - second).mean())
        for first, second in (
            [mjpeg.decode(path.read_bytes()).astype(np.float32) for path in pair]
            for pair in zip(*(artifacts(outs[name], "align") for name in NAMES), strict=True)
        )
    ]
    table = Table(f"a GRID clip, scan to window, {CLIPS} clips {ROUNDS} times", *NAMES, "times as fast")
    for kind in ("cpu", "wall"):
        old, new = (spent[name][kind] / (ROUNDS * CLIPS) * 1000 for name in NAMES)
        table.add_row(f"{kind} ms per clip", f"{old:.0f}", f"{new:.0f}", f"{old / new:.2f}")
    Console(width=110).print(
        table,
        f"points differ by up to {max(moved):.2f} px, crops by {max(greys):.2f} grey levels in the mean",
    )
    clip = {name: f"{spent[name]['wall'] / (ROUNDS * CLIPS) * 1000:.0f} ms" for name in NAMES}
    ratio = spent[NAMES[0]]["wall"] / spent[NAMES[1]]["wall"]
    verdict(
        "prep: a GRID clip", clip["now"], f"{clip['earlier']} at {earlier.commit()}", ratio, FASTER, threads=1
    )
    assert len(moved) == CLIPS
    assert max(moved) <= MOST_POINTS
    assert max(greys) <= MOST_GREY


@pytest.mark.timeout(1200)
def test_the_audit(before: Path, data: Path, tmp_path: Path, verdict: Verdict) -> None:
    """All of `s2f audit` as a process, on a set that the same commit prepared: AUDITED clips of GRID."""
    raw = tmp_path / "raw"
    videos = [*(data / "grid").glob("s*/*.mpg"), *sorted((data / "grid_s1").glob("s1/*"))][:AUDITED]
    for video in videos:
        target = raw / video.parent.name / video.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(video.resolve())
    programs = {NAMES[0]: "s2f.pipeline.cli", NAMES[1]: "s2f.pipeline.app.cli"}
    spent: dict[str, float] = {}

    def call(name: str, *arguments: object) -> float:
        begun = time.perf_counter()
        code = f"from {programs[name]} import main; main()"
        subprocess.run(
            earlier.on_core("-c", code, *arguments),
            check=True,
            capture_output=True,
            cwd=tmp_path,
            env=earlier.environment(before if name == NAMES[0] else None),
        )
        return time.perf_counter() - begun

    for name in NAMES:
        call(name, "prep", raw, "--out", tmp_path / name, "--set", "run.workers=1")
    for name in NAMES:
        spent[name] = call(name, "audit", tmp_path / name, "--workers", "1")
    old, new = (len(videos) / spent[name] for name in NAMES)
    figure, baseline = f"{new:.2f} clips/s", f"{old:.2f} clips/s at {earlier.commit()}"
    verdict(f"audit: {len(videos)} clips of GRID", figure, baseline, new / old, FASTER, threads=1)
