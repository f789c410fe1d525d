"""What trained runs make of the clips of a split: each is animated from its first frame and its sound.

By the code of `s2f animate`, in this process; it is measured in others meanwhile.
"""

import itertools
import random
import statistics
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from s2f.model.animate import best_device, frames_for, generate
from s2f.model.checkpoint import Talker
from s2f.model.inference import load_prepared
from s2f.model.metrics import Frames
from s2f.model.metrics.scoring import Clip, Missing, Scored, row_names, score_clip
from s2f.model.shards import AGAIN, Media, Sample, Shard, read_clips, read_meta, read_split
from s2f.pipeline import mjpeg, wav
from s2f.pipeline.errors import CheckpointError, InputError
from s2f.pipeline.executors import WorkerLostError, run_local
from s2f.pipeline.files import Place
from s2f.pipeline.schema import FRAMES, SOUND
from s2f.pipeline.windows import Sound

# Sound is given to the generator in pieces, as `s2f animate` does: its memory does not grow with a clip.
PIECE_SECONDS = 2
# How often one clip is animated for the speed, after a first time that does not count.
TIMINGS = 3
# Seconds that the measures of one clip may take.
TIME_LIMIT = 600.0


@dataclass(frozen=True)
class _Recording:
    """A clip as the shards hold it."""

    clip_id: str
    speaker: str
    frames: Frames
    sound: Sound
    media: Media


class Animated:
    """The clips of a split of a prepared set, or the first `limit` of them, beside what runs make of them.

    The noise of a clip follows from the seed and the clip alone. Raises InputError where the data does
    not serve, CheckpointError where a run does not.
    """

    def __init__(self, runs: list[Path], data: Place, split: str, limit: int | None, seed: int) -> None:
        shards = read_split(data, split)
        self._wanted = [(shard, clip_id) for shard in shards for clip_id in shard.clips][:limit]
        self._device = best_device()
        self._seed = seed
        first = _first(self._wanted)
        self._talkers = _load(runs, first.media, self._device)
        self.title = f"{split} split of {data}"
        self.source = {"data": str(data), "split": split}
        self.names = tuple(self._talkers)
        self.clips = tuple(clip_id for _, clip_id in self._wanted)
        self.speeds = {name: self._speed(talker, first) for name, talker in self._talkers.items()}

    def score(self, workers: int) -> Iterator[Scored | Missing]:
        """Each clip measured, in so many processes, or why it cannot be, as they come."""
        lost: list[Missing] = []
        with _room_for(workers):
            for clip, found in run_local(score_clip, self._made(self.clips, lost), workers, TIME_LIMIT):
                if isinstance(found, WorkerLostError):
                    yield Missing(clip.clip_id, "", "", found.message)
                else:
                    yield found
        yield from lost

    def show(self, wanted: Collection[str]) -> Iterator[Clip]:
        """Some of the clips, with the very frames that are measured; none for those that cannot be read."""
        yield from self._made(wanted, [])

    def _made(self, wanted: Collection[str], lost: list[Missing]) -> Iterator[Clip]:
        """Clips with what every run makes of them; those that cannot be read go into `lost`."""
        for clip_id, found in _recordings([each for each in self._wanted if each[1] in wanted]):
            if isinstance(found, InputError):
                lost.append(Missing(clip_id, "", "", found.message))
                continue
            made = {name: self._animate(talker, found, self._seed) for name, talker in self._talkers.items()}
            media = found.media
            yield Clip(clip_id, found.frames, made, media.fps, found.speaker, found.sound, media.sample_rate)

    def _animate(self, talker: Talker, clip: _Recording, seed: int) -> Frames:
        chance = random.Random(f"{seed} {clip.clip_id}").getrandbits(32)
        step = PIECE_SECONDS * talker.sample_rate
        pieces = (clip.sound[begin : begin + step] for begin in range(0, len(clip.sound), step))
        return np.stack(list(generate(talker, clip.frames[0], pieces, self._device, chance)))

    def _speed(self, talker: Talker, clip: _Recording) -> tuple[float, float]:
        """Frames per second, and seconds of video per second, while nothing else is done."""
        seconds = []
        for _ in range(1 + TIMINGS):
            begun = time.perf_counter()
            self._animate(talker, clip, 0)
            seconds.append(time.perf_counter() - begun)
        speed = len(clip.frames) / statistics.median(seconds[1:])
        return speed, speed / float(talker.fps)


def _load(runs: list[Path], media: Media, device: torch.device) -> dict[str, Talker]:
    """The generators by the names of their rows."""
    talkers = {}
    for run, name in zip(runs, row_names(runs), strict=True):
        talker = load_prepared(run, device)
        if (talker.fps, talker.sample_rate) != (media.fps, media.sample_rate):
            raise CheckpointError(
                f"{run} was trained on {talker.fps} frames per second and sound of {talker.sample_rate} Hz,"
                f" the clips have {media.fps} and {media.sample_rate}",
                "give the --data that it was trained on, or a set prepared with the same settings",
            )
        talkers[name] = talker
    return talkers


def _recordings(wanted: list[tuple[Shard, str]]) -> Iterator[tuple[str, _Recording | InputError]]:
    """Each wanted clip of the shards, or why it cannot be read."""
    for _, group in itertools.groupby(wanted, key=lambda each: each[0].path):
        some = list(group)
        for clip_id, found in read_clips(some[0][0], [clip_id for _, clip_id in some]):
            try:
                yield clip_id, found if isinstance(found, InputError) else _decode(found)
            except InputError as error:
                yield clip_id, error


def _decode(sample: Sample) -> _Recording:
    meta = read_meta(sample)
    frames, sound = mjpeg.decode(sample[FRAMES]), wav.decode(sample[SOUND])
    heard = frames_for(len(sound), meta.rate, meta.sample_rate)
    if not len(frames) == heard == meta.frames:
        raise InputError(
            f"the clip {meta.clip_id} has {len(frames)} frames and sound for {heard}, not {meta.frames}",
            AGAIN,
        )
    return _Recording(meta.clip_id, meta.speaker, frames, sound, Media(meta.rate, meta.sample_rate))


def _first(wanted: list[tuple[Shard, str]]) -> _Recording:
    """The first clip that can be read. Raises InputError where there is none."""
    reasons = []
    for _, found in _recordings(wanted):
        if isinstance(found, _Recording):
            return found
        reasons.append(found.message)
    raise InputError(f"none of {len(reasons)} clips can be read: {reasons[0]}", AGAIN)


@contextmanager
def _room_for(processes: int) -> Iterator[None]:
    """Leave CPUs to other processes: a thread of torch without a CPU holds up all of them."""
    threads = torch.get_num_threads()
    torch.set_num_threads(max(1, threads - processes))
    try:
        yield
    finally:
        torch.set_num_threads(threads)
