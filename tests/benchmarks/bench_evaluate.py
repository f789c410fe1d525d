"""The measures of 60 clips of GRID, on all CPUs, against those of one clip in one process."""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from report import Verdict
from rich.console import Console
from rich.table import Table
from support.prepared import Prepared

from s2f.model.evaluation.sources.videos import Pair, score_pair
from s2f.pipeline.faces.settings import DEFAULT_FACES

# Clips that are measured alone; the first one loads dlib's models besides.
ALONE = 4
# Starting processes, reading and gathering may not take longer than measuring does.
MOST = 2


def test_all_clips_against_one(prepared_grid: Prepared, verdict: Verdict) -> None:
    """Each real clip against itself: as aligned faces, all measures but those of trained networks."""
    faces = prepared_grid.out / "artifacts" / "align"
    clips = sorted(faces.iterdir())
    seconds = []
    for path in clips[: ALONE + 1]:
        begun = time.perf_counter()
        score_pair(Pair(path.stem, "", path, {"same": path}, ()), DEFAULT_FACES)
        seconds.append(time.perf_counter() - begun)
    floor = len(clips) * statistics.median(seconds[1:]) / (os.cpu_count() or 1)
    command = [Path(sys.executable).with_name("s2f"), "evaluate", "--videos", faces, "--reference", faces]
    begun = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    taken = time.perf_counter() - begun
    table = Table(f"{len(clips)} clips of GRID, {os.cpu_count()} CPUs", "seconds", "clips/s")
    table.add_row("s2f evaluate", f"{taken:.1f}", f"{len(clips) / taken:.2f}")
    table.add_row("one clip at a time, shared out", f"{floor:.1f}", f"{len(clips) / floor:.2f}")
    Console(width=110).print(table)
    name, threads = f"evaluate: {len(clips)} clips of GRID", os.cpu_count()
    baseline = f"{floor:.1f} s of the measures alone"
    verdict(name, f"{taken:.1f} s", baseline, taken / floor, MOST, "less", threads)
