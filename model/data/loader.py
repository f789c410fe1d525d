"""Shards to batches: streamed from the tars, in an order that is a function of (seed, epoch).

Windows are cut on the fly from the sound of the clip, since their length is a setting of the training.
"""

import gc
import itertools
import logging
import os
import random
import signal
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from s2f.model.data.config import LoaderParams
from s2f.model.data.motion import read_motion
from s2f.model.data.sampler import Entry, EpochShare, Sampler
from s2f.pipeline.core import mjpeg, wav
from s2f.pipeline.core.errors import InputError, MediaError, S2fError
from s2f.pipeline.core.schema import FRAMES, SOUND
from s2f.pipeline.core.shards import AGAIN, Sample, Shard, read_clips, read_meta, read_samples
from s2f.pipeline.core.signals import leave_to_parent, unheard
from s2f.pipeline.core.windows import cut_windows, window_size, window_starts

LOG = logging.getLogger(__name__)

Array = npt.NDArray[Any]

# How far augmentation moves a clip's windows against its frames.
SHIFT_SECONDS = 0.01

# So many of the clips that cannot be read does an error name.
NAMED = 12


@dataclass(frozen=True)
class CutClip:
    """A piece of a clip: still uint8 (H, W, 3), frames uint8 (T, H, W, 3), windows float32 (T, samples).

    `motion` is float32 (T, 41), see read_motion, or (T, 0) where nobody needs it.
    """

    clip_id: str
    still: Tensor
    frames: Tensor
    windows: Tensor
    motion: Tensor


@dataclass(frozen=True)
class Batch:
    """Clips for the networks: still (B, 3, H, W), frames (B, T, 3, H, W), windows (B, T, samples).

    Pictures are RGB in [-1, 1], sound is mono in [-1, 1]. `motion` is (B, T, 41), see read_motion, or
    (B, T, 0) where nobody needs it.
    """

    clip_ids: tuple[str, ...]
    still: Tensor
    frames: Tensor
    windows: Tensor
    motion: Tensor


class Stack(NamedTuple):
    """A batch as a worker hands it on: the tensors of CutClip with B before them, a quarter of the bytes.

    `unreadable` tells of clips that another one stands in for.
    """

    clip_ids: tuple[str, ...]
    still: Tensor | Array
    frames: Tensor | Array
    windows: Tensor | Array
    motion: Tensor | Array
    unreadable: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cut:
    """What is cut from a clip: `count` frames from frame `first` on, and the frame `still`.

    The windows begin `late` seconds after their due time.
    """

    first: int
    count: int
    mirror: bool = False
    still: int = 0
    late: float = 0.0


def cut_clip(
    sample: Sample, seconds: float, cut: Cut, *, motion: bool = False, pictures: bool = True
) -> CutClip:
    """A piece of a sample, with windows of `seconds`.

    With `motion`, the sample's points are read; without `pictures` none is decoded, and all are empty.

    Raises InputError, which names the clip, where it cannot be read.
    """
    first, count, still = cut.first, cut.count, cut.still
    meta = read_meta(sample)
    size = window_size(seconds, meta.sample_rate)
    starts = window_starts(count, meta.rate, meta.sample_rate, size, first=first)
    numbers = range(first, first + count)
    try:
        wanted = [still, *numbers] if still != first else [*numbers]
        shown = mjpeg.decode(sample[FRAMES], wanted) if pictures else np.zeros((count, 0, 0, 3), np.uint8)
        sound = wav.decode(sample[SOUND])
    except IndexError as error:
        raise InputError(f"the clip {meta.clip_id} has less than {meta.frames} frames", AGAIN) from error
    except MediaError as error:
        raise InputError(f"the clip {meta.clip_id} cannot be read: {error.message}", AGAIN) from error
    if cut.mirror:
        # By OpenCV, in place: numpy and torch take up to twenty times as long.
        for picture in shown if pictures else ():
            cv2.flip(picture, 1, picture)
    windows = torch.from_numpy(cut_windows(sound, starts + round(cut.late * meta.sample_rate), size))
    moved = read_motion(sample, mirror=cut.mirror)[first : first + count] if motion else np.zeros((count, 0))
    frames = torch.from_numpy(shown)
    return CutClip(meta.clip_id, frames[0], frames[-count:], windows, torch.from_numpy(np.float32(moved)))


