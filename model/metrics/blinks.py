"""How often a face blinks, and for how long: told from the eyes' points alone."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from scipy.signal import find_peaks

from s2f.model.metrics import Values
from s2f.pipeline.faces.base import Points
from s2f.pipeline.faces.eyes import aspect_ratio

# An eye closes where the aspect ratio falls so much from one frame to the next, and it does so once in
# so many frames (Vougioukas et al. 2019). Both are meant for 25 frames per second.
LEAST_FALL, APART = 0.072, 4


@dataclass(frozen=True)
class Blink:
    """The frame after which the eyes close fastest, and for how many frames they are half closed or more.

    `frames` is nan where the video ends before they have opened again.
    """

    frame: int
    frames: float


def find_blinks(ratio: Values) -> list[Blink]:
    """The blinks in a course of aspect ratios (n,): peaks of its fall, 4 frames apart or more."""
    peaks, _ = find_peaks(-np.diff(ratio), height=LEAST_FALL, distance=APART)
    ends = [*peaks, len(ratio) - 1][1:]
    return [Blink(int(peak), _half_closed(ratio, peak, end)) for peak, end in zip(peaks, ends, strict=True)]


def blinks_per_second(points: Points, fps: Fraction) -> float:
    """Blinks of a video by its points (n, 68, 2); nan without a face."""
    ratio = aspect_ratio(points)
    return float("nan") if np.isnan(ratio).any() else len(find_blinks(ratio)) / float(len(ratio) / fps)


def blink_seconds(points: Points, fps: Fraction) -> float:
    """How long a blink takes, the mean over those that end within the video; nan where there is none."""
    taken = [blink.frames for blink in find_blinks(aspect_ratio(points)) if np.isfinite(blink.frames)]
    return float(np.mean(taken) / float(fps)) if taken else float("nan")


def _half_closed(ratio: Values, peak: int, end: int) -> float:
    """Frames from where a fall crosses the half of its depth to where the eyes have risen to it again.

    The depth reaches from the highest ratio of the four frames before it to the lowest one of the four
    after it. `end` is where the next fall begins. Crossings lie between frames.
    """
    before = ratio[max(0, peak - APART + 1) : peak + 1]
    after = ratio[peak + 1 : peak + 1 + APART]
    half = (before.max() + after.min()) / 2
    lowest = peak + 1 + int(after.argmin())
    risen = np.flatnonzero(ratio[lowest : end + 1] >= half)
    if not len(risen):
        return float("nan")
    rise = lowest + int(risen[0])
    fall = lowest
    while ratio[fall] < half:
        fall -= 1
    return _crossing(ratio, rise - 1, half) - _crossing(ratio, fall, half)


def _crossing(ratio: Values, frame: int, level: float) -> float:
    """Where between a frame and the next one the ratio has this level."""
    return float(frame + (level - ratio[frame]) / (ratio[frame + 1] - ratio[frame]))
