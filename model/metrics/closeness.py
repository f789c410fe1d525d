"""How close a run is to the real video: measure by measure, and in one score."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from s2f.model.metrics import Values
from s2f.model.metrics.interval import COVERED, RESAMPLES, Interval


@dataclass(frozen=True)
class Scale:
    """What closeness means in a measure: 1 where the mean is that of the real video, 0 where it is far.

    span   the difference from the real video's mean that counts as far; None: closeness is the smaller
           mean over the larger one, for a measure that is never negative
    ideal  the value of the real video, where it has that by definition and is not measured
    """

    span: float | None = None
    ideal: float | None = None

    def closeness(self, means: Values, real: Values) -> Values:
        """The closeness of means to those of the real video, 0 to 1."""
        if self.span is not None:
            return np.maximum(0, 1 - np.abs(means - real) / self.span)
        low, high = np.minimum(means, real), np.maximum(means, real)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(high == low, 1.0, np.maximum(0, low) / high)


# Never negative, with a true zero.
RATIO = Scale()


@dataclass(frozen=True)
class Closeness:
    """The closeness of a video in each measure, and their mean, 0 to 1, with intervals over the clips."""

    score: Interval
    measures: dict[str, Interval]


def closeness(
    scales: Mapping[str, Scale], made: Mapping[str, Values], real: Mapping[str, Values], seed: int
) -> Closeness:
    """The closeness of a video's scores to the real video's, both by measure, one value per clip (n,).

    A measure is compared on the clips that both have; one without such clips is left out. The mean over the
    clips is compared, for one clip may have a blink less by chance. Clips are drawn with replacement
    2000 times, the same ones in all measures. The score is the mean over the measures.
    """
    count = max((len(values) for values in made.values()), default=0)
    drawn = np.random.default_rng(seed).integers(0, count, (RESAMPLES, count)) if count else None
    found: dict[str, Interval] = {}
    every, once = [], []
    for name, scale in scales.items():
        pair = _pair(scale, made.get(name), real.get(name))
        if pair is None or drawn is None:
            continue
        mine, theirs = pair
        clips = int(np.isfinite(mine).sum())
        point = float(scale.closeness(*(np.nanmean(each, keepdims=True) for each in (mine, theirs)))[0])
        many = scale.closeness(_means(mine[drawn]), _means(theirs[drawn]))
        found[name] = _interval(point, many, clips)
        once.append(point)
        every.append(many)
    if not once:
        nan = float("nan")
        return Closeness(Interval(nan, nan, nan, 0), {})
    return Closeness(_interval(float(np.mean(once)), _means(np.array(every).T), count), found)


def _pair(scale: Scale, made: Values | None, real: Values | None) -> tuple[Values, Values] | None:
    """The values of the clips that both have, nan elsewhere; None where there are none."""
    if made is None:
        return None
    if scale.ideal is not None:
        real = np.full(len(made), scale.ideal)
    if real is None:
        return None
    known = np.isfinite(made) & np.isfinite(real)
    return (np.where(known, made, np.nan), np.where(known, real, np.nan)) if known.any() else None


def _means(values: npt.NDArray[np.float64]) -> Values:
    """The mean of each row over its numbers; nan where it has none."""
    known = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, values, 0).sum(axis=1) / known.sum(axis=1), np.float64)


def _interval(point: float, many: Values, clips: int) -> Interval:
    many = many[np.isfinite(many)]
    if clips < 2 or not len(many):
        return Interval(point, float("nan"), float("nan"), clips)
    low, high = np.quantile(many, [(1 - COVERED) / 2, (1 + COVERED) / 2])
    return Interval(point, float(low), float(high), clips)
