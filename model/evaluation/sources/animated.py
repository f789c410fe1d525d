"""Videos that trained runs make of the clips of a split, from the first frame and the sound of each.

The code of `s2f animate` makes them in this process, while other processes measure those that are done.
"""

import functools
import random
import statistics
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from s2f.model.data.recordings import Recording, first, listed, recordings
from s2f.model.evaluation.probes.measuring import Probed, probe_clip
from s2f.model.evaluation.probes.sounds import MOST_CLIPS, ProbedClip, others, sounds
from s2f.model.evaluation.sources.base import score_in_workers
from s2f.model.inference.animate import generate
from s2f.model.inference.runtime import load_prepared
from s2f.model.metrics import Frames
from s2f.model.metrics.scoring import ClipVideos, Measure, Missing, Scored, SetMeasure, row_names, score_clip
from s2f.model.networks.device import best_device, limited_threads
from s2f.model.networks.weights import Talker
from s2f.pipeline.core.errors import CheckpointError, InputError
from s2f.pipeline.core.prepared_set import PreparedSet
from s2f.pipeline.faces.settings import FaceSettings, read_settings

# The generator gets the sound in pieces, as in `s2f animate`, so that memory does not grow with the clip.
PIECE_SECONDS = 2
# How often one clip is animated to measure the speed, after a first time that does not count.
TIMINGS = 3
# Seconds that the measures of one clip may take.
TIME_LIMIT = 600.0


class Animated:
    """The clips of a split of a prepared set, or the first `limit` of them, and what runs make of them.

    The noise of a clip depends on the seed and the clip's id alone. `faces` finds the measured points; None
    for the backend of the set. Raises InputError where no clip can be read, CheckpointError where a run does
    not fit the clips.
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
        self._talkers = _load(runs, example, self._device)
        self.title = f"{split} split of {data}"
        self.source = {"data": str(data), "split": split}
        self.names = tuple(self._talkers)
        self.clips = tuple(clip_id for _, clip_id in self._wanted)
        self.media = example.media
        self.speeds = {name: self._speed(talker, example) for name, talker in self._talkers.items()}

    def score(self, workers: int, more: Sequence[Measure | SetMeasure]) -> Iterator[Scored | Missing]:
        """Animate each clip, and measure it in one of so many other processes."""
        unreadable: list[Missing] = []
        work = functools.partial(score_clip, faces=self._faces, more=more)
        # Leave CPUs to the other processes: torch is slow when one of its threads has to wait for a CPU.
        with limited_threads(torch.get_num_threads() - workers):
            clips = self._animated(self.clips, unreadable)
            yield from score_in_workers(work, clips, len(self.clips), workers, TIME_LIMIT, self._faces)
        yield from unreadable

    def show(self, wanted: Collection[str]) -> Iterator[ClipVideos]:
        """The wanted clips that can be read, with exactly the frames that are measured."""
        yield from self._animated(wanted, [])

    def probe(
        self, probes: Sequence[str], sync: Path | None, workers: int, seed: int
    ) -> Iterator[Probed | Missing]:
        """Animate the first clips with the sounds of the probes, and measure each in another process."""
        few = [found for _, found in recordings(self._wanted[:MOST_CLIPS]) if isinstance(found, Recording)]
        probed = (
            self._probed(clip, other, probes, seed)
            for clip, other in zip(few, others(few, seed), strict=True)
        )
        work = functools.partial(probe_clip, probes=probes, faces=self._faces, sync=sync)
        with limited_threads(torch.get_num_threads() - workers):
            yield from score_in_workers(work, probed, len(few), workers, TIME_LIMIT, self._faces)

    def _probed(
        self, clip: Recording, other: Recording | None, probes: Sequence[str], seed: int
    ) -> ProbedClip:
        heard = sounds(ProbedClip(clip, other), probes, seed)
        made = {
            run: {
                name: self._animate(talker, replace(clip, sound=sound), seed) for name, sound in heard.items()
            }
            for run, talker in self._talkers.items()
        }
        return ProbedClip(clip, other, made)

    def _animated(self, wanted: Collection[str], unreadable: list[Missing]) -> Iterator[ClipVideos]:
        """The wanted clips, animated by every run; those that cannot be read are added to `unreadable`."""
        talkers = self._talkers.items()
        for clip_id, recording in recordings([each for each in self._wanted if each[1] in wanted]):
            if isinstance(recording, InputError):
                unreadable.append(Missing(clip_id, "", "", recording.message))
                continue
            made = {name: self._animate(talker, recording, self._seed) for name, talker in talkers}
            yield ClipVideos(
                clip_id,
                recording.frames,
                made,
                recording.media.fps,
                recording.speaker,
                recording.sound,
                recording.media.sample_rate,
                recording.text,
            )

    def _animate(self, talker: Talker, clip: Recording, seed: int) -> Frames:
        chance = random.Random(f"{seed} {clip.clip_id}").getrandbits(32)
        step = PIECE_SECONDS * talker.sample_rate
        pieces = (clip.sound[begin : begin + step] for begin in range(0, len(clip.sound), step))
        return np.stack(list(generate(talker, clip.frames[0], pieces, self._device, chance)))

    def _speed(self, talker: Talker, clip: Recording) -> tuple[float, float]:
        """Frames per second, and seconds of video per second, while nothing else runs."""
        seconds = []
        for _ in range(1 + TIMINGS):
            begun = time.perf_counter()
            self._animate(talker, clip, 0)
            seconds.append(time.perf_counter() - begun)
        speed = len(clip.frames) / statistics.median(seconds[1:])
        return speed, speed / float(talker.fps)


def _load(runs: list[Path], example: Recording, device: torch.device) -> dict[str, Talker]:
    """The generators of runs that fit clips like the example, by the names of their rows."""
    talkers, media, size = {}, example.media, example.frames.shape[1:3]
    for run, name in zip(runs, row_names(runs), strict=True):
        talker = load_prepared(run, device)
        if (talker.fps, talker.sample_rate) != (media.fps, media.sample_rate):
            raise CheckpointError(
                f"{run} was trained on {talker.fps} frames per second and sound of {talker.sample_rate} Hz,"
                f" the clips have {media.fps} and {media.sample_rate}",
                "give the --data that it was trained on, or a set prepared with the same settings",
            )
        if talker.generator.size != size:
            width, height = talker.size
            raise CheckpointError(
                f"{run} was trained on faces of {width} x {height} px, the clips have {size[1]} x {size[0]}",
                f"give the --data that it was trained on, or prepare it with align.size=[{width},{height}]",
            )
        talkers[name] = talker
    return talkers
