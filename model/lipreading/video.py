"""The aligned face of a video, by the code that aligned the training's clips."""

from fractions import Fraction
from pathlib import Path

import numpy as np

from s2f.model.lipreading.mouths import Frames
from s2f.pipeline.errors import InputError
from s2f.pipeline.faces import open_backend
from s2f.pipeline.faces.alignment import HEIGHT, WIDTH, crop, similarity, smooth
from s2f.pipeline.faces.mouth import talking_frames
from s2f.pipeline.faces.tracking import find_tracks
from s2f.pipeline.media import FrameReader

# As the detect and align stages do it by default.
EVERY, MAX_GAP, SMOOTH = 8, 5, 7


def read_faces(path: Path, fps: Fraction) -> Frames:
    """The aligned crops uint8 (n, 128, 96, 3) of the face that talks in a video, brought to a frame rate.

    A video of 96 x 128 px, such as `s2f animate` writes, holds them already. Raises MediaError where it
    cannot be read, InputError where no face is seen.
    """
    pictures = list(FrameReader(path, fps))
    if pictures and pictures[0].shape == (HEIGHT, WIDTH, 3):
        return np.stack(pictures)
    tracks, total = find_tracks(pictures, open_backend("dlib"), EVERY, MAX_GAP)
    talks = [(talking_frames(np.stack(track.points)), len(track.frames)) for track in tracks]
    track = tracks[talks.index(max(talks))] if tracks else None
    if track is None or track.longest_gap(total) > MAX_GAP:
        raise InputError(
            f"{path} does not show a face all the time",
            "give a video of one face from the front, 80 px wide or more",
        )
    points = smooth(track.dense(0, total).points, SMOOTH)
    return np.stack(
        [crop(picture, transform) for picture, transform in zip(pictures, similarity(points), strict=True)]
    )
