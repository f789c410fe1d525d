"""How a face moves: how far, with the sound, and where nothing is said."""

from fractions import Fraction

import numpy as np
import numpy.typing as npt

from s2f.model.metrics import Frames, Values
from s2f.model.metrics.mouth import correlation
from s2f.model.metrics.speech import Mask
from s2f.pipeline.core.windows import Sound, cut_windows, loudness, window_size, window_starts
from s2f.pipeline.faces.alignment import similarity, transform_points
from s2f.pipeline.faces.base import LIPS, Points
from s2f.pipeline.faces.mouth import opening

# The points of the brows, and those that only move with the head: the nose and the corners of the eyes.
BROWS = slice(17, 27)
RIGID = (*range(27, 36), 36, 39, 42, 45)

# The loudness of a frame is that of so many seconds around its middle; what is softer counts as so loud.
LOUDNESS_SECONDS, SOFTEST_DB = 0.08, -60.0

# Lips move where their points move by so many px from a frame to the next, on average over the 20 points.
# By dlib's points those of GRID's speakers do in 5 % of the frames of pauses, and in 41 % of the others.
LIPS_MOVE = 0.6
# The fewest frames of a pause from which anything is told.
LEAST_PAUSE = 5


def flicker(video: Frames) -> float:
    """Mean absolute change between successive frames of a video (n, height, width, 3), in grey levels."""
    if len(video) < 2:
        return float("nan")
    return float(np.mean([np.abs(a - b).mean() for a, b in _pairs(video)]))


def lip_range(points: Points) -> float:
    """How far the lips' 20 points go from their mean places; see `spread`."""
    return spread(steady(points)[:, LIPS])


def brow_range(points: Points) -> float:
    """The same of the ten points of the brows."""
    return spread(steady(points)[:, BROWS])


def head_range(points: Points) -> float:
    """The same of what moves with the head alone: 13 points of nose and eyes, (n, 68, 2) in aligned crops.

    The alignment holds the head in its place: what is left is its turning and nodding.
    """
    return spread(points[:, RIGID])


def spread(points: Points) -> float:
    """The root mean square distance of points (n, k, 2) from their means over time, px; nan without any."""
    seen = points[np.isfinite(points).all(axis=(1, 2))].astype(np.float64)
    if len(seen) < 2:
        return float("nan")
    return float(np.sqrt(np.square(seen - seen.mean(axis=0)).sum(axis=-1).mean()))


def steady(points: Points) -> Points:
    """Points (n, 68, 2) without the motion of the head: eyes and nose of each frame in their place."""
    held = np.full_like(points, np.nan)
    seen = np.isfinite(points).all(axis=(1, 2))
    held[seen] = transform_points(points[seen], similarity(points[seen]))
    return held


def loudness_correlation(points: Points, sound: Sound, sample_rate: int, fps: Fraction) -> float:
    """Correlation over time of the mouth's opening with the loudness of the sound; nan where either is even.

    From points (n, 68, 2) and mono sound (samples,) that begins with the first frame.
    """
    size = window_size(LOUDNESS_SECONDS, sample_rate)
    starts = window_starts(len(points), fps, sample_rate, size)
    loud = np.maximum(loudness(cut_windows(sound, starts, size)), SOFTEST_DB)
    return correlation(opening(points), np.asarray(loud, np.float32))


def lip_speeds(points: Points) -> Values:
    """How far the lips' points move from the frame before, on average, px: (n,); nan for the first frame."""
    lips = steady(points)[:, LIPS].astype(np.float64)
    moved = np.linalg.norm(np.diff(lips, axis=0), axis=-1).mean(axis=1)
    return np.concatenate([[np.nan], moved])[: len(points)]


def silence_leak(points: Points, pauses: Mask) -> float:
    """The share of the frames of pauses (n,) in which the lips move, in %; nan where there are too few."""
    speeds = _in_pauses(points, pauses)
    return float(100 * np.mean(speeds > LIPS_MOVE)) if len(speeds) >= LEAST_PAUSE else float("nan")


def pause_motion(points: Points, pauses: Mask) -> float:
    """How far the lips' points move per frame in pauses, px: their stability; nan where there are too few."""
    speeds = _in_pauses(points, pauses)
    return float(speeds.mean()) if len(speeds) >= LEAST_PAUSE else float("nan")


def _in_pauses(points: Points, pauses: Mask) -> Values:
    speeds = lip_speeds(points)
    return speeds[pauses & np.isfinite(speeds)]


def _pairs(video: Frames) -> list[tuple[npt.NDArray[np.int16], npt.NDArray[np.int16]]]:
    whole = video.astype(np.int16)
    return list(zip(whole[1:], whole[:-1], strict=True))
