"""How fast the preparation is: against a bare loop, with two workers, at 1080p, and with nothing to do."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from report import Verdict
from rich.console import Console
from rich.table import Table

from s2f.pipeline.app import config
from s2f.pipeline.core import media, mjpeg, wav, windows
from s2f.pipeline.core.executors import open_executor
from s2f.pipeline.core.manifest import write_table
from s2f.pipeline.core.schema import Row
from s2f.pipeline.corpora import listing
from s2f.pipeline.corpora.base import Source
from s2f.pipeline.faces import alignment, open_backend
from s2f.pipeline.faces.tracking import find_tracks
from s2f.pipeline.prep import plan
from s2f.pipeline.prep.plan import Selection, chosen_stages
from s2f.pipeline.prep.runner import Preparation
from s2f.pipeline.stages.base import artifact_name

FPS = Fraction(25)
SETTINGS = config.Settings()
COPIES = 2
CORPUS = 33_000
# Of the rate of a bare loop; with two workers, of what the machine gains by two bare loops at once; and at
# most so many times as long as a bare walk with a stat per file.
SHARE, SHARE_OF_TWO, WALKS = 0.85, 0.9, 30
# A small process to start a command from: peak memory counts that of the process forked from.
MEASURE = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss)
"""


@contextmanager
def timed(spent: dict[str, float], name: str) -> Iterator[None]:
    begun = time.perf_counter()
    yield
    spent[name] = time.perf_counter() - begun


def prepare(raw: Path, out: Path, workers: int) -> tuple[float, float]:
    """The clip stages, in this process's charge: clips per second, and the seconds until the first one.

    The rate is that of all clips after the first, because a bare loop has no workers to start.
    """
    settings = config.load(None, [f"run.workers={workers}"])
    selection = Selection(chosen_stages(until="window"))
    begun = time.perf_counter()
    times: list[float] = []
    Preparation(raw, out, settings, selection).run(
        lambda what, done, total: times.append(time.perf_counter() - begun)
    )
    # The first call says that nothing is done yet.
    return (len(times) - 2) / (times[-1] - times[1]), times[1]


def bare_loop(raw: Path) -> float:
    """Decode, detect and track, warp, encode, resample, and no more; returns clips per second."""
    backend = open_backend("dlib")
    clips = listing.find_clips(raw)
    begun = time.perf_counter()
    for source in clips:
        pictures = list(media.FrameReader(source.video, FPS))
        tracks, total = find_tracks(pictures, backend, SETTINGS.detect.every, SETTINGS.detect.max_gap)
        points = alignment.smooth(tracks[0].dense(0, total).points, SETTINGS.align.smooth)
        pairs = zip(pictures, alignment.similarity(points), strict=True)
        mjpeg.encode(np.stack([alignment.crop(*pair) for pair in pairs]), FPS, SETTINGS.align.quality)
        sound = np.concatenate(list(media.read_audio(source.video, 16_000)))
        wav.encode(windows.fit_length(sound, windows.samples_for(total, FPS, 16_000)), 16_000)
    return len(clips) / (time.perf_counter() - begun)


def show(title: str, *rows: tuple[str, str]) -> None:
    table = Table(title, "")
    for row in rows:
        table.add_row(*row)
    Console(width=110).print(table)


def test_workers_against_a_bare_loop(data: Path, tmp_path: Path, verdict: Verdict) -> None:
    cv2.setNumThreads(1)
    raw = tmp_path / "raw"
    # Of one name GRID has one clip.
    for speaker in (data / "grid").glob("s*"):
        for number in range(COPIES):
            shutil.copytree(speaker, raw / f"copy{number}-{speaker.name}")
    clips = [source.video for source in listing.find_clips(raw)]
    length = sum(media.probe(path).duration for path in clips) / len(clips)
    bare = bare_loop(raw)
    # What the machine itself allows: the same work twice, with nothing of ours around it.
    both = sum(float(rate) for _, rate in open_executor(workers=2).run(bare_loop, [raw, raw], 2, 3600.0))
    (one, started), (two, _) = (prepare(raw, tmp_path / f"{workers}", workers) for workers in (1, 2))
    show(
        f"GRID, {len(clips)} clips",
        *(
            (name, f"{rate:.2f} clips/s, {rate * length:.1f} hours of video per hour")
            for name, rate in (("bare loop", bare), ("one worker", one), ("two workers", two))
        ),
        ("until the first clip is done", f"{started:.1f} s"),
    )
    ours, base = f"{one:.2f} clips/s", f"{bare:.2f} clips/s of a bare loop"
    verdict("prep: one worker", ours, base, one / bare, SHARE, threads=1)
    figure, base = f"{two / one:.2f} times one", f"{both / bare:.2f} of two bare loops at once"
    verdict("prep: two workers", figure, base, two / one / (both / bare), SHARE_OF_TWO, threads=2)


