"""Clips for the scorer: those of a split, and those of any videos, whose faces are found and aligned."""

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

# A clip, or why it cannot be read, by its name.
Read = tuple[str, Recording | InputError]


def chosen(
    what: Sequence[str], split: str | None, limit: int | None, media: Media, faces: FaceSettings
) -> tuple[int, Iterator[Read]]:
    """How many clips a person means, and each of them: those of a prepared set's split, or videos.

    Raises InputError where there are none.
    """
    if split is None:
        videos = [Path(each) for each in what][:limit]
        return len(videos), _videos(videos, media, faces)
    if len(what) > 1:
        raise InputError("with --split one prepared set is measured", "give one folder, or leave out --split")
    wanted = listed(PreparedSet(what[0]), split, limit)
    return len(wanted), recordings(wanted)


def read_video(path: Path, media: Media, faces: FaceSettings) -> Recording:
    """The talking face of a video, aligned, and its own sound, at these rates.

    Raises InputError where it does not show a face all the time, or has no sound.
    """
    face = Video(path, media.fps, faces).face
    sound = read_sound(path, media.fps, media.sample_rate, len(face))
    return Recording(str(path), face, sound, media)


def late(clip: Recording, frames: int) -> Recording:
    """The clip with its sound so many frames later, or earlier; silence fills the gap."""
    moved = samples_for(abs(frames), clip.media.fps, clip.media.sample_rate)
    padded = np.pad(clip.sound, (moved, 0)) if frames > 0 else clip.sound[moved:]
    return replace(clip, sound=fit_length(padded, len(clip.sound)))


def _videos(paths: Sequence[Path], media: Media, faces: FaceSettings) -> Iterator[Read]:
    for path in paths:
        try:
            yield str(path), read_video(path, media, faces)
        except InputError as error:
            yield str(path), error
