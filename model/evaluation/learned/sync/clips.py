"""Clips for the scorer: from a split of a prepared set, or from any videos, whose faces are aligned first."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from s2f.model.data.recordings import Recording, listed, recordings
from s2f.model.evaluation.sources.footage import Video, read_sound
from s2f.pipeline.core.errors import InputError
from s2f.pipeline.core.prepared_set import PreparedSet
from s2f.pipeline.core.shards import Media
from s2f.pipeline.core.windows import fit_length, samples_for
from s2f.pipeline.faces.settings import FaceSettings

# The name of a clip, and the clip or why it cannot be read.
NamedRecording = tuple[str, Recording | InputError]


def chosen(
    what: Sequence[str], split: str | None, limit: int | None, media: Media, faces: FaceSettings
) -> tuple[int, Iterator[NamedRecording]]:
    """The number of chosen clips, and each of them: those of a prepared set's split, or `what` as videos.

    Raises InputError where there are none.
    """
    if split is None:
        videos = [Path(each) for each in what][:limit]
        return len(videos), _videos(videos, media, faces)
    if len(what) > 1:
        raise InputError("--split takes one prepared set", "give one folder, or leave out --split")
    wanted = listed(PreparedSet(what[0]), split, limit)
    return len(wanted), recordings(wanted)


def read_video(path: Path, media: Media, faces: FaceSettings) -> Recording:
    """The aligned talking face of a video and its own sound, at these rates.

    Raises InputError where the face is not visible all the time, or there is no sound.
    """
    face = Video(path, media.fps, faces).face
    sound = read_sound(path, media.fps, media.sample_rate, len(face))
    return Recording(str(path), face, sound, media)


def late(clip: Recording, frames: int) -> Recording:
    """The clip with its sound delayed by so many frames, or early if negative; silence fills the gap."""
    moved = samples_for(abs(frames), clip.media.fps, clip.media.sample_rate)
    padded = np.pad(clip.sound, (moved, 0)) if frames > 0 else clip.sound[moved:]
    return replace(clip, sound=fit_length(padded, len(clip.sound)))


def _videos(paths: Sequence[Path], media: Media, faces: FaceSettings) -> Iterator[NamedRecording]:
    for path in paths:
        try:
            yield str(path), read_video(path, media, faces)
        except InputError as error:
            yield str(path), error
