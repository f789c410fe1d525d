"""What cutting a recording costs: its peak memory does not grow with its length, at GRID's size and 1080p."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from report import Verdict
from rich.console import Console
from rich.table import Table

from s2f.pipeline.core import media

# What a recording consists of, over and over, and how long a short and a long one are, in minutes.
CLIPS = 20
SIZES = {"360x288": ("scale=360:288", 2, 60), "1080p": ("scale=1350:1080,pad=1920:1080", 1, 4)}
# MB that the long one may take more than the short one.
BOUND = 100
SEGMENT = """
import re, sys
from pathlib import Path
from types import SimpleNamespace
from s2f.pipeline.stages import segment
from s2f.pipeline.stages.detect import DetectParams
wanted = segment.CutParams(segment=segment.SegmentParams(), detect=DetectParams())
row = segment.run(SimpleNamespace(video=Path(sys.argv[1])), wanted)
# The peak that getrusage tells counts that of the process forked from, too.
peak = re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]
print(len(row["pieces"]), peak)
"""


def make_recording(data: Path, path: Path, size: str, minutes: int) -> Path:
    """Clips of GRID one after the other, with their own sound, repeated for so many minutes."""
    path.parent.mkdir(parents=True)
    listed = path.parent.parent / "list.txt"
    clips = sorted((data / "grid/s1").glob("*.mpg"))[:CLIPS]
    listed.write_text("".join(f"file '{clip.resolve()}'\n" for clip in clips))
    once = path.parent.parent / "once.mp4"
    start = [media.ffmpeg_program(), "-v", "error", "-y"]
    sound = ["-af", "aresample=async=1000:min_hard_comp=0.005:first_pts=0", "-c:a", "aac"]
    video = ["-vf", size, "-r", "25", "-c:v", "libx264", "-preset", "ultrafast", "-crf", "23"]
    subprocess.run([*start, "-f", "concat", "-safe", "0", "-i", listed, *video, *sound, once], check=True)
    times = round(minutes * 60 / media.probe(once).duration)
    loop = ["-stream_loop", str(times - 1), "-i", once, "-c", "copy", path]
    subprocess.run([*start, *loop], check=True)
    return path


def cut(video: Path) -> tuple[float, float]:
    """Seconds and peak MB of a process that cuts a recording."""
    begun = time.perf_counter()
    command = [sys.executable, "-c", SEGMENT, str(video)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    pieces, peak = map(int, done.stdout.split())
    assert pieces
    return time.perf_counter() - begun, peak / 1024


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", SIZES)
def test_memory_against_that_of_a_short_recording(
    data: Path, tmp_path: Path, name: str, verdict: Verdict
) -> None:
    size, *lengths = SIZES[name]
    table = Table(f"a recording of {name}", *(f"{minutes} min" for minutes in lengths))
    seconds, peaks = [], []
    for minutes in lengths:
        taken, peak = cut(make_recording(data, tmp_path / f"{minutes}/one.mp4", size, minutes))
        seconds.append(taken)
        peaks.append(peak)
    table.add_row("times real time", *(f"{60 * m / s:.1f}" for m, s in zip(lengths, seconds, strict=True)))
    table.add_row("peak MB", *(f"{peak:.0f}" for peak in peaks))
    Console(width=110).print(table)
    short, long = (f"{peak:.0f} MB of {minutes} min" for peak, minutes in zip(peaks, lengths, strict=True))
    bound = 1 + BOUND / peaks[0]
    verdict(f"segment: memory at {name}, {BOUND} MB more", long, short, peaks[1] / peaks[0], bound, "less")
