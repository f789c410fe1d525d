"""Clips as the shards hold them: aligned faces with their sound."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from s2f.pipeline.core import mjpeg, wav
from s2f.pipeline.core.errors import InputError
from s2f.pipeline.core.prepared_set import PreparedSet
from s2f.pipeline.core.schema import FRAMES, SOUND
from s2f.pipeline.core.shards import AGAIN, Media, Sample, Shard, read_clips, read_meta
from s2f.pipeline.core.windows import Sound, frames_for


@dataclass(frozen=True)
class Recording:
    """Aligned faces uint8 (n, 128, 96, 3) and their mono sound (samples,), both from their begin.

    `text` is what is said, or empty.
    """

    clip_id: str
    frames: mjpeg.Frames
    sound: Sound
    media: Media
    speaker: str = ""
    text: str = ""


# Clips, each with the shard that holds it; those of a shard follow each other.
Listed = Sequence[tuple[Shard, str]]


def listed(data: PreparedSet, split: str | None, limit: int | None = None) -> Listed:
    """The clips of a split or of all splits, or the first `limit` of them.

    Raises InputError where there are none.
    """
    return [(shard, clip_id) for shard in data.split(split) for clip_id in shard.clips][:limit]


def recordings(wanted: Listed) -> Iterator[tuple[str, Recording | InputError]]:
    """Each wanted clip, or why it cannot be read."""
    for _, group in itertools.groupby(wanted, key=lambda each: each[0].path):
        some = list(group)
        for clip_id, found in read_clips(some[0][0], [clip_id for _, clip_id in some]):
            try:
                yield clip_id, found if isinstance(found, InputError) else _decode(found)
            except InputError as error:
                yield clip_id, error


def first(wanted: Listed) -> Recording:
    """The first clip that can be read. Raises InputError where there is none."""
    reasons = []
    for _, found in recordings(wanted):
        if isinstance(found, Recording):
            return found
        reasons.append(found.message)
    raise InputError(f"none of {len(reasons)} clips can be read: {reasons[0]}", AGAIN)


def _decode(sample: Sample) -> Recording:
    meta = read_meta(sample)
    frames, sound = mjpeg.decode(sample[FRAMES]), wav.decode(sample[SOUND])
    heard = frames_for(len(sound), meta.rate, meta.sample_rate)
    if not len(frames) == heard == meta.frames:
        raise InputError(
            f"the clip {meta.clip_id} has {len(frames)} frames and sound for {heard}, not {meta.frames}",
            AGAIN,
        )
    media = Media(meta.rate, meta.sample_rate)
    return Recording(meta.clip_id, frames, sound, media, meta.speaker, meta.text or "")
