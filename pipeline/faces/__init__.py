"""Faces: detectors behind one protocol, tracks over the frames of a clip, alignment, mouth opening.

Points are numbered as in the 68-point scheme of iBUG 300-W; a picture is RGB, uint8 (height, width, 3).
"""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float32]
Box = npt.NDArray[np.float32]

STABLE = (33, 36, 39, 42, 45)


@dataclass(frozen=True)
class Detection:
    """A face found in one picture: box (left, top, right, bottom) in px and the detector's score."""

    box: Box
    score: float


class Backend(Protocol):
    """What finds faces and their points. One instance per process; pictures are RGB uint8."""

    def detect(self, picture: Picture) -> list[Detection]:
        """All faces of a picture."""
        ...

    def points(self, picture: Picture, box: Box) -> Points | None:
        """The 68 points of the face in `box`, float32 (68, 2), x and y in px; None where none is seen."""
        ...


def model_files(backend: str, model: str | None = None) -> list[Path]:
    """The model files that a backend works with; their content is part of what its results depend on.

    Raises MissingError where they are not there.
    """
    if backend == "mediapipe":
        from s2f.pipeline.faces import models

        return [models.face_landmarker(model)]
    from s2f.pipeline.faces import dlib as dlib_backend

    return dlib_backend.model_files()


@functools.cache
def open_backend(name: str, max_side: int = 640, model: str | None = None) -> Backend:
    """The backend of that name; larger pictures are reduced to `max_side` px for dlib's detector.

    There is one per process: loading its model takes longer than a clip. Modules are imported
    here, since each brings a large library.
    """
    if name == "mediapipe":
        from s2f.pipeline.faces import mediapipe as mediapipe_backend
        from s2f.pipeline.faces import models

        return mediapipe_backend.MediapipeBackend(models.face_landmarker(model))
    from s2f.pipeline.faces import dlib as dlib_backend

    return dlib_backend.DlibBackend(max_side)
