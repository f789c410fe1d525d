"""Runs compared on clips that they were not trained on, beside the still frame and the real video.

Every clip is animated from its first frame and its sound by the code of `s2f animate`, in this
process; it is measured in others meanwhile.
"""

import itertools
import os
import random
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from s2f.model.animate import best_device, frames_for, generate
from s2f.model.checkpoint import Talker, load_talker
from s2f.model.metrics import Frames
from s2f.model.metrics.results import Evaluation, summarise
from s2f.model.metrics.scoring import REAL, STILL, Clip, Missing, Scored, score_clip
from s2f.model.shards import AGAIN, Media, Sample, Shard, read_clips, read_meta, read_shards
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
# Processes that measure, at most: more would wait for clips, and each clip that waits takes memory.
MOST_WORKERS = 16


@dataclass(frozen=True)
class _Recording:
    """A clip as the shards hold it."""

    clip_id: str
    frames: Frames
    sound: Sound
    media: Media


def evaluate(
    runs: list[Path],
    data: Place,
    split: str,
    console: Console,
    *,
    limit: int | None = None,
    seed: int = 0,
    workers: int = 0,
) -> Evaluation:
    """Animate and measure the clips of a split, or the first `limit` of them, under a progress bar.

    `workers` processes measure; 0 = one per CPU, up to 16. The same seed gives the same scores. A clip that
    cannot be read or measured is told in `missing`. Raises InputError where the data does not serve,
    CheckpointError where a run does not.
    """
    shards = read_shards(data, split)
    if not shards:
        raise InputError(f"{data} has no clips in the split '{split}'", "give another --split")
    wanted = [(shard, clip_id) for shard in shards for clip_id in shard.clips][:limit]
    device = best_device()
    first = _first(wanted)
    talkers = _load(runs, first.media, device)
    speeds = {name: _speed(talker, first, device) for name, talker in talkers.items()}
    scored: list[Scored] = []
    lost: list[Missing] = []
    clips = _animated(talkers, wanted, device, seed, lost)
    measuring = workers or min(os.cpu_count() or 1, MOST_WORKERS)
    with _room_for(measuring), _progress_bar(console) as bar:
        task = bar.add_task("", total=len(wanted), speed="")
        begun = time.perf_counter()
        for clip, result in run_local(score_clip, clips, measuring, TIME_LIMIT):
            if isinstance(result, WorkerLostError):
                lost.append(Missing(clip.clip_id, "", "", result.message))
            else:
                scored.append(result)
            done = len(scored) + len(lost)
            speed = f"{done / (time.perf_counter() - begun):.2f} clips/s"
            bar.update(task, completed=done, speed=speed)
        bar.update(task, completed=len(scored) + len(lost))
    if not scored:
        raise InputError(f"no clip could be measured: {lost[0].reason}", AGAIN)
    scored.sort(key=lambda each: each.clip_id)
    lost.sort(key=lambda each: each.clip_id)
    rows = [summarise(name, scored, seed, speeds.get(name)) for name in (*talkers, STILL, REAL)]
    missing = [*lost, *(each for clip in scored for each in clip.missing)]
    return Evaluation(split, len(wanted), seed, tuple(rows), tuple(scored), tuple(missing))


def _load(runs: list[Path], media: Media, device: torch.device) -> dict[str, Talker]:
    """The generators by the names of their folders, or by whole paths where these are ambiguous."""
    names = [run.resolve().name for run in runs]
    talkers = {}
    for run, name in zip(runs, names, strict=True):
        talker = load_talker(run, device)
        if (talker.fps, talker.sample_rate) != (media.fps, media.sample_rate):
            raise CheckpointError(
                f"{run} was trained on {talker.fps} frames per second and sound of {talker.sample_rate} Hz,"
                f" the clips have {media.fps} and {media.sample_rate}",
                "give the --data that it was trained on, or a set prepared with the same settings",
            )
        plain = names.count(name) == 1 and name not in (STILL, REAL)
        talkers[name if plain else str(run)] = talker
    return talkers


def _animated(
    talkers: dict[str, Talker],
    wanted: list[tuple[Shard, str]],
    device: torch.device,
    seed: int,
    lost: list[Missing],
) -> Iterator[Clip]:
    """The clips with what every run makes of them; those that cannot be read go into `lost`."""
    for clip_id, found in _recordings(wanted):
        if isinstance(found, InputError):
            lost.append(Missing(clip_id, "", "", found.message))
        else:
            made = {name: _animate(talker, found, device, seed) for name, talker in talkers.items()}
            yield Clip(clip_id, found.frames, made)


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
    return _Recording(meta.clip_id, frames, sound, Media(meta.rate, meta.sample_rate))


def _animate(talker: Talker, clip: _Recording, device: torch.device, seed: int) -> Frames:
    """What a run makes of a clip's first frame and sound. Its noise follows from (seed, clip) alone."""
    chance = random.Random(f"{seed} {clip.clip_id}").getrandbits(32)
    step = PIECE_SECONDS * talker.sample_rate
    pieces = (clip.sound[begin : begin + step] for begin in range(0, len(clip.sound), step))
    return np.stack(list(generate(talker, clip.frames[0], pieces, device, chance)))


def _first(wanted: list[tuple[Shard, str]]) -> _Recording:
    """The first clip that can be read. Raises InputError where there is none."""
    reasons = []
    for _, found in _recordings(wanted):
        if isinstance(found, _Recording):
            return found
        reasons.append(found.message)
    raise InputError(f"none of {len(reasons)} clips can be read: {reasons[0]}", AGAIN)


def _speed(talker: Talker, clip: _Recording, device: torch.device) -> tuple[float, float]:
    """Frames per second, and seconds of video per second, while nothing else is done."""
    seconds = []
    for _ in range(1 + TIMINGS):
        begun = time.perf_counter()
        _animate(talker, clip, device, 0)
        seconds.append(time.perf_counter() - begun)
    speed = len(clip.frames) / statistics.median(seconds[1:])
    return speed, speed / float(talker.fps)


@contextmanager
def _room_for(processes: int) -> Iterator[None]:
    """Leave CPUs to other processes: a thread of torch without a CPU holds up all of them."""
    threads = torch.get_num_threads()
    torch.set_num_threads(max(1, threads - processes))
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _progress_bar(console: Console) -> Progress:
    return Progress(
        TextColumn("clips"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[speed]}"),
        TimeRemainingColumn(elapsed_when_finished=True),
        console=console,
    )
