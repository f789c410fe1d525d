"""From points to the canonical face: smoothing, similarity transform, crop."""

import cv2
import numpy as np
import numpy.typing as npt

from s2f.pipeline.core.errors import InputError
from s2f.pipeline.faces.base import STABLE, Backend, Picture, Points

WIDTH, HEIGHT = 96, 128

# Where the five stable points (nose base, eye corners) lie in a face of 96 x 128 px: measured in
# the crops of the authors' published inference code.
TARGETS = np.array(
    [(49.6, 72.2), (24.4, 43.9), (38.2, 44.6), (59.0, 43.7), (72.5, 42.5)],
    dtype=np.float32,
)

# What to open a backend with for a photo: a face may fill a small part of it.
PHOTO_SIDE = 1600

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
        picture,
        enlarged,
        (width * factor, height * factor),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    small = warped if factor == 1 else cv2.resize(warped, size, interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.uint8)


def crop_photo(picture: Picture, backend: Backend, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Picture:
    """The canonical face of a photo's largest face; raises InputError where there is none."""
    faces = sorted(backend.detect(picture), key=lambda face: float(face.box[2] - face.box[0]))
    points = backend.points(picture, faces[-1].box) if faces else None
    if points is None:
        raise InputError(
            "no face was found in the photo",
            "give a photo of a face from the front, 80 px wide or more, or an aligned crop with --aligned",
        )
    return crop(picture, similarity(points[None], size)[0], size)


def _complex(points: Points) -> npt.NDArray[np.complex128]:
    return points[..., 0].astype(np.float64) + 1j * points[..., 1]
