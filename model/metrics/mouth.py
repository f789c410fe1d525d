"""Does the mouth move as the real one does? Measured on the 68 points of either face.

One backend has to find the points of both: `find_points`.
"""

import cv2
import numpy as np
import numpy.typing as npt

from s2f.model.metrics import Frames
from s2f.pipeline.faces.alignment import HEIGHT, WIDTH
from s2f.pipeline.faces.base import LIPS, Backend, Points
from s2f.pipeline.faces.mouth import crop_points, opening

# A face counts as seen if the detector finds one in most of so many frames, in this size: dlib's finds none
# under 80 px.
LOOKS, LARGE = 5, (2 * WIDTH, 2 * HEIGHT)


def find_points(video: Frames, backend: Backend) -> Points:
    """The 68 points of aligned RGB frames uint8 (n, h, w, 3): (n, 68, 2) in px of 96 x 128, or nan.

    A landmark model may give points for any picture, even one of noise; so the detector is asked first
    whether there is a face at all, in five frames of the video.
    """
    if not has_face(video, backend):
        return np.full((len(video), 68, 2), np.nan, np.float32)
    return crop_points(video, backend)


def has_face(video: Frames, backend: Backend) -> bool:
    """Whether the detector finds a face in most of five frames, evenly spread over the video."""
    looks = video[np.linspace(0, len(video) - 1, LOOKS).round().astype(int)]
    large = [cv2.resize(frame, LARGE, interpolation=cv2.INTER_CUBIC) for frame in looks]
    return 2 * sum(bool(backend.detect(np.asarray(frame, np.uint8))) for frame in large) > LOOKS


def correlation(first: npt.NDArray[np.float32], second: npt.NDArray[np.float32]) -> float:
    """Pearson's correlation over the places where both are numbers; nan where either does not vary."""
    both = np.isfinite(first) & np.isfinite(second)
    first, second = first[both], second[both]
    # The standard deviation of equal numbers need not be 0, for their mean is rounded.
    if len(first) < 2 or not np.ptp(first) or not np.ptp(second):
        return float("nan")
    return float(np.corrcoef(first, second)[0, 1])


def opening_correlation(points: Points, real: Points) -> float:
    """Correlation over time of the openings of two mouths, from their points (n, 68, 2); else nan."""
    return correlation(opening(points), opening(real))


def mouth_distance(points: Points, real: Points) -> float:
    """Mean distance in px of the 20 points of two mouths, (n, 68, 2) in aligned crops each.

    It is the landmark distance of Chen et al. 2018, without its shift of either mouth to the same
    mean: the alignment has put both faces in one place. nan where no frame has a mouth.
    """
    return face_distance(points[:, LIPS], real[:, LIPS])


def face_distance(points: Points, real: Points) -> float:
    """Mean distance in px of all points of two faces, (n, k, 2) in aligned crops; nan without any."""
    apart = np.linalg.norm(points - real, axis=-1).mean(axis=1)
    seen = apart[np.isfinite(apart)]
    return float(seen.mean(dtype=np.float64)) if len(seen) else float("nan")
