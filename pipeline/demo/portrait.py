"""The portrait that all speakers are made from: the person cut out, with the mouth closed.

The picture is `skimage.data.astronaut()`: Eileen Collins, a photograph by NASA in the public domain,
contained in the scikit-image wheel. It never changes, so its outlines are given here as constants, in
pixels of the picture. They were read off the picture and are more exact than those of a detector.

The person smiles. `portrait` closes the mouth by two smooth warps, one above and one below the line
where the lips meet. The teeth that the smile shows are kept as a separate layer, which lies behind
open lips.
"""

import functools
from dataclasses import dataclass
from typing import Any, TypeVar

import cv2
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]
Plane = npt.NDArray[np.floating[Any]]
Kind = TypeVar("Kind", bound=np.generic)
Points = list[tuple[float, float]]

# The part of the picture that is used, and the factor by which it is enlarged.
LEFT, TOP, RIGHT, BOTTOM = 80, 0, 370, 225
SCALE = 2

# The inner edges of the smiling lips, from corner to corner.
UPPER_LIP: Points = [
    (202.8, 139.7), (206.3, 140.0), (210.6, 141.6), (215.3, 142.7), (220, 143.6), (223.1, 144.0),
    (226.3, 143.8), (230, 143.8), (234.4, 143.1), (238.1, 141.9), (241.3, 140.9), (244.7, 140.8),
]  # fmt: skip
LOWER_LIP: Points = [
    (202.8, 139.7), (206.3, 143.4), (210, 146.6), (214.4, 148.6), (220, 149.5), (223, 149.8),
    (227.5, 149.4), (232.5, 148.1), (237.5, 145.6), (241.3, 143.1), (244.7, 140.8),
]  # fmt: skip
# The closed mouth: its middle, half its width, and the slope of the line between the lips.
MOUTH_X, MOUTH_Y, MOUTH_HALF, TILT = 223.7, 146.6, 15.5, 0.03

EYES: list[tuple[Points, Points]] = [
    (
        [(191.5, 101.5), (194, 99.2), (197, 97.6), (202, 96.6), (206, 97.3), (210, 99.5), (213.5, 102.5)],
        [(191.5, 101.5), (196, 103), (200, 104.4), (204, 105), (208, 104.6), (213.5, 102.5)],
    ),
    (
        [(236.5, 104.5), (240, 101.3), (245, 99.5), (250, 99.8), (254, 101), (259, 104)],
        [(236.5, 104.5), (240, 106.2), (245, 107), (250, 106.7), (254, 105.7), (259, 104)],
    ),
]
BROWS: list[Points] = [
    [(190, 91), (194, 89.4), (199, 88.6), (207, 90), (213.5, 92.8)],
    [(238, 93.3), (247, 92.5), (256, 93), (262, 95.5)],
]
# Everything above and outside this line is hair; the line runs from left to right.
HAIRLINE: Points = [
    (140, 0), (140, 110), (165, 113), (172, 121), (178, 120), (180, 112), (182, 100), (184, 85), (186, 72),
    (190, 75), (197, 79), (205, 80), (225, 80), (237, 81), (247, 83), (253, 86), (260, 89), (266, 90),
    (268, 100), (270, 110), (271, 120), (271, 131), (280, 128), (310, 128), (310, 0),
]  # fmt: skip
SKIN: Points = [
    (186, 60), (170, 112), (170, 121), (176, 130), (183, 134), (185, 178), (190, 181), (200, 185),
    (220, 187.5), (233, 190), (245, 189), (252, 186), (255, 172), (262, 155), (267, 137), (274, 136),
    (282, 126), (276, 85),
]  # fmt: skip
# Objects in the background that the flood fill of the wall does not reach: the flag and a rocket.
FLAG: Points = [(80, 150), (98, 212), (80, 225)]
ROCKET: Points = [(350, 150), (370, 150), (370, 225), (350, 225)]
WALL: Points = [(110, 5), (350, 5), (120, 130), (300, 130)]


