"""Faces with MediaPipe's FaceLandmarker (the Tasks API): 478 points, 68 of them in dlib's order.

Every picture is looked at by itself, so that a clip's result depends on that clip alone.
"""

import atexit
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from s2f.pipeline.core.errors import MissingError
from s2f.pipeline.faces.base import Box, Detection, Picture, Points
from s2f.pipeline.faces.mediapipe_model import face_landmarker

PRELOAD = ()

# MediaPipe's point for each of the 68: jaw, brows, nose, eyes, outer lips, inner lips.
POINTS = (
    *(162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389),
    *(71, 63, 105, 66, 107, 336, 296, 334, 293, 301),
    *(168, 197, 5, 4, 75, 97, 2, 326, 305),
    *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),
    *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181),
    *(78, 82, 13, 312, 308, 317, 14, 87),
)
FACES = 8
# The detector wants some room around a face.
MARGIN = 0.5

# What is closed when Python ends: a landmarker that is deleted later complains, for some of MediaPipe is gone
# then. This stands before MediaPipe's import, so that it is called after what that does at the end.
_OPENED = ExitStack()
atexit.register(_OPENED.close)


def open_backend(max_side: int, model: str | None) -> "MediapipeBackend":
    """See BackendModule; the detector reduces pictures by itself."""
    return MediapipeBackend(face_landmarker(model))


def model_files(model: str | None) -> list[Path]:
    """The landmarker's file; see BackendModule."""
    return [face_landmarker(model)]


class MediapipeBackend:
    """MediaPipe's face landmarker. Raises MissingError where the package is not installed."""

    def __init__(self, model: Path) -> None:
        try:
            import mediapipe
            from mediapipe.tasks.python import BaseOptions, vision
        except ImportError as error:
            raise MissingError(
                f"MediaPipe cannot be loaded: {error}", 'pip install "s2f[mediapipe]"'
            ) from error
        self._mediapipe = mediapipe
        options = vision.FaceLandmarkerOptions(
            base_options=BaseOptions(model_asset_path=str(model)),
            running_mode=vision.RunningMode.IMAGE,
            num_faces=FACES,
        )
        self._landmarker = _OPENED.enter_context(vision.FaceLandmarker.create_from_options(options))

    def detect(self, picture: Picture) -> list[Detection]:
        """All faces of a picture; see Backend.detect. MediaPipe gives no score: it is 1."""
        return [Detection(_box(points), 1.0) for points in self._find(picture)]

    def points(self, picture: Picture, box: Box) -> Points | None:
        """The 68 points of the face in `box`; see Backend.points."""
        height, width = picture.shape[:2]
        room = MARGIN * (box[2:] - box[:2])
        left, top = np.maximum(box[:2] - room, 0).astype(int)
        right, bottom = np.minimum(box[2:] + room, (width, height)).astype(int)
        if right - left < 2 or bottom - top < 2:
            return None
        faces = self._find(picture[top:bottom, left:right])
        if not faces:
            return None
        middle = (box[:2] + box[2:]) / 2 - np.array([left, top])
        nearest = min(faces, key=lambda points: float(np.linalg.norm(points.mean(axis=0) - middle)))
        return np.asarray(nearest + np.array([left, top]), dtype=np.float32)

    def _find(self, picture: Picture) -> list[Points]:
        height, width = picture.shape[:2]
        # MediaPipe sees nothing, without a word, in a picture that is not contiguous.
        image = self._mediapipe.Image(self._mediapipe.ImageFormat.SRGB, np.ascontiguousarray(picture))
        faces = self._landmarker.detect(image).face_landmarks
        return [
            np.array([(face[index].x * width, face[index].y * height) for index in POINTS], np.float32) - 0.5
            for face in faces
        ]


def _box(points: Points) -> Box:
    """The box around a face's points, brows to chin."""
    return np.concatenate([points.min(axis=0), points.max(axis=0)])