def collate(clips: list[CutClip], device: torch.device) -> Batch:
    """Clips of equal length as one batch on `device`."""
    return _to_device(_stack(clips), device)


class ClipStream(IterableDataset[Stack | S2fError]):
    """One worker's batches from batch `step` of the training on, without end.

    An error comes as a value, since a DataLoader would turn a raised one into a traceback's text.
    """

    def __init__(self, sampler: Sampler, step: int) -> None:
        super().__init__()
        self.sampler, self.step = sampler, step

    def __iter__(self) -> Iterator[Stack | S2fError]:
        worker = get_worker_info()
        number, count = (worker.id, worker.num_workers) if worker else (0, 1)
        try:
            for share in self.sampler.shares(self.step, number, count):
                for stack in _Reading(self.sampler, share).batches():
                    yield _handed_on(stack) if worker else stack
        except S2fError as error:
            yield error


class _Reading:
    """One share of an epoch on its way from the tars into batches."""

    def __init__(self, sampler: Sampler, share: EpochShare) -> None:
        self.shards, self.params, self.share = sampler.shards, sampler.params, share
        # Clips of this share that are known to be unreadable, and why.
        self.lost: dict[Entry, str] = {}

    def batches(self) -> Iterator[Stack]:
        """The batches that are still to be done, all of them full."""
        turns = zip(itertools.count(self.share.done), self._samples(), strict=False)
        while some := list(itertools.islice(turns, self.params.batch)):
            told: list[str] = []
            clips = [self._clip(turn, found, told) for turn, found in some]
            yield _stack(clips, tuple(told))

    def _samples(self) -> Iterator[Sample | InputError]:
        """The samples in their turns; those that the tars give earlier are held, at most `shuffle`."""
        turns = self.share.turns[self.share.done :]
        stored = self._stored(set(turns))
        held: dict[Entry, Sample | InputError] = {}
        left = Counter(turns)
        for entry in turns:
            while entry not in held:
                early, found = next(stored)
                held[early] = found
            left[entry] -= 1
            yield held[entry] if left[entry] else held.pop(entry)

    def _stored(self, wanted: set[Entry]) -> Iterator[tuple[Entry, Sample | InputError]]:
        """The samples as they lie in the tars; a tar that holds none that is wanted is not opened."""
        for number, entries in itertools.groupby(self.share.stored, key=lambda entry: entry[0]):
            clips = dict.fromkeys(clip for shard, clip in entries if (shard, clip) in wanted)
            if clips:
                for clip, found in read_clips(self.shards[number], clips):
                    if isinstance(found, InputError):
                        # Known from now on: no stand-in is looked for in what is damaged.
                        self._lose((number, clip), found)
                    yield (number, clip), found

    def _clip(self, turn: int, found: Sample | InputError, told: list[str]) -> CutClip:
        """The clip whose turn it is, or another one where it cannot be read."""
        entry = self.share.turns[turn]
        try:
            # Only a balanced order takes a clip more than once.
            again = self.share.turns[:turn].count(entry) if self.params.balance else 0
            return self._cut(entry, found, again)
        except InputError as error:
            self._lose(entry, error)
        told.append(self.lost[entry])
        return self._stand_in(turn)

    def _stand_in(self, turn: int) -> CutClip:
        """The next clip of the share that can be read, beginning again at its end.

        It depends on the order alone, not on what was read before, so that a run that goes on in the
        middle of an epoch takes the same one.
        """
        turns = self.share.turns
        for entry in (turns[(turn + more) % len(turns)] for more in range(1, len(turns))):
            if entry in self.lost:
                continue
            number, clip_id = entry
            try:
                ((_, found),) = read_clips(self.shards[number], [clip_id])
                return self._cut(entry, found)
            except InputError as error:
                self._lose(entry, error)
        raise _unreadable(self.lost.values(), "and there is none to stand in for them")

    def _cut(self, entry: Entry, found: Sample | InputError, again: int = 0) -> CutClip:
        """A stretch of the clip: where it lies and whether it is mirrored follow from (seed, epoch, clip).

        `again` is how often the clip had its turn in this epoch before.
        """
        if isinstance(found, InputError):
            raise found
        params, (number, clip_id) = self.params, entry
        chance = random.Random(f"{params.seed} {self.share.epoch} {clip_id}{f' {again}' if again else ''}")
        first = chance.randint(0, self.shards[number].clips[clip_id] - params.frames)
        mirror = params.mirror and chance.random() < 0.5
        still = 0 if params.still == "first" else chance.randrange(self.shards[number].clips[clip_id])
        late = chance.uniform(-SHIFT_SECONDS, SHIFT_SECONDS) if params.augment_sound else 0.0
        cut = Cut(first, params.frames, mirror, still, late)
        return cut_clip(found, params.window_seconds, cut, motion=params.motion, pictures=params.pictures)

    def _lose(self, entry: Entry, error: InputError) -> None:
        self.lost[entry] = error.message
        if len(self.lost) > self.params.max_unreadable:
            raise _too_many(self.lost.values(), self.params)


