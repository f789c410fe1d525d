"""How fast a face speaks at the paper's size: frames alone and many, live, from the shell, and its memory."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from frames import LENGTHS, paper_size
from report import Verdict
from rich.console import Console
from rich.table import Table

from s2f.model.inference.animate import generate
from s2f.model.inference.pace import seconds_per_frame
from s2f.model.inference.runtime import prepare
from s2f.model.networks import weights
from s2f.model.networks.generator import Generator
from s2f.pipeline.core import wav
from s2f.pipeline.core.windows import Sound

RATE, FPS, SECONDS = 16_000, 25, 3
FACE = np.full((128, 96, 3), 128, np.uint8)
CPU = torch.device("cpu")
# What a frame's window of 0.16 s reaches beyond the middle of the frame, in seconds.
AHEAD = 0.08
# Sound comes in so many seconds at a time.
PIECE = 0.01
# The instruction sets: all that the processor has, and AVX2 alone.
SETS = {"all": {}, "avx2": {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}}
# A small process to start a command from: peak memory counts that of the process forked from.
MEASURE = """
import resource, subprocess, sys, time
begun = time.perf_counter()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)
"""


def make_sound(seconds: float) -> Sound:
    return np.random.default_rng(0).standard_normal(int(seconds * RATE)).astype(np.float32) / 10


def show(table: Table) -> None:
    Console(width=110).print(table)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("instructions", SETS)
def test_frames(instructions: str, threads: int, verdict: Verdict) -> None:
    command = [sys.executable, Path(__file__).with_name("frames.py"), str(threads)]
    done = subprocess.run(
        command, env=os.environ | SETS[instructions], check=True, capture_output=True, text=True
    )
    found = {name: {int(n): s for n, s in each.items()} for name, each in json.loads(done.stdout).items()}
    table = Table(f"ms at width 64, {instructions}, {threads} threads", *map(str, LENGTHS))
    for name, spent in found.items():
        table.add_row(name, *(f"{1000 * spent[length]:.0f}" for length in LENGTHS))
    show(table)
    ready, training = found["prepared"], found["training"]
    for length in LENGTHS:
        verdict(
            f"{length} frames, {instructions}",
            f"{1000 * ready[length]:.0f} ms",
            f"{1000 * training[length]:.0f} ms as in training",
            training[length] / ready[length],
            1.05,
            threads=threads,
        )
    if threads == 1:
        share = ready[75] / 75
        verdict(
            f"a frame alone, {instructions}",
            f"{1000 * ready[1]:.0f} ms",
            f"{1000 * share:.0f} ms in a batch of 75",
            ready[1] / share,
            1.3,
            "less",
            threads=1,
        )


def test_live(verdict: Verdict) -> None:
    """Sound comes in as fast as it is spoken: how long after the sound of its middle is a frame there?"""
    torch.set_num_threads(1)
    talker = weights.Talker(prepare(paper_size()), Fraction(FPS), RATE)
    # As the command does before it listens.
    seconds_per_frame(talker.generator, CPU)
    begun = 0.0

    def arriving() -> Iterator[Sound]:
        nonlocal begun
        begun, sound, given = time.perf_counter(), make_sound(6), 0
        while given < len(sound):
            # As from a pipe: all that has come while a frame was made, at once.
            time.sleep(max(0.0, begun + given / RATE + PIECE - time.perf_counter()))
            come = int((time.perf_counter() - begun) * RATE)
            yield sound[given:come]
            given = come

    late = [
        time.perf_counter() - begun - (number + 0.5) / FPS
        for number, _ in enumerate(generate(talker, FACE, arriving(), CPU, 0))
    ]
    median, longest = 1000 * float(np.median(late)), 1000 * max(late)
    verdict(
        "live, a frame after its sound",
        f"{median:.0f} ms in the median, {longest:.0f} at most",
        f"{1000 * AHEAD:.0f} ms of its window",
        median / (1000 * AHEAD),
        0.15 / AHEAD,
        "less",
    )


def save(run: Path, generator: Generator) -> Path:
    run.mkdir()
    weights.describe(run, generator, Fraction(FPS), RATE)
    weights.save_weights(run / weights.NEWEST, generator)
    cv2.imwrite(str(run / "face.png"), FACE)
    return run


def used(run: Path, seconds: int, times: int) -> tuple[float, float]:
    """Seconds and MB of `s2f animate` on so many seconds of speech."""
    sound = run / f"{seconds}.wav"
    sound.write_bytes(wav.encode(make_sound(seconds), RATE))
    program = [Path(sys.executable).with_name("s2f"), "animate", "--aligned", "--run", run]
    files = ["--image", run / "face.png", "--audio", sound, "--out", run / f"{seconds}.mp4"]
    found = []
    for _ in range(times):
        done = subprocess.run(
            [sys.executable, "-c", MEASURE, *program, *files], check=True, capture_output=True, text=True
        )
        found.append([float(each) for each in done.stdout.split()])
    spent, peak = (min(each) for each in zip(*found, strict=True))
    return spent, peak


def test_the_command(tmp_path: Path, verdict: Verdict) -> None:
    """With starting, loading and encoding: what a second of speech adds to its time, and its peak memory."""
    large = paper_size()
    small = Generator(**large.arguments | {"width": 16}).eval()
    (few, low), (many, high) = (
        used(run, SECONDS, 3) for run in (save(tmp_path / "16", small), save(tmp_path / "64", large))
    )
    minute, peak = used(tmp_path / "64", 60, 2)
    table = Table("s2f animate", "seconds", "MB")
    table.add_row("3 s at width 16", f"{few:.2f}", f"{low:.0f}")
    table.add_row("3 s at width 64", f"{many:.2f}", f"{high:.0f}")
    table.add_row("60 s at width 64", f"{minute:.2f}", f"{peak:.0f}")
    show(table)
    verdict(
        "57 s of speech more, width 64",
        f"{minute - many:.1f} s",
        f"{60 - SECONDS} s of speech",
        (minute - many) / (60 - SECONDS),
        0.75,
        "less",
    )
    verdict(
        "memory of 60 s of speech",
        f"{peak:.0f} MB",
        f"{high:.0f} MB of {SECONDS} s",
        peak / high,
        1.1,
        "less",
    )
