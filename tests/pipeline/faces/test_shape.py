"""The shape predictor for many pictures gives what dlib's own gives."""

from pathlib import Path

import dlib
import numpy as np
import pytest

from s2f.pipeline import faces
from s2f.pipeline.core.errors import InputError
from s2f.pipeline.faces.base import Box, Picture, Points
from s2f.pipeline.faces.shape import AT_ONCE, ShapePredictor


@pytest.fixture(scope="module")
def model() -> Path:
    return faces.model_files("dlib")[0]


@pytest.fixture(scope="module")
def predictor(model: Path) -> ShapePredictor:
    return ShapePredictor(model)


def by_dlib(model: Path, pictures: list[Picture], boxes: list[Box]) -> Points:
    own = dlib.shape_predictor(str(model))
    pairs = zip(pictures, boxes, strict=True)
    shapes = [own(picture, dlib.rectangle(*map(int, box))).parts() for picture, box in pairs]
    return np.array([[(point.x, point.y) for point in shape] for shape in shapes], np.float32)


@pytest.mark.parametrize("corner", [(128, 92), (300, 220), (-60, -40), (340, -70)])
def test_points_are_those_of_dlib(
    model: Path, predictor: ShapePredictor, talking: list[Picture], corner: tuple[int, int]
) -> None:
    drawn = np.random.default_rng(0).integers(-9, 10, (40, 4))
    boxes = list(np.array([*corner, corner[0] + 95, corner[1] + 90]) + drawn)
    assert np.array_equal(predictor(talking[:40], boxes), by_dlib(model, talking[:40], boxes))


def test_neither_the_number_of_pictures_nor_their_company_matters(
    predictor: ShapePredictor, talking: list[Picture]
) -> None:
    pictures, boxes = [*talking, *talking], [np.array([128, 92, 223, 182])] * (2 * len(talking))
    assert len(pictures) > AT_ONCE
    together = predictor(pictures, boxes)
    alone = predictor(talking[3:4], boxes[:1])[0]
    assert np.array_equal(together[3], alone)
    assert np.array_equal(together[: len(talking)], together[len(talking) :])
    assert predictor([], []).shape == (0, 68, 2)
    with pytest.raises(ValueError, match="several sizes"):
        predictor([talking[0], talking[1][:, 1:]], boxes[:2])


@pytest.mark.parametrize("length", [0, 3, 5000, 1_000_000, 99_000_000])
def test_a_damaged_file_is_named(model: Path, tmp_path: Path, length: int) -> None:
    cut = tmp_path / "cut.dat"
    with model.open("rb") as whole:
        cut.write_bytes(whole.read(length))
    with pytest.raises(InputError, match=r"cut\.dat is no shape predictor of dlib"):
        ShapePredictor(cut)
