"""The canonical face: the transform, the crop, and where the faces of GRID really end up."""

import cv2
import dlib
import numpy as np
import numpy.typing as npt
import pytest
from support.prepared import Prepared

from s2f.pipeline.core import mjpeg
from s2f.pipeline.faces import alignment, model_files
from s2f.pipeline.faces.base import STABLE

# Nose base and eye corners in a face of 96 x 128 px, in the crops of the authors' published code.
TARGETS = np.array([(49.6, 72.2), (24.4, 43.9), (38.2, 44.6), (59.0, 43.7), (72.5, 42.5)])
ENLARGE = 4
# About where dlib's detector puts its box in such a face.
BOX = (4, 20, 96, 107)

Points = npt.NDArray[np.float64]


def moved(points: Points, scale: float, degrees: float, shift: tuple[float, float]) -> Points:
    turn = np.deg2rad(degrees)
    matrix = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return points @ matrix.T + shift


def face(stable: Points) -> alignment.Points:
    """68 points, of which only the stable ones mean anything."""
    points = np.random.default_rng(0).uniform(0, 500, (1, 68, 2)).astype(np.float32)
    points[0, STABLE] = stable
    return points


@pytest.fixture(scope="module")
def found(prepared_grid: Prepared) -> dict[str, Points]:
    """The 68 points, found anew in every tenth crop of every kept clip: (frames, 68, 2) by clip id."""
    predictor = dlib.shape_predictor(str(model_files("dlib")[0]))
    box = dlib.rectangle(*(side * ENLARGE for side in BOX))
    points = {}
    for path in sorted((prepared_grid.out / "artifacts/align").glob("*.avi")):
        shapes = []
        for crop in mjpeg.decode(path.read_bytes(), range(0, 74, 10)):
            large = cv2.resize(crop, None, fx=ENLARGE, fy=ENLARGE, interpolation=cv2.INTER_CUBIC)
            shapes.append([(point.x, point.y) for point in predictor(large, box).parts()])
        points[path.stem.partition(".")[0]] = (np.array(shapes) + 0.5) / ENLARGE - 0.5
    return points


@pytest.mark.parametrize(
    ("scale", "degrees", "shift"),
    [(1, 0, (0, 0)), (2.5, 0, (100, 40)), (0.7, 30, (-5, 9)), (8, -75, (900, 400))],
)
def test_a_similar_face_is_brought_exactly_onto_the_targets(
    scale: float, degrees: float, shift: tuple[float, float]
) -> None:
    points = face(moved(TARGETS, scale, degrees, shift))
    transforms = alignment.similarity(points)
    assert alignment.transform_points(points, transforms)[0, STABLE] == pytest.approx(TARGETS, abs=0.01)
    linear = transforms[0, :, :2].astype(float)
    assert linear @ linear.T == pytest.approx(np.eye(2) / scale**2, rel=1e-4, abs=1e-4)
    assert np.linalg.det(linear) > 0


def test_a_mirrored_face_is_not_mirrored_back() -> None:
    transforms = alignment.similarity(face(TARGETS * (-1, 1)))
    assert np.linalg.det(transforms[0, :, :2].astype(float)) > 0


def test_no_other_similarity_comes_closer_to_the_targets() -> None:
    rng = np.random.default_rng(3)
    points = face(moved(TARGETS, 2, 10, (50, 20)) + rng.normal(0, 4, (5, 2)))

    def error(transforms: alignment.Transforms) -> float:
        return float(np.sum((alignment.transform_points(points, transforms)[0, STABLE] - TARGETS) ** 2))

    best = alignment.similarity(points)
    for _ in range(200):
        a, b, x, y = rng.normal(0, (0.01, 0.01, 0.5, 0.5))
        change = np.array([[[a, -b, x], [b, a, y]]], np.float32)
        assert error(best + change) >= error(best) - 1e-3


