"""A video and new speech to a video of the same face saying it: only the mouth region is another one."""

import itertools
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from s2f.model.inference.animate import Animation, Picture, check_files, even, generate, told
from s2f.model.inference.compositing import Compositor, Face, Part, calm_colours
from s2f.model.inference.runtime import load_prepared
from s2f.model.networks.device import best_device
from s2f.pipeline.core.errors import InputError
from s2f.pipeline.core.media import SYNTHETIC, FrameReader, check_sound, read_audio, write_video
from s2f.pipeline.core.progress import Progress
from s2f.pipeline.core.windows import frames_for
from s2f.pipeline.faces import identity, mouth
from s2f.pipeline.faces.alignment import smooth
from s2f.pipeline.faces.base import Backend, Points
from s2f.pipeline.faces.settings import DEFAULT_FACES, FaceSettings
from s2f.pipeline.faces.tracking import Track, by_talking, find_tracks

LOG = logging.getLogger(__name__)

# The face is looked for in every so many frames, and not seen in up to so many; its points are averaged over
# so many frames.
EVERY, GAP, SMOOTH = 8, 5, 7
# What has fewer frames is a photo, or a cover.
LEAST = 5
# Faces whose embeddings are further apart are those of two people (dlib's documentation).
SAME_PERSON = 0.6


def dub(
    run: Path,
    video: Path,
    audio: Path,
    out: Path,
    *,
    part: Part = "lower",
    faces: FaceSettings = DEFAULT_FACES,
    seed: int = 0,
    progress: Progress | None = None,
) -> Animation:
    """Write `video` with its face speaking `audio`, with the generator of a trained run.

    Of several people it is the one who talks most. Heads move as they did; frames in which the face is not
    seen stay as they are. The result ends with the speech, or with the video where that ends before.
    Raises InputError where video, sound or `out` cannot be used, CheckpointError for the run.
    """
    check_files(audio, out)
    device = best_device()
    talker = load_prepared(run, device)
    samples = check_sound(audio, talker.sample_rate)
    backend = faces.open()
    pictures = FrameReader(video, talker.fps)
    tracks, total = find_tracks(pictures, backend, EVERY, GAP)
    if total < LEAST:
        raise InputError(f"{video} shows {total} pictures: it is no video", "give a photo with --image")
    if not tracks:
        raise InputError(
            f"{video} shows no face", "give a video of a face from the front, 80 px wide or more"
        )
    points = _points(by_talking(tracks)[0].track)
    others = [other for other in map(_points, tracks) if not other.keys() & points.keys()]
    closed = _closed(points)
    wanted = {closed: points[closed]} | {_middle(other): other[_middle(other)] for other in others}
    crops = _crops(pictures, wanted, talker.size)
    still = crops[closed]
    points |= _elsewhere(others, crops, still, backend)
    sound = read_audio(audio, talker.sample_rate, chunk_seconds=1.0)
    generated = generate(talker, still, sound, device, seed)
    frames = _composited(pictures, points, generated, still, part)
    if progress:
        frames = told(frames, min(total, frames_for(samples, talker.fps, talker.sample_rate)), progress)
    count = write_video(out, frames, talker.fps, sound=audio, comment=SYNTHETIC)
    if next(generated, None) is not None:
        LOG.warning("%s ends before the speech: the rest of the speech is left out", video)
    return Animation(out, count, float(talker.fps), float(count / talker.fps))


def _composited(
    pictures: Iterable[Picture],
    points: dict[int, Points],
    generated: Iterator[Picture],
    still: Picture,
    part: Part,
) -> Iterator[Picture]:
    # The generated frame comes second: none is lost where the video ends.
    for number, (picture, frame) in enumerate(zip(pictures, generated, strict=False)):
        picture = even(picture)  # noqa: PLW2901
        if number in points:
            face = Face(picture, points[number], still.shape[1::-1])
            compositor = Compositor(face, part, moving=True)
            yield compositor.composite(calm_colours(frame, still))
        else:
            yield picture


def _points(track: Track) -> dict[int, Points]:
    """The smoothed points of a face by the numbers of the frames from its first to its last."""
    first, stop = track.frames[0], track.frames[-1] + 1
    return dict(zip(range(first, stop), smooth(track.dense(first, stop).points, SMOOTH), strict=True))


def _closed(points: dict[int, Points]) -> int:
    """The number of the frame in which the mouth is opened least."""
    return min(points, key=lambda number: float(mouth.relative_opening(points[number][None])[0]))


def _middle(points: dict[int, Points]) -> int:
    return list(points)[len(points) // 2]


def _crops(
    pictures: Iterable[Picture], wanted: dict[int, Points], size: tuple[int, int]
) -> dict[int, Picture]:
    """The aligned faces with these points by the numbers of their frames; the video is read once."""
    shown = itertools.islice(enumerate(pictures), max(wanted) + 1)
    return {number: Face(picture, wanted[number], size).crop for number, picture in shown if number in wanted}


def _elsewhere(
    others: list[dict[int, Points]], crops: dict[int, Picture], still: Picture, backend: Backend
) -> dict[int, Points]:
    """The points of the same person in other shots."""
    person = identity.embed(still[None], backend)[0]
    found: dict[int, Points] = {}
    for other in others:
        if other.keys() & found.keys():
            continue
        face = crops[_middle(other)]
        if np.linalg.norm(identity.embed(face[None], backend)[0] - person) < SAME_PERSON:
            found |= other
    return found
