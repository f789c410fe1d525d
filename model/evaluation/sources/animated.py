"""What trained runs make of the clips of a split: each is animated from its first frame and its sound.

By the code of `s2f animate`, in this process; it is measured in others meanwhile.
"""

import functools
import random
import statistics
import time
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from s2f.model.data.recordings import Recording, first, listed, recordings
from s2f.model.inference.animate import generate
from s2f.model.inference.runtime import load_prepared
from s2f.model.metrics import Frames
from s2f.model.metrics.scoring import PRELOAD, Clip, Measure, Missing, Scored, row_names, score_clip
from s2f.model.networks.device import best_device, limited_threads
from s2f.model.networks.weights import Talker
from s2f.pipeline.core.errors import CheckpointError, InputError
from s2f.pipeline.core.executors import WorkerLostError, open_executor
from s2f.pipeline.core.prepared_set import PreparedSet
from s2f.pipeline.core.shards import Media
from s2f.pipeline.faces import preload
from s2f.pipeline.faces.settings import FaceSettings, read_settings

# Sound is given to the generator in pieces, as `s2f animate` does: its memory does not grow with a clip.
PIECE_SECONDS = 2
# How often one clip is animated for the speed, after a first time that does not count.
TIMINGS = 3
# Seconds that the measures of one clip may take.
TIME_LIMIT = 600.0


class Animated:
    """The clips of a split of a prepared set, or the first `limit` of them, beside what runs make of them.

    The noise of a clip follows from the seed and the clip alone. `faces` finds the points that are measured,
    else what found them in the set. Raises InputError where the data does not serve, CheckpointError where a
    run does not.
    """

    def __init__(
        self,
        runs: list[Path],
        data: PreparedSet,
        split: str,
        limit: int | None,
        seed: int,
        faces: FaceSettings | None = None,
    ) -> None:
        self._faces = faces or read_settings(data)
        self._wanted = listed(data, split, limit)
        self._device = best_device()
        self._seed = seed
        example = first(self._wanted)
        self._talkers = _load(runs, example.media, self._device)
        self.title = f"{split} split of {data}"
        self.source = {"data": str(data), "split": split}
        self.names = tuple(self._talkers)
        self.clips = tuple(clip_id for _, clip_id in self._wanted)
        self.media = example.media
        self.speeds = {name: self._speed(talker, example) for name, talker in self._talkers.items()}

    def score(self, workers: int, more: Sequence[Measure]) -> Iterator[Scored | Missing]:
        """Each clip measured, in so many processes, or why it cannot be, as they come."""
        lost: list[Missing] = []
        work = functools.partial(score_clip, faces=self._faces, more=more)
        # CPUs are left to the other processes: a thread of torch without a CPU holds up all of them.
        with limited_threads(torch.get_num_threads() - workers):
            executor = open_executor(workers=workers, preload=(*PRELOAD, *preload(self._faces.backend)))
            made = self._made(self.clips, lost)
            for clip, found in executor.run(work, made, len(self.clips), TIME_LIMIT):
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
        for clip_id, found in recordings([each for each in self._wanted if each[1] in wanted]):
            if isinstance(found, InputError):
                lost.append(Missing(clip_id, "", "", found.message))
                continue
            made = {name: self._animate(talker, found, self._seed) for name, talker in self._talkers.items()}
            media = found.media
            yield Clip(
                clip_id,
                found.frames,
                made,
                media.fps,
                found.speaker,
                found.sound,
                media.sample_rate,
                found.text,
            )

    def _animate(self, talker: Talker, clip: Recording, seed: int) -> Frames:
        chance = random.Random(f"{seed} {clip.clip_id}").getrandbits(32)
        step = PIECE_SECONDS * talker.sample_rate
        pieces = (clip.sound[begin : begin + step] for begin in range(0, len(clip.sound), step))
        return np.stack(list(generate(talker, clip.frames[0], pieces, self._device, chance)))

    def _speed(self, talker: Talker, clip: Recording) -> tuple[float, float]:
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
