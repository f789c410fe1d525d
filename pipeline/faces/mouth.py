"""How far a mouth is open, measured in aligned crops of real or generated frames."""

import cv2
import numpy as np
import numpy.typing as npt

from s2f.pipeline.faces.alignment import HEIGHT, WIDTH
from s2f.pipeline.faces.base import Backend, Picture, Points, find_points

# Points and boxes are in px of a crop of 96 x 128, whatever the size of the crop.
# Where the face lies: dlib's box, the mean over GRID's speakers.
FACE_BOX = np.array([4.0, 20.0, 96.0, 107.0], dtype=np.float32)
ENLARGE = 3

# A mouth talks where its opening varies by this share of the eyes' distance within 13 frames.
TALKING_REACH = 6
TALKING_SPREAD = 0.02

Frames = npt.NDArray[np.uint8]


def enlarged(crop: Picture) -> Picture:
    """An aligned crop as 288 x 384 px, because landmark models expect larger faces."""
    size = (WIDTH * ENLARGE, HEIGHT * ENLARGE)
    return np.asarray(cv2.resize(crop, size, interpolation=cv2.INTER_CUBIC), np.uint8)


def crop_points(frames: Frames, backend: Backend) -> Points:
    """The 68 points in aligned RGB crops uint8 (n, h, w, 3): float32 (n, 68, 2), in px of 96 x 128.

    No detector is needed, because the alignment has put the face in its place. Points are nan in frames
    where the backend finds no face.
    """
    tracked = np.full((len(frames), 68, 2), np.nan, dtype=np.float32)
    pictures = [enlarged(frame) for frame in frames]
    for number, points in enumerate(find_points(backend, pictures, [FACE_BOX * ENLARGE] * len(pictures))):
        if points is not None:
            tracked[number] = (points + 0.5) / ENLARGE - 0.5
    return tracked


def opening(points: Points) -> npt.NDArray[np.float32]:
    """Distance of the inner lips, the mean of its three pairs of points: (n, 68, 2) → (n,), in px."""
    gaps = np.linalg.norm(points[:, (61, 62, 63)] - points[:, (67, 66, 65)], axis=-1)
    return np.asarray(gaps.mean(axis=1), dtype=np.float32)


def relative_opening(points: Points) -> npt.NDArray[np.float32]:
    """The opening in units of the eyes' distance, whatever the size of the face: (n, 68, 2) → (n,)."""
    eyes = np.linalg.norm(points[:, 36] - points[:, 45], axis=-1)
    return np.asarray(opening(points) / np.maximum(eyes, 1), dtype=np.float32)


def talking_frames(points: Points) -> int:
    """The number of frames, of successive points (n, 68, 2), in which a mouth moves as in talking.

    Measured by the spread of its opening over half a second in units of the eyes' distance, so that
    neither a lasting smile nor a large face counts for more.
    """
    relative = relative_opening(points)
    reach = min(TALKING_REACH, (len(relative) - 1) // 2)
    windows = np.lib.stride_tricks.sliding_window_view(relative, 2 * reach + 1)
    moving = np.pad(windows.std(axis=1), reach, mode="edge") > TALKING_SPREAD
    return int(moving.sum())


def mouth_opening(frames: Frames, backend: Backend) -> npt.NDArray[np.float32]:
    """Distance of the inner lips in aligned RGB crops uint8 (n, h, w, 3): float32 (n,), in px of 96 x 128.

    nan in frames where the backend sees no face.
    """
    return opening(crop_points(frames, backend))
