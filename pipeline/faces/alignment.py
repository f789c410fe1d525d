"""From points to the canonical face: smoothing, similarity transform, crop."""

import logging
from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from s2f.pipeline.core.errors import InputError
from s2f.pipeline.faces.base import STABLE, Backend, Box, Detection, Picture, Points

LOG = logging.getLogger(__name__)

WIDTH, HEIGHT = 96, 128

# Where the five stable points (nose base, eye corners) lie in a face of 96 x 128 px: measured in
# the crops of the authors' published inference code.
TARGETS = np.array(
    [(49.6, 72.2), (24.4, 43.9), (38.2, 44.6), (59.0, 43.7), (72.5, 42.5)],
    dtype=np.float32,
)

# What to open a backend with for a photo: a face may fill a small part of it.
PHOTO_SIDE = 1600

# How far the tiles overlap in which small faces of large photos are looked for. Wider ones are found before.
TILE_OVERLAP = 500

# How a face lies that is upright once the photo is turned by so many quarters to the left, and what to do.
TURNED = {
    1: ("lies on its side", "turn the photo by 90 degrees to the left"),
    3: ("lies on its side", "turn the photo by 90 degrees to the right"),
    2: ("stands on its head", "turn the photo by 180 degrees"),
}

# Faces of a photo have at least this share of the best one's score.
CLEAR = 0.25
# Of a face with this score no detector doubts that it stands upright: faces on their heads reach 0.2.
SURE = 0.5

Transforms = npt.NDArray[np.float32]


def targets(size: tuple[int, int] = (WIDTH, HEIGHT)) -> Points:
    """Where the five stable points lie in a crop of `size`: (5, 2)."""
    return np.asarray(TARGETS * np.array(size) / (WIDTH, HEIGHT), dtype=np.float32)


def smooth(points: Points, frames: int) -> Points:
    """Points (n, 68, 2) averaged over `frames` frames around each; at the ends over those that exist."""
    reach = frames // 2
    sums = np.concatenate(
        [np.zeros_like(points[:1], dtype=np.float64), np.cumsum(points, axis=0, dtype=np.float64)]
    )
    index = np.arange(len(points))
    start, stop = np.maximum(index - reach, 0), np.minimum(index + reach + 1, len(points))
    mean = (sums[stop] - sums[start]) / (stop - start)[:, None, None]
    return np.asarray(mean, dtype=np.float32)


