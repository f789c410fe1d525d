"""How fast a face speaks at the paper's size: against the network as published, live, and in which memory."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from s2f.model.inference.animate import generate
from s2f.model.inference.runtime import prepare
from s2f.model.networks import weights
from s2f.model.networks.generator import Generator
from s2f.model.networks.noise import NoiseSource
from s2f.pipeline.core import wav
from s2f.pipeline.core.windows import Sound

RATE, FPS, SECONDS = 16_000, 25, 3
FACE = np.full((128, 96, 3), 128, np.uint8)
CPU = torch.device("cpu")
# Other work on the machine only ever makes it slower: the quickest of so many counts.
TIMES = 9
# A small process to start a command from: peak memory counts that of the process forked from.
MEASURE = """
import resource, subprocess, sys, time
begun = time.perf_counter()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)
"""


@pytest.fixture(scope="module")
def generator() -> Generator:
    torch.manual_seed(0)
    return Generator(
        width=64, window=2560, sample_rate=RATE, identity=50, context=256, noise=10, noise_std=1.0
    ).eval()


def make_sound(seconds: float) -> Sound:
    return np.random.default_rng(0).standard_normal(int(seconds * RATE)).astype(np.float32) / 10


def plain(generator: Generator, still: Tensor, windows: Tensor, noise: Tensor) -> Tensor:
    """As published: every frame has the skips concatenated to it, the norms are layers of their own."""
    identity, decoder = generator.identity(still), generator.decoder
    context, _ = generator.context(windows)
    drift, _ = generator.noise(noise)
    face = identity.code[:, None].expand(-1, windows.shape[1], -1)
    latents = torch.cat([context, drift, face], dim=2)[0]
    frames = torch.relu_(decoder.start_norm(decoder.start(latents[:, :, None, None])))
    for block, skip in zip(decoder.blocks, reversed(identity.skips[1:]), strict=True):
        both = torch.cat([frames, skip.expand(len(frames), -1, -1, -1)], dim=1)
        frames = torch.relu_(block.join_norm(block.join(both)))
        frames = torch.relu_(block.grow_norm(block.grow(frames)))
    return torch.tanh(decoder.paint(frames))[None]


def quickest(**ways: Callable[[], object]) -> dict[str, float]:
    """Seconds of each way, taken in turns, so that they meet the same machine."""
    spent = {name: float("inf") for name in ways}
    for _ in range(TIMES):
        for name, way in ways.items():
            begun = time.perf_counter()
            way()
            spent[name] = min(spent[name], time.perf_counter() - begun)
    return spent


def show(title: str, *rows: tuple[str, str]) -> None:
    table = Table(title, "")
    for row in rows:
        table.add_row(*row)
    Console(width=110).print(table)


@pytest.mark.parametrize("threads", [1, 2])
def test_against_the_network_as_published(generator: Generator, threads: int) -> None:
    torch.set_num_threads(threads)
    frames = SECONDS * FPS
    source = torch.Generator().manual_seed(0)
    still = torch.rand(1, 3, 128, 96, generator=source) * 2 - 1
    windows = torch.randn(1, frames, 2560, generator=source)
    noise = NoiseSource(generator, source).draw(1, frames)
    talker = weights.Talker(prepare(generator), Fraction(FPS), RATE)
    sound = make_sound(SECONDS)
    with torch.inference_mode():
        wanted = plain(generator, still, windows, noise)
        assert (talker.generator(still, windows, noise) - wanted).abs().max() < 1e-4
        spent = quickest(
            plain=lambda: plain(generator, still, windows, noise),
            pieces=lambda: [plain(generator, still, some, noise[:, :25]) for some in windows.split(25, 1)],
            training=lambda: generator(still, windows, noise),
            animate=lambda: list(generate(talker, FACE, [sound], CPU, 0)),
            prepare=lambda: prepare(generator),
        )
    show(
        f"{frames} frames at width 64, {threads} threads",
        ("as published, seconds", f"{spent['plain']:.3f}"),
        ("as published, 25 frames at a time", f"{spent['pieces']:.3f}"),
        ("as in training", f"{spent['training']:.3f}"),
        ("generate, from sound to pictures", f"{spent['animate']:.3f}"),
        ("making ready, once", f"{spent['prepare']:.3f}"),
        ("as published against generate", f"{min(spent['plain'], spent['pieces']) / spent['animate']:.2f}"),
        ("of real time", f"{spent['animate'] / SECONDS:.3f}"),
    )


def test_a_minute(generator: Generator) -> None:
    torch.set_num_threads(2)
    talker = weights.Talker(prepare(generator), Fraction(FPS), RATE)
    rates = {}
    for seconds in (SECONDS, 60):
        sound = make_sound(seconds)
        chunks = np.split(sound, range(RATE, len(sound), RATE))
        spent = []
        for _ in range(3):
            begun = time.perf_counter()
            count = sum(1 for _ in generate(talker, FACE, chunks, CPU, 0))
            spent.append((time.perf_counter() - begun) / count * FPS)
        rates[seconds] = min(spent)
    show("of real time, 2 threads", *((f"{each} s of speech", f"{rate:.3f}") for each, rate in rates.items()))


def test_live(generator: Generator) -> None:
    """A frame at a time, as it is when sound comes in as fast as it is spoken."""
    torch.set_num_threads(1)
    talker = weights.Talker(prepare(generator), Fraction(FPS), RATE)
    heard: list[float] = []

    def arriving() -> Iterator[Sound]:
        for piece in np.split(make_sound(4), 100):
            heard.append(time.perf_counter())
            yield piece

    spent = []
    for _ in generate(talker, FACE, arriving(), CPU, 0):
        spent.append(time.perf_counter() - heard[-1])
    show(
        "live, 1 thread, milliseconds from sound to frame",
        ("first frame", f"{1000 * spent[0]:.0f}"),
        ("median", f"{1000 * np.median(spent):.0f}"),
        ("longest of 98", f"{1000 * max(spent[:98]):.0f}"),
    )


def test_the_command(generator: Generator, tmp_path: Path) -> None:
    """With starting, loading and encoding: its peak memory, and what a second of speech adds to its time."""
    weights.describe(tmp_path, generator, Fraction(FPS), RATE)
    weights.save_weights(tmp_path / weights.NEWEST, generator)
    cv2.imwrite(str(tmp_path / "face.png"), FACE)
    spent, peak = {}, {}
    for seconds in (SECONDS, 60):
        sound = tmp_path / f"{seconds}.wav"
        sound.write_bytes(wav.encode(make_sound(seconds), RATE))
        program = [Path(sys.executable).with_name("s2f"), "animate", "--aligned", "--run", tmp_path]
        files = ["--image", tmp_path / "face.png", "--audio", sound, "--out", tmp_path / f"{seconds}.mp4"]
        command = [sys.executable, "-c", MEASURE, *program, *files]
        used = []
        for _ in range(3):
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            used.append([float(each) for each in done.stdout.split()])
        spent[seconds], peak[seconds] = (min(each) for each in zip(*used, strict=True))
    show(
        "s2f animate",
        *((f"{seconds} s of speech: seconds", f"{each:.2f}") for seconds, each in spent.items()),
        ("of real time, without the start", f"{(spent[60] - spent[SECONDS]) / (60 - SECONDS):.3f}"),
        *((f"{seconds} s of speech: peak memory, MB", f"{each:.0f}") for seconds, each in peak.items()),
        ("growth of memory", f"{peak[60] / peak[SECONDS]:.2f}"),
    )
