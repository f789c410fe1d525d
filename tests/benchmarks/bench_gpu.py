"""Training and animating on a GPU at the paper's width, as a table to be pasted; on a CPU a small network.

One call takes at most nine minutes: what does not begin in time is left out, and the table says so. The
clips are the demo's, which are made here.
"""

import resource
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from bench_loader import waiting
from bench_train import drawn, fastest, product_speed
from report import Verdict, machine
from rich.console import Console
from torch.utils.flop_counter import FlopCounterMode

from s2f.model.inference import animate
from s2f.model.training import trainer
from s2f.model.training.config import TrainParams
from s2f.model.training.distributed import Distributed
from s2f.model.training.state import new_state
from s2f.model.training.step import train_step
from s2f.pipeline.app import config
from s2f.pipeline.core import files, media
from s2f.pipeline.core.pictures import encode_png
from s2f.pipeline.core.prepared_set import PreparedSet
from s2f.pipeline.demo import corpus
from s2f.pipeline.prep import terminal as preparing
from s2f.pipeline.prep.runner import Preparation

RATE = 16_000
CUDA = torch.cuda.is_available()
DEVICE = torch.device("cuda" if CUDA else "cpu")
# Seconds after which nothing new begins. Compiling takes a minute or two, and is over in nine minutes then.
ENOUGH = 360.0 if CUDA else 120.0
# Floors: beyond them something else than the network takes the time.
SHARE, MOST_WAITING = 0.05, 0.1


@dataclass(frozen=True)
class Scale:
    """How large the network and its batches are, and the clips that it is trained on."""

    width: int
    batches: tuple[int, ...]
    frames: int
    ways: tuple[tuple[str, bool], ...]
    speakers: int
    clips: int
    workers: int


SCALE = (
    Scale(64, (8, 16, 32, 64), 25, (("bf16", False), ("bf16", True)), 4, 18, 8)
    if CUDA
    else Scale(8, (2, 4), 8, (("fp32", False),), 2, 4, 1)
)


@dataclass
class Report:
    """The table as Markdown, and how long it has taken so far."""

    begun: float = field(default_factory=time.perf_counter)
    lines: list[str] = field(default_factory=list)

    @property
    def late(self) -> bool:
        return time.perf_counter() - self.begun > ENOUGH

    def add(self, *cells: str) -> None:
        self.lines.append(f"| {' | '.join(cells)} |")

    def head(self, *cells: str) -> None:
        self.add(*cells)
        self.lines.append("|" + "---|" * len(cells))


@pytest.mark.timeout(540)
@pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning", "ignore:.*fork.*")
def test_training_and_animating(tmp_path: Path, verdict: Verdict) -> None:
    if not CUDA:
        torch.set_num_threads(1)
    report = Report()
    report.head("", "batch", "frames/s", "ms per step", "of which arithmetic", "peak memory")
    shares = steps(report)
    data = prepared(tmp_path)
    batch = min(8, SCALE.batches[-1])
    params = params_of(batch, "auto", compiled=False).model_copy(update={"workers": SCALE.workers})
    seconds, waited = waiting(data.split_or_empty("train"), params, DEVICE)
    report.lines.append("")
    report.head("", "figure")
    report.add(
        f"waiting for data, batch {batch}, {SCALE.workers} workers",
        f"{waited:.1%} of {1000 * seconds:.0f} ms",
    )
    for name, speed in animated(data, tmp_path, params).items():
        report.add(name, f"{speed:,.0f} frames/s")
    print(f"\nwidth {SCALE.width}, {SCALE.frames} frames per clip; {machine()}\n", *report.lines, sep="\n")
    name, share = max(shares.items(), key=lambda each: each[1])
    verdict(f"training, {name}: arithmetic", f"{share:.1%}", "a matrix product", share, SHARE)
    figure, baseline = f"{1000 * waited * seconds:.1f} ms", f"{1000 * seconds:.0f} ms per step"
    verdict(f"training at width {SCALE.width}: waiting", figure, baseline, waited, MOST_WAITING, "less")


def params_of(batch: int, precision: str, compiled: bool) -> TrainParams:
    given = {"width": SCALE.width, "batch": batch, "frames": SCALE.frames}
    return TrainParams(
        **given, precision=precision, compile=compiled, steps=1, validation_clips=1, patience=0
    )


def steps(report: Report) -> dict[str, float]:
    """A full step, both adversaries on; the share of it that its arithmetic would need alone."""
    shares = {}
    for precision, compiled in SCALE.ways:
        kind = torch.float32 if precision == "fp32" else torch.bfloat16
        product = product_speed(DEVICE, kind)
        name = f"{precision}, compiled" if compiled else precision
        for batch in SCALE.batches:
            if report.late:
                report.add(name, str(batch), "not measured: out of time", "", "", "")
                continue
            try:
                seconds, work, peak = measured(params_of(batch, precision, compiled))
            except torch.cuda.OutOfMemoryError:
                report.add(name, str(batch), "out of memory", "", "", "")
                continue
            alone = work / product
            shares[f"{name}, batch {batch}"] = alone / seconds
            speed = f"{batch * SCALE.frames / seconds:,.0f}"
            times = f"{1000 * seconds:.0f}", f"{1000 * alone:.1f} ms, {alone / seconds:.0%}"
            report.add(name, str(batch), speed, *times, f"{peak / 2**30:.1f} GiB")
    return shares


def measured(params: TrainParams) -> tuple[float, float, float]:
    """Seconds of a step, its floating-point operations, and the most memory in bytes, so far on a CPU."""
    batch = drawn(params.batch, params.frames, DEVICE)
    plain = params.model_copy(update={"precision": "fp32", "compile": False})
    with FlopCounterMode(display=False) as counter:
        train_step(new_state(plain, RATE, Distributed(DEVICE)), batch)
    state = new_state(params, RATE, Distributed(DEVICE))
    if CUDA:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    seconds = fastest(lambda: train_step(state, batch), DEVICE)
    peak = torch.cuda.max_memory_allocated() if CUDA else 1024 * resource.getrusage(0).ru_maxrss
    return seconds, counter.get_total_flops(), peak


def prepared(folder: Path) -> PreparedSet:
    """A set of the demo's clips."""
    raw, out = folder / "raw", folder / "out"
    corpus.make_corpus(raw, speakers=SCALE.speakers, clips=SCALE.clips)
    shares = ["shard.split_by=utterance", "shard.shares={train: 1, val: 0, test: 0}"]
    preparing.prepare(Preparation(raw, out, config.load(None, shares)), Console(quiet=True))
    return PreparedSet(out)


def animated(data: PreparedSet, folder: Path, params: TrainParams) -> dict[str, float]:
    """Frames per second of `s2f animate` on a clip's photo and sound, with face, sound and video, twice."""
    run, raw = folder / "run", sorted((folder / "raw").rglob("*.mpg"))[0]
    trainer.train(data, run, params, resume=False, console=Console(quiet=True))
    photo = folder / "photo.png"
    pictures = list(media.FrameReader(raw))
    files.write_bytes(photo, encode_png(pictures[0]))
    speeds = {}
    for name in ("animate, the first time", "animate, once more"):
        begun = time.perf_counter()
        animate.animate(run, photo, raw, folder / "talking.mp4")
        speeds[name] = len(pictures) / (time.perf_counter() - begun)
    return speeds