def similarity(points: Points, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Transforms:
    """The transforms (n, 2, 3) that take points (n, 68, 2) onto the canonical face of `size`.

    Least squares over the five stable points, rotation, scale and shift alone. In complex numbers:
    target = factor * point + shift.
    """
    target = _complex(targets(size))
    source = _complex(points[:, STABLE, :])
    middle = source.mean(axis=1, keepdims=True)
    spread = source - middle
    factor = (spread.conj() * (target - target.mean())).sum(axis=1) / (abs(spread) ** 2).sum(axis=1)
    shift = target.mean() - factor * middle[:, 0]
    rows = [[factor.real, -factor.imag, shift.real], [factor.imag, factor.real, shift.imag]]
    return np.array(rows, dtype=np.float32).transpose(2, 0, 1)


def transform_points(points: Points, transforms: Transforms) -> Points:
    """Points (n, k, 2) in the coordinates of the crop."""
    moved = points @ transforms[:, :, :2].transpose(0, 2, 1) + transforms[:, None, :, 2]
    return np.asarray(moved, dtype=np.float32)


def crop(picture: Picture, transform: Transforms, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Picture:
    """The canonical face, uint8 (height, width, 3), cut from a picture by one transform (2, 3).

    A face larger than the crop is warped at a multiple of the size and then averaged, so that
    1080p material does not alias.
    """
    scale = float(np.hypot(*transform[:, 0]))
    factor = max(1, int(np.ceil(1 / scale - 0.25)))
    # Pixel centres lie at whole numbers, so a larger grid is shifted by half its growth.
    enlarged = transform * factor
    enlarged[:, 2] += (factor - 1) / 2
    width, height = size
    warped = cv2.warpAffine(
        # OpenCV warps four channels three times as fast as three, to the same values.
        cv2.cvtColor(picture, cv2.COLOR_RGB2RGBA),
        enlarged,
        (width * factor, height * factor),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    small = warped if factor == 1 else cv2.resize(warped, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGBA2RGB), dtype=np.uint8)


def is_face_size(width: int, height: int) -> bool:
    """Whether an aligned face may have this size: 96 x 128 px, or as many times of both."""
    times = width // WIDTH
    return times > 0 and (width, height) == (times * WIDTH, times * HEIGHT)


def usual_size(frames: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Crops of any size, uint8 (n, h, w, 3), in the papers' size of 96 px wide and 128 high."""
    if frames.shape[1:3] == (HEIGHT, WIDTH):
        return frames
    size = (WIDTH, HEIGHT)
    return np.stack([np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA)) for frame in frames])


def aligned_frames(frames: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Frames for a network that takes them in the usual size. Raises InputError where they are no faces."""
    are_pictures = frames.ndim == 4 and frames.shape[3] == 3 and frames.dtype == np.uint8 and len(frames)
    if not are_pictures or not is_face_size(*frames.shape[2:0:-1]):
        raise InputError(
            f"frames of the shape {frames.shape} are no aligned faces of {WIDTH} x {HEIGHT} px or a multiple",
            "align them as 's2f prep' does, with align.size of [96,128] or a multiple of it",
        )
    return usual_size(frames)


def crop_photo(
    picture: Picture,
    backend: Backend,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    report: Callable[[str], object] = LOG.warning,
) -> Picture:
    """The canonical face of a photo's largest face; see photo_points."""
    return crop(picture, similarity(photo_points(picture, backend, report)[None], size)[0], size)


def photo_points(picture: Picture, backend: Backend, report: Callable[[str], object] = LOG.warning) -> Points:
    """The 68 points of a photo's largest face; `report` is told where there are several.

    Raises InputError where there is none, or where it does not stand upright.
    """
    faces = backend.detect(picture) or _in_tiles(picture, backend)
    faces = sorted(faces, key=lambda face: float(face.box[2] - face.box[0]))
    _check_upright(picture, backend, faces)
    # A detector takes emblems and the like for faces too, with a far lower score.
    faces = [face for face in faces if face.score >= CLEAR * _best(faces)]
    points = backend.points(picture, faces[-1].box) if faces else None
    if points is None:
        raise InputError(
            "no face was found in the photo",
            "give a photo of a face from the front, 80 px wide or more, or an aligned crop with --aligned",
        )
    transform = similarity(points[None])[0]
    # The picture is turned by so many quarters to the left before the face stands upright.
    quarters = -round(float(np.arctan2(transform[1, 0], transform[0, 0])) / (np.pi / 2)) % 4
    if quarters:
        raise _is_turned(quarters)
    if len(faces) > 1:
        report(f"the photo shows {len(faces)} faces: the largest one is taken, {_place(faces[-1])}")
    return points


def _check_upright(picture: Picture, backend: Backend, faces: list[Detection]) -> None:
    """Raise InputError where a face is seen better in the turned photo: on their heads they are seen too."""
    best = _best(faces)
    if best < SURE:
        scores = {
            turns: _best(backend.detect(np.ascontiguousarray(np.rot90(picture, turns)))) for turns in TURNED
        }
        quarters = max(scores, key=lambda turns: scores[turns])
        if scores[quarters] > best:
            raise _is_turned(quarters)


def _best(faces: list[Detection]) -> float:
    return max((face.score for face in faces), default=-np.inf)


def _in_tiles(picture: Picture, backend: Backend) -> list[Detection]:
    """The faces of a photo whose detector has seen too small a copy, found in parts of full size."""
    height, width = picture.shape[:2]
    found: list[Detection] = []
    if max(height, width) <= PHOTO_SIDE:
        return found
    for top in range(0, max(1, height - TILE_OVERLAP), PHOTO_SIDE - TILE_OVERLAP):
        for left in range(0, max(1, width - TILE_OVERLAP), PHOTO_SIDE - TILE_OVERLAP):
            tile = np.ascontiguousarray(picture[top : top + PHOTO_SIDE, left : left + PHOTO_SIDE])
            for face in backend.detect(tile):
                box = face.box + np.array([left, top, left, top], np.float32)
                if all(_apart(box, other.box) for other in found):
                    found.append(Detection(box, face.score))
    return found


def _apart(box: Box, other: Box) -> bool:
    """Whether the middle of neither box lies in the other one: of two faces, not of one in two tiles."""
    return not any(
        (first[:2] < middle).all() and (middle < first[2:]).all()
        for first, middle in ((box, (other[:2] + other[2:]) / 2), (other, (box[:2] + box[2:]) / 2))
    )


def _is_turned(quarters: int) -> InputError:
    """The error for a face that is upright once the photo is turned by so many quarters to the left."""
    how, turn = TURNED[quarters]
    return InputError(f"the face in the photo {how}", f"{turn}, and give that picture")


def _place(face: Detection) -> str:
    """Where a face is and how wide, in words."""
    left, top, right, bottom = (round(float(edge)) for edge in face.box)
    return f"{right - left} px wide, around x {(left + right) // 2} and y {(top + bottom) // 2}"


def _complex(points: Points) -> npt.NDArray[np.complex128]:
    return points[..., 0].astype(np.float64) + 1j * points[..., 1]
