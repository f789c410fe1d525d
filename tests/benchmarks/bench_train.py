"""A full training step against the time that its floating-point work alone would need on the same device.

On a GPU at the paper's width, in bfloat16 and compiled; else at the demo's width on one CPU thread.
"""

import statistics
import time
from collections.abc import Callable

import torch
from rich.console import Console
from rich.table import Table
from torch.utils.flop_counter import FlopCounterMode

from s2f.model.data.loader import Batch
from s2f.model.training.config import TrainParams
from s2f.model.training.distributed import Distributed
from s2f.model.training.state import new_state
from s2f.model.training.step import train_step

ROUNDS = 5
RATE = 16_000


def test_a_step_against_its_arithmetic() -> None:
    cuda = torch.cuda.is_available()
    device = torch.device("cuda" if cuda else "cpu")
    torch.set_num_threads(1)
    batch = drawn(16 if cuda else 4, 25, device)
    params = TrainParams(width=64 if cuda else 16, batch=len(batch.still))
    plain = params.model_copy(update={"precision": "fp32"})
    ways = {"fp32": plain}
    if cuda:
        ways |= {"bf16": params, "bf16, compiled": params.model_copy(update={"compile": True})}
    table = Table(f"{device.type}, width {params.width}", "frames/s", "TFLOP/s", "of a matrix product's")
    shares = {}
    for name, each in ways.items():
        state = new_state(each, RATE, Distributed(device))
        with FlopCounterMode(display=False) as counter:
            train_step(new_state(plain, RATE, Distributed(device)), batch)
        work = counter.get_total_flops()
        seconds = fastest(lambda state=state: train_step(state, batch), device)
        kind = torch.float32 if name == "fp32" else torch.bfloat16
        shares[name] = work / seconds / product_speed(device, kind)
        frames = batch.frames.shape[0] * batch.frames.shape[1]
        table.add_row(name, f"{frames / seconds:,.0f}", f"{work / seconds / 1e12:.3g}", f"{shares[name]:.0%}")
    Console(width=110).print(table)
    # A floor: below it something other than arithmetic takes nearly all of the time.
    assert max(shares.values()) > 0.05


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
