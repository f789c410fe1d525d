"""Faces with dlib: the HOG detector and the 68-point shape predictor; and its face embedding.

The models come with the package face_recognition_models. The predictor's training pictures (iBUG 300-W)
exclude commercial use. The embedding network is in the public domain, and takes points of any backend.
"""

import functools
import importlib.util
from collections.abc import Sequence
from pathlib import Path

import cv2
import dlib
import numpy as np
import numpy.typing as npt

from s2f.pipeline.core.errors import MissingError
from s2f.pipeline.faces.base import Box, Detection, Picture, Points
from s2f.pipeline.faces.shape import ShapePredictor

# One copy of the predictor for all workers: several copies evict each other from the processor's cache,
# and halve the speed of all.
PRELOAD = ("s2f.pipeline.faces.dlib_model",)


def open_backend(max_side: int, model: str | None) -> "DlibBackend":
    """See BackendModule; there is no choice of a model."""
    return DlibBackend(max_side)


def model_files(model: str | None) -> list[Path]:
    """The shape predictor's file; see BackendModule."""
    return [model_file("shape_predictor_68_face_landmarks")]


def model_file(name: str) -> Path:
    """The file of one of dlib's models. Raises MissingError where it is not installed."""
    # The package is found, not imported: its import asks for pkg_resources, which is gone.
    package = importlib.util.find_spec("face_recognition_models")
    path = Path(package.origin).parent / "models" / f"{name}.dat" if package and package.origin else None
    if path is None or not path.is_file():
        raise MissingError(f"dlib's model {name} is not installed", "pip install face_recognition_models")
    return path


@functools.cache
def predictor() -> ShapePredictor:
    """The shape predictor, 70 MB, once per process."""
    (path,) = model_files(None)
    return ShapePredictor(path)


@functools.cache
def _network() -> dlib.face_recognition_model_v1:
    """The embedding network, 21 MB, once per process."""
    return dlib.face_recognition_model_v1(str(model_file("dlib_face_recognition_resnet_model_v1")))


def embedding(picture: Picture, points: Points) -> npt.NDArray[np.float32]:
    """The embedding (128,) of the face with these 68 points (68, 2), whoever found them.

    The network is given dlib's own chip of 150 px around the points. Raises MissingError where its file
    is not installed.
    """
    parts = [dlib.point(x, y) for x, y in points.round().astype(int).tolist()]
    # The chip is placed by the points alone, whatever the box.
    shape = dlib.full_object_detection(dlib.rectangle(), parts)
    return np.array(_network().compute_face_descriptor(picture, shape), np.float32)


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
        return np.asarray(self.many_points([picture], [box])[0], np.float32)

    def many_points(self, pictures: Sequence[Picture], boxes: Sequence[Box]) -> Points:
        """The points of the faces in many pictures; see ManyPoints."""
        # The last pixels of a box are one px before its right and lower edges.
        edges = [np.rint(box) - np.array([0, 0, 1, 1]) for box in boxes]
        return self._predictor(pictures, edges)
