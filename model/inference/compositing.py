"""A generated face back in the picture that it was cut from, so that the whole photo speaks.

The generated face has fewer pixels than most photos. So it is not pasted: what it changes, its difference
to the aligned crop, is warped back by the inverse of the alignment and added within a feathered mask of the
face. Where nothing moves, the picture keeps every pixel, its colours and its sharpness; hair and background
are outside of the mask. Where much changes, as in a mouth that opens, the generated face alone is seen: the
closed lips would shine through.
"""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from s2f.pipeline.faces.alignment import HEIGHT, WIDTH, crop, similarity, transform_points
from s2f.pipeline.faces.base import Picture, Points

Floats = npt.NDArray[np.float32]
# Which part of a face moves: all of it, or what lies below the eyes.
Part = Literal["face", "lower"]

# All lengths are px of the aligned crop of 96 x 128. The mask reaches so far beyond cheeks and chin, since
# the jaw moves, and so far above the brows; and it fades in over so many.
BESIDE, ABOVE, FEATHER = 5.0, 14.0, 10.0
# Above the first of these rows the lower part is left alone, from the second one on all moves.
UPPER, LOWER = 56.0, 68.0
# Grey levels of change up to which the detail of the picture is kept, and from which nothing is left of it;
# and the standard deviation of the blur by which such a change spreads.
KEPT, LOST, SPREAD = 8.0, 30.0, 1.5
# Standard deviation of the blur of changes of colour, which eyes see less sharply than brightness.
COLOUR = 2.5

BROWS, JAW = slice(17, 27), slice(0, 17)


@dataclass(frozen=True)
class Face:
    """A face in a picture, RGB uint8 (height, width, 3), and its 68 points in px.

    `size` is the width and the height of the aligned crop: 96 and 128, or a multiple.
    """

    picture: Picture
    points: Points

    size: tuple[int, int] = (WIDTH, HEIGHT)

    @property
    def transform(self) -> Floats:
        """From the picture to the aligned crop, (2, 3)."""
        return np.asarray(similarity(self.points[None], self.size)[0])

    @property
    def crop(self) -> Picture:
        """The aligned face, uint8 (height, width, 3)."""
        return crop(self.picture, self.transform, self.size)


class Compositor:
    """Puts generated frames into one picture.

    Where the mouth of the picture moves by itself, as in a video, nothing is kept of it (`moving`): its
    detail is not that of the generated mouth, and its light may not be that of the still.
    """

    def __init__(self, face: Face, part: Part = "face", *, moving: bool = False) -> None:
        self._picture, self._crop, self._moving = face.picture, face.crop.astype(np.float32), moving
        transform = face.transform
        height, width = face.picture.shape[:2]
        back = cv2.invertAffineTransform(transform).astype(np.float32)
        across, down = face.size
        self._times = across / WIDTH
        corners = np.array([[(0, 0), (across, 0), (0, down), (across, down)]], np.float32)
        corners = transform_points(corners, back[None])[0]
        left, top = np.floor(corners.min(axis=0)).astype(int).clip(0, (width, height)).tolist()
        right, bottom = np.ceil(corners.max(axis=0)).astype(int).clip(0, (width, height)).tolist()
        self._place = slice(top, bottom), slice(left, right)
        self._size = right - left, bottom - top
        # From the crop to the part of the picture around it.
        self._back = back - np.array([[0, 0, left], [0, 0, top]], np.float32)
        usual = transform_points(face.points[None], similarity(face.points[None]))[0]
        self._mask = np.asarray(cv2.resize(face_mask(usual, part), face.size), np.float32)
        self._shown = self._warp(self._mask)[..., None].clip(0, 1)
        self._under = face.picture[self._place].astype(np.float32)
        self._detail = self._under - self._warp(self._crop)

    def composite(self, frame: Floats | Picture) -> Picture:
        """The picture with a generated frame (h, w, 3), 0 to 255, in the place of its face."""
        change = frame - self._crop
        if self._moving:
            change -= self._light(change)
            lost = np.ones(change.shape[:2], np.float32)
        else:
            amount = cv2.GaussianBlur(np.abs(change).mean(axis=2), (0, 0), SPREAD * self._times)
            lost = ((amount - KEPT) / (LOST - KEPT)).clip(0, 1)
        # One warp for both.
        warped = self._warp(np.dstack([change, lost]))
        moved = warped[..., :3] - warped[..., 3:].clip(0, 1) * self._detail
        result = self._picture.copy()
        result[self._place] = (self._under + self._shown * moved).round().clip(0, 255).astype(np.uint8)
        return result

    def _light(self, change: Floats) -> Floats:
        """By how much the frame is lighter than the picture where the mask fades in, by colour."""
        rim = self._mask * (1 - self._mask)
        light: Floats = (change * rim[..., None]).sum(axis=(0, 1)) / max(float(rim.sum()), 1e-6)
        return light

    def _warp(self, values: Floats) -> Floats:
        warped = cv2.warpAffine(
            values, self._back, self._size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
        return np.asarray(warped, np.float32)


def calm_colours(frame: Picture, still: Picture) -> Floats:
    """A generated frame whose changes of colour are blurred; those of brightness stay as they are.

    Networks paint speckles of colour where they are not sure, as on teeth, and they show in a large picture.
    """
    change = frame.astype(np.float32) - still
    grey = change.mean(axis=2, keepdims=True)
    blur = COLOUR * still.shape[1] / WIDTH
    return np.asarray(still + grey + cv2.GaussianBlur(change - grey, (0, 0), blur), np.float32)


def face_mask(points: Points, part: Part = "face") -> Floats:
    """How much of a generated face is seen, 0 to 1, float32 (128, 96); `points` (68, 2) are in px of it."""
    middle = points[: BROWS.stop].mean(axis=0)
    outward = points[JAW] - middle
    outward /= np.maximum(np.linalg.norm(outward, axis=1, keepdims=True), 1)
    hull = np.concatenate([points[JAW] + BESIDE * outward, points[BROWS] - (0, ABOVE)])
    inside = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.fillConvexPoly(inside, cv2.convexHull(hull.round().astype(np.int32)), 1)
    # Nothing is seen of the last pixels of the crop.
    inside[[0, -1]] = inside[:, [0, -1]] = 0
    far = np.asarray(cv2.distanceTransform(inside, cv2.DIST_L2, 5), np.float32)
    mask = _fading(far / FEATHER)
    if part == "lower":
        mask *= _fading((np.arange(HEIGHT, dtype=np.float32) - UPPER) / (LOWER - UPPER))[:, None]
    return mask


def _fading(share: Floats) -> Floats:
    """From 0 to 1 without an edge at either end."""
    share = share.clip(0, 1)
    return np.asarray(share * share * (3 - 2 * share), np.float32)