@dataclass(frozen=True)
class Portrait:
    """Pictures of one size: RGB (h, w, 3), and masks float32 (h, w) in [0, 1].

    `teeth` is the row of upper teeth behind the closed lips, to be shown where `teeth_mask` is 1.
    """

    closed: Picture
    teeth: Picture
    teeth_mask: Plane
    person: Plane
    hair: Plane
    skin: Plane
    brows: Plane
    lips: Plane


@functools.cache
def portrait() -> Portrait:
    """The portrait with closed mouth, made once per process in about 0.1 s."""
    source = _source()
    height, width = source.shape[:2]
    size = (width * SCALE, height * SCALE)
    smiling: Picture = np.asarray(cv2.resize(source, size, interpolation=cv2.INTER_CUBIC), np.uint8)
    person: Plane = np.asarray(cv2.resize(_person(source), size, interpolation=cv2.INTER_LINEAR), np.float32)
    hair = _filled(HAIRLINE, 1.2)
    skin = _filled(SKIN, 1.0) * (1 - hair)
    for upper, lower in EYES:
        skin *= 1 - _filled([*upper, *reversed(lower)], 0.4)
    brows = np.max([_filled(brow, 0.5, line=2.4) for brow in BROWS], axis=0)
    closed, lips = _close(smiling)
    teeth, teeth_mask = _teeth(smiling)
    return Portrait(closed, teeth, teeth_mask, person, hair * person, skin * person, brows, lips)


def grid() -> tuple[Plane, Plane]:
    """The place of every pixel of the portrait in the original picture: x and y, (h, w) each."""
    x = np.arange((RIGHT - LEFT) * SCALE, dtype=np.float32) / SCALE + LEFT
    y = np.arange((BOTTOM - TOP) * SCALE, dtype=np.float32) / SCALE + TOP
    across, down = np.meshgrid(x, y)
    return across.astype(np.float32), down.astype(np.float32)


