"""What every face backend offers, and what it works on.

Points are numbered as in the 68-point scheme of iBUG 300-W; a picture is RGB, uint8 (height, width, 3).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float32]
Box = npt.NDArray[np.float32]

# The points that hardly move in speech: nose base and eye corners.
STABLE = (33, 36, 39, 42, 45)
# The points of the lips.
LIPS = slice(48, 68)


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


@runtime_checkable
class ManyPoints(Protocol):
    """A backend that sees points in every box, and needs less time for many pictures than for each alone."""

    def many_points(self, pictures: Sequence[Picture], boxes: Sequence[Box]) -> Points:
        """The points (n, 68, 2) of the face in the box of each of n pictures of one size."""
        ...


def find_points(backend: Backend, pictures: Sequence[Picture], boxes: Sequence[Box]) -> list[Points | None]:
    """The 68 points of the face in the box of each picture, as Backend.points gives them."""
    if isinstance(backend, ManyPoints):
        return list(backend.many_points(pictures, boxes))
    return [backend.points(picture, box) for picture, box in zip(pictures, boxes, strict=True)]


class BackendModule(Protocol):
    """What the module of a backend offers.

    PRELOAD  modules that load what processes may share, imported before workers are forked
    """

    PRELOAD: tuple[str, ...]

    def open_backend(self, max_side: int, model: str | None) -> Backend:
        """The backend. It may reduce larger pictures to `max_side` px for its detector.

        `model` names a model file, where the backend lets a person choose one. Raises MissingError
        where a package or a model is not installed.
        """
        ...

    def model_files(self, model: str | None) -> list[Path]:
        """The files of its models; their content is part of what its results depend on.

        Raises MissingError where one is not there.
        """
        ...
