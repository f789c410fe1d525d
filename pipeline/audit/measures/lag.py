"""Does the sound fit the lips? Mouth opening against loudness, pooled over many clips.

One clip tells nothing: of ten genuine clips that are in sync, the best lag of four was wrong by a frame
or more. The mean over a dozen clips of a speaker has its peak within a frame of the truth.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Curve = npt.NDArray[np.float32]

# Lags from -15 to +15 frames.
REACH = 15
RESAMPLES = 400


@dataclass(frozen=True)
class PooledLag:
    """The mean lag curve of some clips, and its peak in frames.

    A positive lag means that the sound comes later than the mouth. `sure` is the share of
    bootstrap draws (as many clips, with replacement) whose peak is at most a frame away.
    """

    clips: int
    curve: tuple[float, ...]
    peak: int
    sure: float


def lag_curve(opening: npt.NDArray[np.float32], loudness: npt.NDArray[np.float64]) -> Curve:
    """Pearson's correlation of opening (n,) and loudness (n,) at lags -15 … 15: (31,); 0 where unknown."""
    count = min(len(opening), len(loudness))
    curve = np.zeros(2 * REACH + 1, np.float32)
    for number, lag in enumerate(range(-REACH, REACH + 1)):
        first = opening[max(0, -lag) : count - max(0, lag)]
        second = loudness[max(0, lag) : count - max(0, -lag)]
        if len(first) > REACH and first.std() > 0 and second.std() > 0:
            curve[number] = np.corrcoef(first, second)[0, 1]
    return curve


def pool(curves: npt.NDArray[np.float32], seed: int = 0) -> PooledLag:
    """The pooled lag of the curves (n, 31) of n ≥ 1 clips."""
    count = len(curves)
    drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), RESAMPLES)
    peaks = (drawn @ curves).argmax(axis=1) - REACH
    mean = curves.mean(axis=0)
    peak = int(mean.argmax()) - REACH
    sure = float((abs(peaks - peak) <= 1).mean())
    return PooledLag(count, tuple(float(value) for value in mean), peak, sure)