def test_targets_grow_with_the_crop() -> None:
    assert alignment.targets((192, 256)) == pytest.approx(2 * TARGETS, abs=1e-3)


@pytest.mark.parametrize("scale", [0.8, 1.0, 1.9, 4.3, 11.0])
def test_a_crop_shows_each_point_at_its_target(scale: float) -> None:
    stable = moved(TARGETS, scale, 7, (60.25, 30.5))
    side = int(160 * scale + 120)
    ys, xs = np.mgrid[:side, :side]
    for point, target in zip(stable, TARGETS, strict=True):
        spot = np.exp(-((xs - point[0]) ** 2 + (ys - point[1]) ** 2) / (2 * (1.5 * scale) ** 2))
        picture = np.repeat((250 * spot).round().astype(np.uint8)[:, :, None], 3, axis=2)
        crop = alignment.crop(picture, alignment.similarity(face(stable))[0])[:, :, 0].astype(float)
        assert crop.shape == (128, 96)
        rows, columns = np.mgrid[:128, :96]
        centre = [(crop * columns).sum() / crop.sum(), (crop * rows).sum() / crop.sum()]
        assert centre == pytest.approx(target, abs=0.12)


def test_fine_patterns_of_a_large_face_do_not_alias() -> None:
    checks = (255 * (np.indices((1200, 1200)).sum(axis=0) % 2)).astype(np.uint8)
    points = face(moved(TARGETS, 7, 3, (100, 80)))
    crop = alignment.crop(np.repeat(checks[:, :, None], 3, axis=2), alignment.similarity(points)[0])
    assert crop.std() < 20


def test_smoothing_is_a_mean_over_the_frames_around() -> None:
    points = np.random.default_rng(1).normal(100, 5, (40, 68, 2)).astype(np.float32)
    smooth = alignment.smooth(points, 7)
    assert smooth[20] == pytest.approx(points[17:24].mean(axis=0), abs=1e-3)
    assert smooth[0] == pytest.approx(points[:4].mean(axis=0), abs=1e-3)
    assert smooth[39] == pytest.approx(points[36:].mean(axis=0), abs=1e-3)
    assert alignment.smooth(points, 1) == pytest.approx(points, abs=1e-3)
    assert alignment.smooth(points[:2], 7).shape == (2, 68, 2)


def test_stable_points_lie_within_a_few_px_of_their_targets_for_every_speaker(
    found: dict[str, Points],
) -> None:
    assert len(found) == 60
    distances = {name: np.linalg.norm(points[:, STABLE] - TARGETS, axis=-1) for name, points in found.items()}
    speakers = {name.split("_")[0] for name in found}
    for speaker in speakers:
        own = np.concatenate([each for name, each in distances.items() if name.startswith(f"{speaker}_")])
        assert own.mean(axis=0).max() < 3.5, speaker
    assert np.mean([each.mean() for each in distances.values()]) < 1.5


def test_eyes_lie_in_the_upper_part_and_mouths_in_the_lower(found: dict[str, Points]) -> None:
    for name, points in found.items():
        assert points[:, 36:48, 1].max() < 55, name
        mouth = points[:, 48:68].mean(axis=(0, 1))
        assert mouth == pytest.approx((50, 87.5), abs=6), name
        assert points[:, 8, 1].mean() > 100, name


def test_aligned_faces_stand_still(found: dict[str, Points]) -> None:
    for name, points in found.items():
        assert points[:, STABLE].std(axis=0).mean() < 1.5, name


def test_the_recorded_distance_is_about_what_is_measured_anew(
    prepared_grid: Prepared, found: dict[str, Points]
) -> None:
    rows = prepared_grid.rows("align")
    measured = {
        name: np.linalg.norm(points[:, STABLE].mean(axis=0) - TARGETS, axis=-1).mean()
        for name, points in found.items()
    }
    apart = [abs(measured[name] - rows[name]["residual_px"]) for name in found]
    assert max(apart) < 1.0