class TrainBatches:
    """Endless batches of the train split for one of `world` ranks; all have the same number per epoch.

    An epoch takes each clip that is long enough once, but for those left over from the last full
    batches. For a clip that cannot be read another one stands in, `report` is told of it, and beyond
    `max_unreadable` such clips in an epoch InputError is raised. It is raised at once where there are
    too few clips for a batch on every rank, or it is not known whose the clips are that are to be balanced.
    """

    def __init__(
        self,
        shards: list[Shard],
        params: LoaderParams,
        device: torch.device,
        rank: int = 0,
        world: int = 1,
        report: Callable[[str], object] = LOG.warning,
        speakers: Mapping[str, str] = {},
    ) -> None:
        self.sampler = Sampler(shards, params, rank, world, speakers)
        self.clips, self.per_epoch = self.sampler.clips, self.sampler.per_epoch
        self.too_short = sum(len(shard.clips) for shard in shards) - self.clips
        self.params, self.device, self.report = params, device, report
        if not self.per_epoch:
            ranks = f" on each of {world} ranks" if world > 1 else ""
            raise InputError(
                f"the train split has {self.clips} clips of at least {params.frames} frames"
                f" (and {self.too_short} shorter ones), but a batch takes {params.batch}{ranks}",
                "prepare more videos, or set train.batch or train.frames lower",
            )
        unknown = sum(clip not in speakers for shard in shards for clip in shard.clips)
        if params.balance and unknown:
            raise InputError(
                f"train.balance needs to know who speaks, but that is not known of {unknown} of the train"
                " split's clips: manifests/scan.parquet of the prepared set does not name them",
                "put the set's folder manifests beside its shards, or set train.balance to 0",
            )

    def start(self, step: int) -> Iterator[Batch]:
        """The batches from the one with number `step` on, counted from the beginning of the training."""
        workers = min(self.params.workers, self.per_epoch)
        if workers:
            # A fork has none of this process's threads. Collected in there, what holds some, such as a
            # decoder, would wait for them for ever.
            gc.collect()
        loader = DataLoader(
            ClipStream(self.sampler, step),
            batch_size=None,
            # One without a batch in some epoch would have no turn.
            num_workers=workers,
            # Else arrays would be made tensors again.
            collate_fn=_as_it_is,
            worker_init_fn=_begin_worker,
            pin_memory=self.device.type == "cuda",
        )
        unreadable: list[str] = []
        full = False
        with unheard() if workers else nullcontext():
            batches = iter(loader)
        for number, found in enumerate(batches, start=step):
            if isinstance(found, S2fError):
                raise found
            if isinstance(found.frames, np.ndarray) and not full:
                full = True
                self.report("the shared memory, /dev/shm, is full: batches take a slower way")
            if number % self.per_epoch == 0:
                unreadable.clear()
            for told in found.unreadable:
                unreadable.append(told)
                self.report(
                    f"{told}; another clip stands in for it"
                    f" ({len(unreadable)} of at most {self.params.max_unreadable} in this epoch)"
                )
            if len(unreadable) > self.params.max_unreadable:
                raise _too_many(unreadable, self.params)
            yield _to_device(found, self.device)