def sample(picture: npt.NDArray[Kind], x: Plane, y: Plane) -> npt.NDArray[Kind]:
    """A picture or mask of the portrait's size, sampled at places (x, y) of the original picture."""
    across, down = ((x - LEFT) * SCALE).astype(np.float32), ((y - TOP) * SCALE).astype(np.float32)
    shown = cv2.remap(picture, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[arg-type, call-overload, unused-ignore]
    return np.asarray(shown, picture.dtype)


def curve(points: Points, x: Plane) -> Plane:
    """The y of a line through `points` at `x`."""
    return np.interp(x, [p[0] for p in points], [p[1] for p in points]).astype(np.float32)


def bell(x: Plane, width: float) -> Plane:
    """A Gaussian: 1 at 0, and 0.6 at `width`."""
    falling: Plane = np.exp(-0.5 * np.square(x / width))
    return falling


def step(x: Plane) -> Plane:
    """A smooth step: 0 for x ≤ 0, 1 for x ≥ 1."""
    x = np.clip(x, 0, 1)
    return np.asarray(x * x * (3 - 2 * x))


def seam(x: Plane) -> Plane:
    """The y of the line where the closed lips meet, at `x`."""
    off = x - MOUTH_X
    bow = 0.5 * bell(off, 3) - 0.3 * bell(abs(off) - 7, 3)
    return np.asarray(MOUTH_Y + TILT * off + bow, np.float32)


def _unsmile(x: Plane, y: Plane) -> Plane:
    """The column of the smiling picture that is shown at (x, y): the closed mouth is narrower."""
    off = x - MOUTH_X
    return np.asarray(x + 0.53 * off * bell(off, 17) * bell(y - MOUTH_Y, 16), np.float32)


def _source() -> Picture:
    from skimage import data

    picture: Picture = data.astronaut()  # type: ignore[no-untyped-call, unused-ignore]
    return np.ascontiguousarray(picture[TOP:BOTTOM, LEFT:RIGHT])


def _close(smiling: Picture) -> tuple[Picture, Plane]:
    """Close the lips over the teeth. Returns the picture and the mask of the lips."""
    x, y = grid()
    column, line = _unsmile(x, y), seam(x)
    depth = y - line
    near = bell(np.maximum(abs(x - MOUTH_X) - MOUTH_HALF, 0), 9)
    fuller = 0.3 * depth * bell(depth, 4) * near
    above = y + (curve(UPPER_LIP, column) - line) * bell(depth, 8.5) * near - fuller
    below = y + (curve(LOWER_LIP, column) - line) * bell(depth, 11) * near - fuller
    upper, lower = sample(smiling, column, above), sample(smiling, column, below)
    closed = mix(upper, lower, step(depth / 0.8 + 0.5))
    side = (x - MOUTH_X) / MOUTH_HALF
    arch = np.sqrt(np.maximum(1 - side**2, 0))
    lips = step(1.5 - abs(depth) / (5.0 * arch + 0.01)) * (abs(side) < 1)
    dark = 0.55 * bell(depth, 0.55) * step((1.06 - abs(side)) * 6)
    return mix(closed, np.full_like(closed, (70, 30, 28)), dark), lips.astype(np.float32)


def _teeth(smiling: Picture) -> tuple[Picture, Plane]:
    """The teeth of the smile, moved up until they end just below the closed lips' line; and their mask."""
    x, y = grid()
    column = _unsmile(x, np.full_like(y, MOUTH_Y))
    upper, lower = curve(UPPER_LIP, column), curve(LOWER_LIP, column)
    row = y + lower - seam(x) - 1.4 + 1.5 * np.square((x - MOUTH_X) / MOUTH_HALF)
    mask = step((lower - row) / 1.2) * step((lower - upper - 1) / 2)
    # Above the teeth that the smile shows, their first row is repeated; the lip hides most of it.
    return sample(smiling, column, np.clip(row, upper + 0.8, lower - 0.5)), mask


def _person(source: Picture) -> Plane:
    """The mask of the person: all that a flood fill of the wall, started at WALL, does not reach."""
    soft = cv2.GaussianBlur(source, (0, 0), 0.8)
    flooded = np.zeros((source.shape[0] + 2, source.shape[1] + 2), np.uint8)
    for x, y in WALL:
        start = (int(x - LEFT), int(y - TOP))
        cv2.floodFill(soft, flooded, start, 0, (5, 5, 5), (5, 5, 5), 4 | cv2.FLOODFILL_MASK_ONLY | 255 << 8)
    wall = flooded[1:-1, 1:-1].copy()
    for thing in (FLAG, ROCKET):
        cv2.fillPoly(wall, [(np.array(thing) - (LEFT, TOP)).astype(np.int32)], 255)
    # Two pixels more than the flood fill: the outermost pixels of the hair contain light of the wall.
    wall = cv2.dilate(wall, np.ones((3, 3), np.uint8), iterations=2)
    return 1 - cv2.GaussianBlur(wall, (0, 0), 0.9).astype(np.float32) / 255


def _filled(points: Points, softness: float, line: float = 0.0) -> Plane:
    """The mask, with soft edges, of a polygon, or of a line that is `line` pixels wide."""
    mask = np.zeros(((BOTTOM - TOP) * SCALE, (RIGHT - LEFT) * SCALE), np.uint8)
    corners = ((np.array(points) - (LEFT, TOP)) * SCALE * 16).astype(np.int32)
    if line:
        cv2.polylines(mask, [corners], False, 255, round(line * SCALE), cv2.LINE_AA, shift=4)
    else:
        cv2.fillPoly(mask, [corners], 255, cv2.LINE_AA, shift=4)
    return cv2.GaussianBlur(mask, (0, 0), softness * SCALE).astype(np.float32) / 255


def mix(first: Picture, second: Picture, share: Plane) -> Picture:
    """`first` where `share` is 0, `second` where it is 1."""
    share = np.ascontiguousarray(share, dtype=np.float32)
    return np.asarray(cv2.blendLinear(first, second, 1 - share, share), np.uint8)
