"""What the points of a clip tell the training: how its lips move, and how far its eyes are closed."""

import io

import numpy as np
import numpy.typing as npt

from s2f.pipeline.core.errors import InputError
from s2f.pipeline.core.schema import POINTS
from s2f.pipeline.core.shards import AGAIN, Sample
from s2f.pipeline.faces.base import LIPS, Points
from s2f.pipeline.faces.eyes import aspect_ratio

# Which point of the lips becomes which one in a mirror.
MIRRORED = [6, 5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 16, 15, 14, 13, 12, 19, 18, 17]
OUTER_EYES = (36, 45)
# Two numbers for each point of the lips.
LIP_NUMBERS = 2 * len(MIRRORED)
# Lips move by a few px in a crop of 96 x 128 px, in which the outer corners of the eyes are so far apart.
LIP_PX, EYES_PX = 2.0, 48
# Eyes that are open are as open as in the widest fifth of a clip, and closed they have half of that.
OPEN_PERCENTILE, CLOSED = 80, 0.5

Motion = npt.NDArray[np.float32]


def read_motion(sample: Sample, *, mirror: bool = False) -> Motion:
    """How the face of a sample moves, frame by frame: float32 (n, 41).

    The first 40 numbers are how far each point of the lips lies from its mean over the clip, in units of
    two px, x before y. The last one is 0 where the eyes are open, and about 1 where they are closed.
    Raises InputError where the sample holds no points.
    """
    if POINTS not in sample:
        raise InputError(
            f"the clip {sample['__key__']} holds no points: an older s2f prepared it",
            "run 's2f prep' again, which adds them",
        )
    try:
        points: Points = np.load(io.BytesIO(sample[POINTS]), allow_pickle=False).astype(np.float32)
    except (ValueError, EOFError, OSError) as error:
        raise InputError(
            f"the points of the clip {sample['__key__']} cannot be read: {error}", AGAIN
        ) from error
    return np.concatenate([_lips(points, mirror=mirror), _closed(points)[:, None]], axis=1, dtype=np.float32)


def _lips(points: Points, *, mirror: bool) -> npt.NDArray[np.float32]:
    lips = points[:, LIPS] - points[:, LIPS].mean(axis=0)
    apart = float(np.linalg.norm(points[:, OUTER_EYES[0]] - points[:, OUTER_EYES[1]], axis=-1).mean())
    # Larger crops are multiples of that one.
    lips /= max(1, round(apart / EYES_PX))
    if mirror:
        lips = lips[:, MIRRORED] * np.array([-1, 1], np.float32)
    return np.asarray(lips.reshape(len(lips), LIP_NUMBERS) / LIP_PX, np.float32)


def _closed(points: Points) -> npt.NDArray[np.float64]:
    ratio = aspect_ratio(points)
    wide = np.percentile(ratio, OPEN_PERCENTILE)
    return np.asarray(np.clip((wide - ratio) / ((1 - CLOSED) * wide), 0, 1.5))
