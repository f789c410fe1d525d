"""Clips for the scorer: those of a split, and those of any videos, whose faces are found and aligned."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from s2f.model.metrics import Frames
from s2f.model.shards import Sample, read_clips, read_meta, read_shards
from s2f.pipeline import mjpeg, wav
from s2f.pipeline.errors import InputError
from s2f.pipeline.faces import alignment, open_backend
from s2f.pipeline.faces.mouth import talking_frames
from s2f.pipeline.faces.tracking import find_tracks
from s2f.pipeline.files import Place, place
from s2f.pipeline.media import FrameReader, probe, read_audio
from s2f.pipeline.schema import FRAMES, SOUND
from s2f.pipeline.windows import Sound, fit_length, samples_for

# As `s2f prep` finds and smooths a face unless it is told otherwise.
EVERY, MAX_GAP, SMOOTH = 8, 5, 7
# Bytes of a video's pictures that are kept, so that they are not decoded again.
KEPT = 1 << 28


@dataclass(frozen=True)
class Clip:
    """Aligned faces uint8 (n, 128, 96, 3) and their mono sound, both from their begin."""

    name: str
    frames: Frames
    sound: Sound
    sample_rate: int
    fps: Fraction

    def late(self, frames: int) -> "Clip":
        """The clip with its sound so many frames later, or earlier; silence fills the gap."""
        moved = samples_for(abs(frames), self.fps, self.sample_rate)
        padded = np.pad(self.sound, (moved, 0)) if frames > 0 else self.sound[moved:]
        return replace(self, sound=fit_length(padded, len(self.sound)))


# A clip, or why it cannot be read, by its name.
Read = tuple[str, Clip | InputError]


def chosen(
    what: Sequence[str], split: str | None, limit: int | None, fps: Fraction, sample_rate: int
) -> tuple[int, Iterator[Read]]:
    """How many clips a person means, and each of them: those of a prepared set's split, or videos.

    Raises InputError where there are none.
    """
    if split is None:
        videos = [Path(each) for each in what][:limit]
        return len(videos), video_clips(videos, fps, sample_rate)
    if len(what) > 1:
        raise InputError("with --split one prepared set is measured", "give one folder, or leave out --split")
    count, clips = split_clips(place(what[0]), split, limit)
    if not count:
        raise InputError(f"{what[0]} has no clips in the split '{split}'", "give another --split")
    return count, clips


def split_clips(data: Place, split: str, limit: int | None = None) -> tuple[int, Iterator[Read]]:
    """How many clips a split has, at most `limit`, and each of them."""
    shards = read_shards(data, split)
    wanted = [(shard, clip_id) for shard in shards for clip_id in shard.clips][:limit]
    return len(wanted), (
        (clip_id, found if isinstance(found, InputError) else _decoded(found))
        for _, some in itertools.groupby(wanted, key=lambda each: each[0].path)
        for group in [list(some)]
        for clip_id, found in read_clips(group[0][0], [clip_id for _, clip_id in group])
    )


def video_clips(paths: Sequence[Path], fps: Fraction, sample_rate: int) -> Iterator[Read]:
    """The talking face and the sound of each video, at these rates."""
    for path in paths:
        try:
            yield str(path), read_video(path, fps, sample_rate)
        except InputError as error:
            yield str(path), error


def read_video(path: Path, fps: Fraction, sample_rate: int) -> Clip:
    """The talking face of a video, aligned, from the first frame that shows it to the last.

    A video of 96 x 128 px is taken as it is, as an aligned face. Raises InputError where it has no
    face or no sound.
    """
    start = probe(path).video_start
    reader = FrameReader(path, fps, keep_bytes=KEPT)
    first, frames = 0, None
    if _is_face(reader):
        frames = np.stack(list(reader))
    else:
        first, frames = _aligned(path, reader)
    pieces = read_audio(path, sample_rate, start=start + float(first / fps))
    sound = fit_length(np.concatenate(list(pieces)), samples_for(len(frames), fps, sample_rate))
    return Clip(str(path), frames, sound, sample_rate, fps)


def _decoded(sample: Sample) -> Clip | InputError:
    try:
        meta = read_meta(sample)
        frames, sound = mjpeg.decode(sample[FRAMES]), wav.decode(sample[SOUND])
    except InputError as error:
        return error
    return Clip(meta.clip_id, frames, sound, meta.sample_rate, meta.rate)


def _is_face(reader: FrameReader) -> bool:
    first = next(iter(reader), None)
    if first is None:
        raise InputError(f"{reader.path} holds no picture that can be read", "give another video")
    return first.shape == (alignment.HEIGHT, alignment.WIDTH, 3)


def _aligned(path: Path, reader: FrameReader) -> tuple[int, Frames]:
    """The number of the first frame that shows the face which talks most, and its crops from there on."""
    tracks, _ = find_tracks(reader, open_backend("dlib"), EVERY, MAX_GAP)
    if not tracks:
        raise InputError(f"no face is found in {path}", "give a video of a face from the front")
    best = max(tracks, key=lambda track: (talking_frames(np.stack(track.points)), len(track.frames)))
    first, stop = best.frames[0], best.frames[-1] + 1
    points = alignment.smooth(best.dense(first, stop).points, SMOOTH)
    pictures = itertools.islice(reader, first, stop)
    crops = [
        alignment.crop(picture, transform)
        for picture, transform in zip(pictures, alignment.similarity(points), strict=True)
    ]
    return first, np.stack(crops)
