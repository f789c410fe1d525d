"""How fast batches come, against plain webdataset on the same shards; how long a training waits for them."""

import gc
import io
import itertools
import time
from collections.abc import Callable

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch
import webdataset
from report import Verdict
from rich.console import Console
from rich.table import Table
from support.prepared import Prepared

from s2f.model.data.loader import ClipStream, TrainBatches
from s2f.model.training.config import TrainParams
from s2f.model.training.distributed import Distributed
from s2f.model.training.state import new_state
from s2f.model.training.step import train_step
from s2f.pipeline.core.prepared_set import PreparedSet
from s2f.pipeline.core.shards import Shard

ROUNDS = 7
STEPS = 12
# As prep stores sound by default.
SAMPLE_RATE = 16_000
CPU = torch.device("cpu")
# Times plain webdataset, with whole clips and with pieces: what a core of a shared machine can do differs by
# some per cent from round to round. And the share of a step that may be spent waiting.
WHOLE, PIECES = 0.95, 2.0
MOST_WAITING = 0.1


@pytest.fixture(scope="module")
def shards(prepared_grid: Prepared) -> list[Shard]:
    """The train split of GRID's clips."""
    return PreparedSet(prepared_grid.out).split_or_empty("train")


def plain(shards: list[Shard], piece: int | None = None) -> int:
    """Read and decode every clip with webdataset and no more; the number of frames, of pieces if so asked."""
    tars = [str(shard.path) for shard in shards]
    dataset = webdataset.WebDataset(tars, shardshuffle=False, empty_check=False)
    return sum(len(frames[:piece]) for frames in dataset.map(pictures))


def pictures(sample: dict[str, bytes]) -> npt.NDArray[np.uint8]:
    """The frames of a sample, by PyAV and the same JPEG decoder: what one would write without s2f."""
    with av.open(io.BytesIO(sample["avi"])) as container:
        jpegs = [np.frombuffer(bytes(each), np.uint8) for each in container.demux(video=0) if each.size]
    return np.stack([cv2.imdecode(jpeg, cv2.IMREAD_COLOR_RGB) for jpeg in jpegs])


def stacks(batches: TrainBatches) -> int:
    """An epoch as a worker makes it: shuffled, with windows, stacked; the number of frames."""
    stream = itertools.islice(iter(ClipStream(batches.sampler, 0)), batches.per_epoch)
    return sum(stack.frames.shape[0] * stack.frames.shape[1] for stack in stream)


def floats(batches: TrainBatches) -> int:
    """The same as the networks take it, in floats; the number of frames."""
    epoch = itertools.islice(batches.start(0), batches.per_epoch)
    return sum(batch.frames.shape[0] * batch.frames.shape[1] for batch in epoch)


def speeds(ways: dict[str, Callable[[], int]]) -> dict[str, float]:
    """Frames per CPU second of each way, the best of several rounds in which they take turns."""
    found = dict.fromkeys(ways, 0.0)
    for _, (name, work) in itertools.product(range(ROUNDS), ways.items()):
        begun = time.process_time()
        count = work()
        found[name] = max(found[name], count / (time.process_time() - begun))
    return found


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_batches_against_plain_webdataset(shards: list[Shard], verdict: Verdict) -> None:
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    shortest = min(frames for shard in shards for frames in shard.clips.values())
    whole, pieces = (
        TrainBatches(shards, TrainParams(frames=frames, batch=2, workers=0), CPU) for frames in (shortest, 25)
    )
    ways = {
        "webdataset, whole clips": lambda: plain(shards),
        "s2f, whole clips with windows": lambda: stacks(whole),
        "webdataset, pieces of 25 frames": lambda: plain(shards, 25),
        "s2f, pieces of 25 frames with windows": lambda: stacks(pieces),
        "s2f, the same as floats": lambda: floats(pieces),
    }
    found = speeds(ways)
    # WebDataset leaves its files to the garbage collector.
    gc.collect()
    names = list(ways)
    table = Table("one core", "frames/s", "against webdataset")
    for number, (name, speed) in enumerate(found.items()):
        base = found[names[0] if number < 2 else names[2]]
        table.add_row(name, f"{speed:,.0f}", f"{speed / base:.2f}")
    Console(width=110).print(table)
    for plainly, ours, bound in ((names[0], names[1], WHOLE), (names[2], names[3], PIECES)):
        figure, baseline = f"{found[ours]:,.0f} frames/s", f"{found[plainly]:,.0f} frames/s of {plainly}"
        verdict(f"loader: {ours}", figure, baseline, found[ours] / found[plainly], bound)


def waiting(shards: list[Shard], params: TrainParams, device: torch.device) -> tuple[float, float]:
    """Seconds per training step, and the share of it that is spent waiting for the batch."""
    state = new_state(params, SAMPLE_RATE, Distributed(device))
    batches = TrainBatches(shards, params, device).start(0)
    waited = worked = 0.0
    for step in range(STEPS + 2):
        begun = time.perf_counter()
        batch = next(batches)
        came = time.perf_counter()
        train_step(state, batch)
        if device.type == "cuda":
            torch.cuda.synchronize()
        # The first steps make what is made once: processes, buffers, kernels.
        if step >= 2:
            waited += came - begun
            worked += time.perf_counter() - came
    return (waited + worked) / STEPS, waited / (waited + worked)


@pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning", "ignore:.*fork.*")
def test_a_training_hardly_waits_for_data(shards: list[Shard], verdict: Verdict) -> None:
    """At the demo's width on a CPU; at the paper's where there is a GPU."""
    cuda = torch.cuda.is_available()
    device, width = (torch.device("cuda"), 64) if cuda else (CPU, 16)
    torch.set_num_threads(1)
    table = Table(f"{device.type}, width {width}", "s/step", "waiting for data")
    shares = {}
    for workers in (0, 1, 8) if cuda else (0, 1):
        params = TrainParams(width=width, workers=workers, batch=4)
        seconds, shares[workers] = waiting(shards, params, device)
        table.add_row(f"{workers} workers", f"{seconds:.3f}", f"{shares[workers]:.1%}")
    Console(width=110).print(table)
    name, share = f"loader: waiting at width {width}, {max(shares)} workers", shares[max(shares)]
    figure, baseline = f"{1000 * share * seconds:.1f} ms", f"{1000 * seconds:.0f} ms per step"
    verdict(name, figure, baseline, share, MOST_WAITING, "less")