def first_clips(
    shards: list[Shard], window_seconds: float, clips: int, frames: int, device: torch.device
) -> Iterator[Batch]:
    """The first so many clips of shards, one per batch, each from its first frame on, so long at most."""
    for sample in itertools.islice(read_samples(shards), clips):
        length = min(read_meta(sample).frames, frames)
        yield collate([cut_clip(sample, window_seconds, Cut(0, length))], device)


def _too_many(messages: Collection[str], params: LoaderParams) -> InputError:
    return _unreadable(
        messages, f"more than train.max_unreadable = {params.max_unreadable} allows in an epoch"
    )


def _unreadable(messages: Collection[str], consequence: str) -> InputError:
    """The error that ends a training whose clips cannot be read."""
    more = f"; and {len(messages) - NAMED} more" if len(messages) > NAMED else ""
    return InputError(
        f"{len(messages)} of the clips in the train split cannot be read, {consequence}:"
        f" {'; '.join(itertools.islice(messages, NAMED))}{more}",
        "run 's2f prep' again, which writes what is damaged anew, or raise train.max_unreadable",
    )


def _stack(clips: list[CutClip], unreadable: tuple[str, ...] = ()) -> Stack:
    return Stack(
        tuple(clip.clip_id for clip in clips),
        torch.stack([clip.still for clip in clips]),
        torch.stack([clip.frames for clip in clips]),
        torch.stack([clip.windows for clip in clips]),
        torch.stack([clip.motion for clip in clips]),
        unreadable,
    )


def _handed_on(stack: Stack) -> Stack:
    """A batch in shared memory; where that is full, as arrays, which go through a pipe.

    A worker that left this to its queue would lose the batch, and the trainer wait for it for ever.
    """
    still, frames, windows, motion = map(torch.as_tensor, stack[1:5])
    try:
        for tensor in (still, frames, windows, motion):
            # What is empty cannot be shared, and need not be.
            if tensor.numel():
                tensor.untyped_storage().share_memory_()
    except RuntimeError:
        arrays = still.numpy(), frames.numpy(), windows.numpy(), motion.numpy()
        return Stack(stack.clip_ids, *arrays, stack.unreadable)
    return stack


def _to_device(stack: Stack, device: torch.device) -> Batch:
    still, frames, windows, motion = (
        torch.as_tensor(part).to(device, non_blocking=True)
        for part in (stack.still, stack.frames, stack.windows, stack.motion)
    )
    return Batch(
        clip_ids=tuple(stack.clip_ids),
        still=_scaled(still.permute(0, 3, 1, 2)),
        frames=_scaled(frames.permute(0, 1, 4, 2, 3)),
        windows=windows,
        motion=motion,
    )


def _scaled(pictures: Tensor) -> Tensor:
    """uint8 as numbers in [-1, 1], in place once they are floats, which takes half as long."""
    return pictures.to(torch.float32).div_(127.5).sub_(1)


def _as_it_is(found: Any) -> Any:
    return found


def _begin_worker(_: int) -> None:
    """Leave Ctrl-C to the trainer, and end at once when it says so; all were its own handlers.

    A SIGTERM may come to all processes, and the trainer then finish its step: torch would raise an error
    in there for a worker that has failed, so this one has not.
    """
    leave_to_parent()
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
