"""A full training step on a CPU against an earlier commit, and against the time of its arithmetic alone.

The commit is bd26c72, or the one that S2F_BENCH_COMMIT names. On a GPU: bench_gpu.py.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import earlier
import numpy as np
import pytest
import torch
from report import Verdict
from rich.console import Console
from rich.table import Table
from torch.utils.flop_counter import FlopCounterMode

import s2f.model
from s2f.model.data.loader import Batch
from s2f.model.training.config import TrainParams
from s2f.model.training.distributed import Distributed
from s2f.model.training.state import new_state
from s2f.model.training.step import train_step

ROUNDS = 5
RATE = 16_000


# The settings with which the demo trained at that commit: width 16, both adversaries of the paper.
PRESET = Path(s2f.model.__file__).parent / "presets/small.yaml"
STEPS_WORKER = Path(__file__).with_name("steps.py")
STEPS, SEEDS, LAST = 14, 3, 5
AT_LEAST = 1.5
# What hides from both what AVX2 has not.
AVX2 = {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}
# A large matrix product's speed is more than narrow convolutions can reach.
SHARE = 0.25


class Steps:
    """A process that trains one step at a time, of the earlier commit or of the present one."""

    def __init__(self, before: Path | None, hidden: dict[str, str]) -> None:
        path = {"PYTHONPATH": str(before)} if before else {}
        self._process = subprocess.Popen(
            [sys.executable, STEPS_WORKER, PRESET],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # The names of some settings have changed, which it says.
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, **hidden, **path},
        )

    def order(self, **what: int) -> dict[str, Any]:
        assert self._process.stdin and self._process.stdout
        print(json.dumps(what), file=self._process.stdin, flush=True)
        told: dict[str, Any] = json.loads(self._process.stdout.readline())
        return told

    def end(self) -> None:
        self._process.communicate()


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return earlier.unpacked(tmp_path_factory.mktemp("earlier"))


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("hidden", [{}, AVX2], ids=["all", "avx2"])
def test_a_step_against_an_earlier_commit(before: Path, hidden: dict[str, str], verdict: Verdict) -> None:
    """At the demo's settings then, in turns step by step; and the same losses, as far as seeds differ."""
    processes = {"earlier": Steps(before, hidden), "now": Steps(None, hidden)}
    limits = f"with {' '.join(map('='.join, hidden.items()))}" if hidden else "with all that it has"
    table = Table(f"a full step, width 16, {limits}", *processes, "times as fast")
    losses: dict[str, list[dict[str, float]]] = {name: [] for name in processes}
    for threads in (1, 2):
        seconds: dict[str, list[float]] = {name: [] for name in processes}
        for seed in range(SEEDS if threads == 1 else 1):
            frames = [each.order(seed=seed, threads=threads)["frames"] for each in processes.values()].pop()
            for step in range(STEPS):
                for name, each in list(processes.items())[:: 1 if step % 2 else -1]:
                    told = each.order()
                    if step >= 2:
                        seconds[name].append(told["seconds"])
                    if threads == 1 and step >= STEPS - LAST:
                        losses[name].append({**told["losses"], "seed": seed})
        speed = {name: frames / min(each) for name, each in seconds.items()}
        ratio = speed["now"] / speed["earlier"]
        table.add_row(
            f"frames/s, {threads} threads", *(f"{each:.0f}" for each in speed.values()), f"{ratio:.2f}"
        )
        figure, baseline = (
            f"{speed['now']:.0f} frames/s",
            f"{speed['earlier']:.0f} frames/s of {earlier.commit()}",
        )
        verdict(f"training step {limits}", figure, baseline, ratio, AT_LEAST, threads=threads)
    for each in processes.values():
        each.end()
    for tag in losses["now"][0].keys() - {"seed"}:
        old, new = (means(losses[name], tag) for name in processes)
        spread = max(old) - min(old)
        table.add_row(tag, *(f"{np.mean(each):.4f}" for each in (old, new)), f"seeds: {spread:.4f}")
        name, away = f"{tag} of both, {limits}", abs(float(np.mean(new) - np.mean(old)))
        verdict(name, f"{away:.4f} apart", f"seeds by {spread:.4f}", away / spread, 1.0, "less", threads=1)
    Console(width=110).print(table)


def means(losses: list[dict[str, float]], tag: str) -> list[float]:
    """The mean loss of each seed's last steps."""
    return [statistics.mean(each[tag] for each in losses if each["seed"] == seed) for seed in range(SEEDS)]


def test_a_step_against_its_arithmetic(verdict: Verdict) -> None:
    device = torch.device("cpu")
    torch.set_num_threads(1)
    batch = drawn(4, 25, device)
    params = TrainParams(width=16, batch=len(batch.still), precision="fp32")
    with FlopCounterMode(display=False) as counter:
        train_step(new_state(params, RATE, Distributed(device)), batch)
    work = counter.get_total_flops()
    state = new_state(params, RATE, Distributed(device))
    seconds = fastest(lambda: train_step(state, batch), device)
    product = product_speed(device, torch.float32)
    figure, baseline = (
        f"{work / seconds / 1e9:.0f} GFLOP/s",
        f"{product / 1e9:.0f} GFLOP/s of a matrix product",
    )
    verdict("training step in float32: arithmetic", figure, baseline, work / seconds / product, SHARE)


def drawn(clips: int, frames: int, device: torch.device) -> Batch:
    """A batch of noise of the shapes that GRID's clips give."""
    source = torch.Generator().manual_seed(0)

    def noise(*shape: int) -> torch.Tensor:
        return (2 * torch.rand(*shape, generator=source) - 1).to(device)

    names = tuple(str(number) for number in range(clips))
    size = (3, 128, 96)
    window = round(0.16 * RATE)
    parts = (noise(clips, *size), noise(clips, frames, *size), noise(clips, frames, window))
    return Batch(names, *parts, noise(clips, frames, 0))


def fastest(work: Callable[[], object], device: torch.device) -> float:
    """The median of some rounds, in seconds, after two that make what is made once."""
    seconds = []
    for _ in range(ROUNDS + 2):
        begun = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds[2:])


def product_speed(device: torch.device, kind: torch.dtype) -> float:
    """Floating-point operations per second of a large matrix product, the most that can be hoped for."""
    side = 8192 if device.type == "cuda" else 1024
    one, other = (torch.randn(side, side, device=device, dtype=kind) for _ in range(2))
    return 2 * side**3 / fastest(lambda: one @ other, device)