def test_1080p_against_a_bare_loop(data: Path, tmp_path: Path, verdict: Verdict) -> None:
    raw = tmp_path / "raw/volunteers/01M/Clips/straightcam"
    raw.mkdir(parents=True)
    size = "scale=1350:1080:flags=bicubic,pad=1920:1080:(ow-iw)/2:0,setsar=1,fps=30000/1001"
    for number, clip in enumerate(sorted((data / "grid/s1").glob("*.mpg"))[:12]):
        codecs = ["-c:v", "libx264", "-preset", "fast", "-crf", "20", "-c:a", "aac", "-ar", "48000"]
        target = raw / f"si{number}.mp4"
        command = [media.ffmpeg_program(), "-v", "error", "-i", clip, "-vf", size, *codecs, target]
        subprocess.run(command, check=True)
    length = sum(media.probe(path).duration for path in raw.iterdir()) / 12
    cv2.setNumThreads(1)
    bare = bare_loop(tmp_path / "raw")
    one, _ = prepare(tmp_path / "raw", tmp_path / "out", 1)
    ours, base = f"{one * length:.2f} times real time", f"{bare * length:.2f} of a bare loop"
    verdict("prep: 1080p at 29.97 fps, one worker", ours, base, one / bare, SHARE, threads=1)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A raw folder of 33,000 empty videos, and the manifests and artifacts of a preparation that is done."""
    folder = tmp_path_factory.mktemp("corpus")
    raw, out = folder / "raw", folder / "out"
    for speaker in range(33):
        place = raw / f"p{speaker:02d}"
        place.mkdir(parents=True)
        for number in range(CORPUS // 33):
            (place / f"clip{number:04d}.mp4").touch()
    stages = plan.configured(config.load(None, []))
    rows: dict[str, list[Row]] = {configured.stage.name: [] for configured in stages}
    for configured in stages:
        (out / "artifacts" / configured.stage.name).mkdir(parents=True)
    for source in listing.find_clips(raw):
        for configured in stages:
            name = configured.stage.name
            row = ready(source, plan.keys(source, "0" * 64, stages)[name])
            rows[name].append(row)
            if configured.stage.artifact:
                (
                    out
                    / "artifacts"
                    / name
                    / artifact_name(source.clip_id, row["key"], configured.stage.artifact)
                ).touch()
    for configured in stages:
        path = out / "manifests" / f"{configured.stage.name}.parquet"
        write_table(path, rows[configured.stage.name], configured.stage.schema)
    return raw, out


def ready(source: Source, key: str) -> Row:
    """A row of a clip that is done; it serves for every stage, which takes the columns it has."""
    return {
        "clip_id": source.clip_id,
        "key": key,
        "status": "ok",
        "reason": "",
        "message": "",
        "seconds": 0.1,
        "corpus": "folder",
        "speaker": source.speaker,
        "utterance": source.utterance,
        "source": source.relative,
        "sha256": "0" * 64,
        "stamp": source.stamp,
        "labels": [],
        "frames": 75,
        "first": 0,
        "fps": "25",
        "bytes": 700_000,
        "samples": 48_000,
        "sample_rate": 16_000,
        "window": 2560,
        "starts": list(range(75)),
        "loudness": [0.0] * 75,
    }


def test_a_run_with_nothing_to_do(finished: tuple[Path, Path], verdict: Verdict) -> None:
    raw, out = finished
    spent: dict[str, float] = {}
    program = Path(sys.executable).with_name("s2f")
    with timed(spent, "walk"):
        for place, _, names in os.walk(raw):
            for name in names:
                (Path(place) / name).stat()
    command = [program, "prep", raw, "--out", out, "--until", "window"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    with timed(spent, "run"):
        measured = [sys.executable, "-c", MEASURE, *command]
        used = subprocess.run(measured, check=True, capture_output=True, text=True)
    cpu, peak = map(float, used.stdout.split())
    show(
        f"nothing to do, {CORPUS:,} clips",
        ("CPU seconds", f"{cpu:.2f}"),
        ("peak memory, MB", f"{peak / 1024:.0f}"),
    )
    figure, baseline = f"{spent['run']:.2f} s", f"{spent['walk']:.2f} s of a bare walk with a stat per file"
    verdict(
        f"prep: nothing to do, {CORPUS:,} clips",
        figure,
        baseline,
        spent["run"] / spent["walk"],
        WALKS,
        "less",
    )
