"""The aligned face of any video, and its sound, by the operations of `s2f prep` with its defaults."""

import functools
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from s2f.model.metrics import Frames
from s2f.model.metrics.mouth import LOOKS
from s2f.pipeline.core.errors import InputError
from s2f.pipeline.core.media import FrameReader, probe, read_audio
from s2f.pipeline.core.windows import Sound, fit_length, samples_for
from s2f.pipeline.faces import alignment
from s2f.pipeline.faces.base import Box, Picture
from s2f.pipeline.faces.settings import FaceSettings
from s2f.pipeline.faces.tracking import SAME_FACE, by_talking, find_tracks, intersection_over_union

# The defaults of `s2f prep`.
EVERY, MAX_GAP, SMOOTH = 8, 5, 7

# Pictures are enlarged until their shorter side has this many px: dlib finds no face under 80 px.
LEAST_SIDE = 240
# The most bytes of a video's pictures that are kept, so that they are not decoded again.
KEPT = 1 << 28
HINT = "give a video of one face from the front"


class Video:
    """A video at a frame rate, and the face that talks in it.

    Nothing is read before it is used; what cannot be read then raises InputError.
    """

    def __init__(self, path: Path, fps: Fraction, faces: FaceSettings) -> None:
        self.path, self.fps, self._faces = path, fps, faces
        self._reader = FrameReader(path, fps, keep_bytes=KEPT)

    def __iter__(self) -> Iterator[Picture]:
        if self.enlarged == 1:
            yield from self._reader
            return
        for picture in self._reader:
            size = (self.enlarged * picture.shape[1], self.enlarged * picture.shape[0])
            yield np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC), np.uint8)

    @functools.cached_property
    def size(self) -> tuple[int, int]:
        """Width and height of a picture in px."""
        probe(self.path)
        first = next(iter(self._reader), None)
        if first is None:
            raise InputError(f"{self.path} holds no picture that can be read", "check that it is whole")
        return first.shape[1], first.shape[0]

    @property
    def is_face(self) -> bool:
        """Whether its pictures are already aligned faces."""
        return alignment.is_face_size(*self.size)

    @property
    def enlarged(self) -> int:
        """The factor by which its pictures are enlarged."""
        return 1 if self.is_face else -(-LEAST_SIDE // min(*self.size, LEAST_SIDE))

    @functools.cached_property
    def track(self) -> tuple[list[Box], alignment.Transforms]:
        """The box of the face in every frame, and the transforms (n, 2, 3) that align it."""
        assert self.size
        tracks, total = find_tracks(self, self._faces.open(), EVERY, MAX_GAP)
        if not tracks:
            raise InputError(f"no face is found in {self.path}", HINT)
        face = by_talking(tracks)[0].track
        if (gap := face.longest_gap(total)) > MAX_GAP:
            raise InputError(
                f"the face in {self.path} is not seen for {gap} of {total} frames in a row", HINT
            )
        dense = face.dense(0, total)
        return list(dense.boxes), alignment.similarity(alignment.smooth(dense.points, SMOOTH))

    @functools.cached_property
    def face(self) -> Frames:
        """Its aligned face, (n, 128, 96, 3)."""
        if not self.is_face:
            return self.cut(self.track[1])
        return alignment.usual_size(np.stack(list(self)))

    def cut(self, transforms: alignment.Transforms) -> Frames:
        """The crops of its pictures by the transforms, as many as there are of both: (n, 128, 96, 3)."""
        crops = [alignment.crop(picture, each) for picture, each in zip(self, transforms, strict=False)]
        return np.stack(crops)

    def shows_elsewhere(self, boxes: list[Box]) -> bool:
        """Whether most of five frames show a face, but not in the box of that frame."""
        looks = set(np.linspace(0, len(boxes) - 1, LOOKS).round().astype(int).tolist())
        backend = self._faces.open()
        elsewhere = 0
        for number, (picture, box) in enumerate(zip(self, boxes, strict=False)):
            faces = backend.detect(picture) if number in looks else []
            near = any(intersection_over_union(face.box, box) >= SAME_FACE for face in faces)
            elsewhere += bool(faces) and not near
        return 2 * elsewhere > LOOKS


def read_sound(path: Path, fps: Fraction, sample_rate: int, frames: int) -> Sound:
    """The mono sound of a video from the first frame on, (samples,), as long as so many frames take.

    What is lacking at the end is silence. Raises MediaError where it has no sound.
    """
    pieces = list(read_audio(path, sample_rate, start=probe(path).video_start))
    return fit_length(np.concatenate(pieces), samples_for(frames, fps, sample_rate))
