"""A speaker's face in any pose: frames for a video.

Every movement is a smooth warp: for each pixel of the frame, it gives the place in the portrait with
closed mouth that the pixel shows. The build of the face is computed once per speaker. A frame only
warps the mouth and the eyes and places the head in front of the wall.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from s2f.pipeline.demo import portrait as base
from s2f.pipeline.demo.portrait import EYES, MOUTH_HALF, MOUTH_X, Picture, Plane, bell, curve, mix, seam, step
from s2f.pipeline.demo.speakers import Speaker, painted, shape, tinted, wall

WIDTH, HEIGHT = 360, 288
# The parts that move, in pixels of the original picture: left, top, right, bottom.
MOUTH_BOX = (174, 126, 276, 200)
EYE_BOXES = ((186, 86, 218, 110), (231, 88, 264, 112))
# The greatest movement of the upper and the lower lip, in pixels of the original picture,
# and the shares of the lower lip's movement that the chin and the corners of the mouth make.
LIFT, DROP, CHIN, CORNERS = 1.8, 10.0, 0.55, 0.28
SKIN_OF_MOUTH = np.array([(52, 16, 18), (150, 74, 72)], np.float32)


@dataclass(frozen=True)
class Pose:
    """open, blink in [0, 1]; width from -1 (rounded) to 1 (spread); x, y in pixels; tilt in degrees."""

    open: float = 0.0
    width: float = 0.0
    blink: float = 0.0
    x: float = 0.0
    y: float = 0.0
    tilt: float = 0.0


class Face:
    """Everything that the frames of one speaker share; `frame` draws one frame."""

    def __init__(self, speaker: Speaker) -> None:
        self.speaker = speaker
        material = base.portrait()
        self.still = painted(material, speaker)
        x, y = shape(*base.grid(), speaker)
        self.head = base.sample(self.still, x, y)
        self.person = base.sample(material.person, x, y)
        self.wall = wall(speaker, WIDTH, HEIGHT)
        self.mouth = _Patch(x, y, MOUTH_BOX)
        teeth = tinted(material.teeth, material.teeth_mask, (192, 180, 163))
        self.teeth = base.sample(teeth, self.mouth.x, self.mouth.y)
        self.teeth_mask = base.sample(material.teeth_mask, self.mouth.x, self.mouth.y)
        self.eyes = [_Patch(x, y, box) for box in EYE_BOXES]

    def frame(self, pose: Pose) -> Picture:
        """The speaker in a pose, RGB uint8 (288, 360, 3)."""
        head = self.head.copy()
        if pose.blink > 0:
            for patch, (upper, lower) in zip(self.eyes, EYES, strict=True):
                head[patch.place] = self._eye(patch, upper, lower, pose.blink)
        head[self.mouth.place] = self._mouth(self.mouth, pose)
        return self._on_wall(head, pose)

    def _mouth(self, patch: "_Patch", pose: Pose) -> Picture:
        """Move upper lip up, lower lip and jaw down, the corners less; behind are teeth and tongue."""
        x, y = patch.x, patch.y
        off = x - MOUTH_X
        column = x - 0.34 * pose.width * off * bell(off, 17) * patch.near
        arch = np.maximum(1 - np.square((column - MOUTH_X) / MOUTH_HALF), 0) ** 0.7
        line = seam(column)
        lift, drop = LIFT * pose.open, DROP * pose.open
        corners = CORNERS * drop * (1 - arch) * patch.beside
        top, bottom = line + corners - lift * arch, line + corners + drop * arch
        # Rounded lips are thicker, spread lips are thinner.
        depth = y - line
        bulge = 0.22 * min(pose.width, 0.5) * depth * bell(depth, 5) * bell(off, 14)
        above = y + (line - top) * bell(np.maximum(top - y, 0), 7) + bulge
        chin = step((y - bottom) / 20)
        fall = (bottom - line) * (1 - chin) + CHIN * drop * patch.jaw * chin
        below = y - fall * patch.above_collar + bulge
        upper, lower = base.sample(self.still, column, above), base.sample(self.still, column, below)
        lips = mix(upper, lower, step((y - bottom) / 0.8 + 0.5))
        if pose.open <= 0:
            return lips
        between = step(np.minimum(y - top, bottom - y) / 0.9 + 0.5) * step((bottom - top) / 0.8)
        return mix(lips, self._cavity(patch, top, bottom), between)

    def _cavity(self, patch: "_Patch", top: Plane, bottom: Plane) -> Picture:
        """The inside of the open mouth: upper teeth in the shade of the lip, darkness, and tongue."""
        gap = np.maximum(bottom - top, 0.5)
        depth = (patch.y - top) / gap
        tongue = step((depth - 0.5) / 0.6) * step(gap / 8)
        dark, pink = SKIN_OF_MOUTH
        inside = (dark + (pink - dark) * tongue[..., None]).astype(np.uint8)
        shade = step((patch.y - top) / 2.5 + 0.45) * bell(patch.x - MOUTH_X, 12)
        return mix(inside, self.teeth, self.teeth_mask * shade)

    def _eye(self, patch: "_Patch", upper: base.Points, lower: base.Points, blink: float) -> Picture:
        """Close the eye: stretch the skin of the upper lid, with its lashes, down to the lower lid."""
        x, y = patch.x, patch.y
        fold = 4.0
        high = curve(upper, x)
        lid = high + blink * (curve(lower, x) - high)
        covered = high - fold + (y - high + fold) * fold / (lid - high + fold)
        return base.sample(self.still, x, np.where((y > high - fold) & (y < lid), covered, y))

    def _on_wall(self, head: Picture, pose: Pose) -> Picture:
        """The head in front of the wall, rotated about the base of the neck and moved."""
        zoom = self.speaker.zoom / base.SCALE
        foot = ((MOUTH_X - base.LEFT) * base.SCALE, head.shape[0] - 10.0)
        matrix = cv2.getRotationMatrix2D(foot, pose.tilt, zoom)
        matrix[0, 2] += WIDTH / 2 - foot[0] + self.speaker.shift[0] + pose.x
        matrix[1, 2] += HEIGHT + 8 - foot[1] + self.speaker.shift[1] + pose.y
        size = (WIDTH, HEIGHT)
        moved = cv2.warpAffine(head, matrix, size, borderMode=cv2.BORDER_REPLICATE)
        share = cv2.warpAffine(self.person, matrix, size)
        return mix(self.wall, np.asarray(moved, np.uint8), np.asarray(share, np.float32))


class _Patch:
    """A part of the head that moves: its slices in the head's picture, and its places in the portrait."""

    def __init__(self, x: Plane, y: Plane, box: tuple[int, int, int, int]) -> None:
        left, top, right, bottom = box
        inside = (x >= left) & (x < right) & (y >= top) & (y < bottom)
        rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
        self.place = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
        self.x = np.ascontiguousarray(x[self.place])
        self.y = np.ascontiguousarray(y[self.place])
        self.near = bell(self.y - base.MOUTH_Y, 16)
        self.beside = bell(np.maximum(abs(self.x - MOUTH_X) - MOUTH_HALF, 0), 8)
        self.jaw = bell(self.x - MOUTH_X, 32)
        self.above_collar = step((192 - self.y) / 14)
