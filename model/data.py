"""Shards to batches: streamed with webdataset, in an order that is a function of (seed, epoch).

The order of the shards, the split over the workers and the seeding of webdataset's shuffle are done
here, because its own options repeat one order in every epoch and cannot resume. Windows are cut on
the fly from the sound of the clip, since their length is a setting of the training.
"""

import itertools
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import webdataset
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from s2f.model.config import TrainParams
from s2f.model.shards import AGAIN, Shard, read_meta, read_samples
from s2f.pipeline import mjpeg, wav
from s2f.pipeline.errors import InputError, S2fError
from s2f.pipeline.schema import FRAMES, SOUND
from s2f.pipeline.windows import cut_windows, window_size, window_starts


@dataclass(frozen=True)
class Clip:
    """A piece of a clip: still uint8 (H, W, 3), frames uint8 (T, H, W, 3), windows float32 (T, samples)."""

    clip_id: str
    still: Tensor
    frames: Tensor
    windows: Tensor


@dataclass(frozen=True)
class Batch:
    """Clips for the networks: still (B, 3, H, W), frames (B, T, 3, H, W), windows (B, T, samples).

    Pictures are RGB in [-1, 1], sound is mono in [-1, 1].
    """

    clip_ids: tuple[str, ...]
    still: Tensor
    frames: Tensor
    windows: Tensor


def cut_clip(sample: dict[str, Any], seconds: float, first: int, count: int, mirror: bool = False) -> Clip:
    """`count` frames of a sample from frame `first` on, windows of `seconds`, and the clip's first frame."""
    meta = read_meta(sample)
    size = window_size(seconds, meta.sample_rate)
    starts = window_starts(count, meta.rate, meta.sample_rate, size, first=first)
    try:
        pictures = mjpeg.decode(sample[FRAMES], [0, *range(first, first + count)])
    except IndexError as error:
        raise InputError(f"the clip {meta.clip_id} has less than {meta.frames} frames", AGAIN) from error
    if mirror:
        pictures = np.ascontiguousarray(pictures[:, :, ::-1])
    windows = cut_windows(wav.decode(sample[SOUND]), starts, size)
    return Clip(
        meta.clip_id, torch.from_numpy(pictures[0]), torch.from_numpy(pictures[1:]), torch.from_numpy(windows)
    )


def collate(clips: list[Clip], device: torch.device) -> Batch:
    """Clips of equal length as one batch on `device`."""
    frames = torch.stack([clip.frames for clip in clips]).to(device)
    still = torch.stack([clip.still for clip in clips]).to(device)
    return Batch(
        clip_ids=tuple(clip.clip_id for clip in clips),
        still=still.permute(0, 3, 1, 2) / 127.5 - 1,
        frames=frames.permute(0, 1, 4, 2, 3) / 127.5 - 1,
        windows=torch.stack([clip.windows for clip in clips]).to(device),
    )


class ClipStream(IterableDataset[Clip | S2fError | None]):
    """One worker's share of an epoch, then of the next, each time it is iterated.

    Yields cut clips; None for clips that are certainly skipped on resuming, which are not decoded;
    and an error as a value, since a DataLoader would turn a raised one into a traceback's text.
    """

    def __init__(self, shards: list[Shard], params: TrainParams, epoch: int, skip: int) -> None:
        super().__init__()
        self.shards, self.params = shards, params
        self.epoch, self.skip = epoch, skip

    def __iter__(self) -> Iterator[Clip | S2fError | None]:
        worker = get_worker_info()
        index, count = (worker.id, worker.num_workers) if worker else (0, 1)
        # The clips are taken in turn from the workers: each gives at least this many of those skipped.
        share = self._share(self.epoch, index, count, self.skip // count)
        self.epoch, self.skip = self.epoch + 1, 0
        return share

    def _share(self, epoch: int, index: int, count: int, skip: int) -> Iterator[Clip | S2fError | None]:
        shards = list(self.shards)
        random.Random(f"{self.params.seed} {epoch}").shuffle(shards)
        order = random.Random(f"{self.params.seed} {epoch} {index}")
        samples = self._long_enough(shards[index::count])
        size = self.params.shuffle
        try:
            for number, sample in enumerate(
                webdataset.filters.shuffle(size, initial=size, rng=order)(samples)
            ):
                yield None if number < skip else self._cut(sample, epoch)
        except S2fError as error:
            yield error

    def _long_enough(self, shards: list[Shard]) -> Iterator[dict[str, Any]]:
        lengths = {clip: frames for shard in shards for clip, frames in shard.clips.items()}
        for sample in read_samples(shards):
            if lengths.get(sample["__key__"], 0) >= self.params.frames:
                yield sample

    def _cut(self, sample: dict[str, Any], epoch: int) -> Clip:
        """A stretch of the clip: where it lies and whether it is mirrored follow from (seed, epoch, clip)."""
        choice = random.Random(f"{self.params.seed} {epoch} {sample['__key__']}")
        first = choice.randint(0, read_meta(sample).frames - self.params.frames)
        mirror = self.params.mirror and choice.random() < 0.5
        return cut_clip(sample, self.params.window_seconds, first, self.params.frames, mirror)


class TrainBatches:
    """Endless batches of the train split; every epoch has the same number of them.

    An epoch takes each clip that is long enough once, but for those left over from the last full
    batch. Raises InputError where there is not enough for one batch.
    """

    def __init__(self, shards: list[Shard], params: TrainParams, device: torch.device) -> None:
        lengths = [frames for shard in shards for frames in shard.clips.values()]
        self.clips = sum(frames >= params.frames for frames in lengths)
        self.too_short = len(lengths) - self.clips
        self.per_epoch = self.clips // params.batch
        self.shards, self.params, self.device = shards, params, device
        if not self.per_epoch:
            raise InputError(
                f"the train split has {self.clips} clips of at least {params.frames} frames"
                f" (and {self.too_short} shorter ones), but a batch takes {params.batch}",
                "prepare more videos, or set train.batch or train.frames lower",
            )

    def start(self, step: int) -> Iterator[Batch]:
        """The batches from the one with number `step` on, counted from the beginning of the training."""
        epoch, position = divmod(step, self.per_epoch)
        skip = position * self.params.batch
        stream = ClipStream(self.shards, self.params, epoch, skip)
        workers = self.params.workers
        loader = DataLoader(
            stream,
            batch_size=None,
            num_workers=workers,
            persistent_workers=workers > 0,
            prefetch_factor=self.params.batch if workers else None,
        )
        while True:
            items = itertools.islice(_raising(loader), skip, None)
            for _ in range(position, self.per_epoch):
                clips = [clip for clip in itertools.islice(items, self.params.batch) if clip]
                if len(clips) < self.params.batch:
                    raise InputError("the shards hold other clips than their manifest says", AGAIN)
                yield collate(clips, self.device)
            skip = position = 0


def validation_batches(shards: list[Shard], params: TrainParams, device: torch.device) -> Iterator[Batch]:
    """The first clips of the val split, one per batch, each from its first frame on."""
    for sample in itertools.islice(read_samples(shards), params.validation_clips):
        frames = min(read_meta(sample).frames, params.validation_frames)
        yield collate([cut_clip(sample, params.window_seconds, 0, frames)], device)


def _raising(items: Iterable[Clip | S2fError | None]) -> Iterator[Clip | None]:
    """What the workers yield, with their errors raised."""
    for item in items:
        if isinstance(item, S2fError):
            raise item
        yield item
