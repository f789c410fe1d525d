"""How far a mean over clips can be trusted."""

from dataclasses import dataclass

import numpy as np

from s2f.model.metrics import Values

RESAMPLES = 2000
COVERED = 0.95


@dataclass(frozen=True)
class Interval:
    """The mean over so many clips, and the bounds of its 95 % confidence interval; nan where unknown."""

    mean: float
    low: float
    high: float
    clips: int


def bootstrap(values: Values, seed: int = 0) -> Interval:
    """The mean of one value per clip (n,) and its percentile bootstrap interval (Efron 1979).

    Clips are drawn with replacement 2000 times; nan are left out. The same seed gives the same bounds.
    One clip tells nothing of others: its bounds are nan.
    """
    known = values[~np.isnan(values)]
    count = len(known)
    if count < 2:
        nan = float("nan")
        return Interval(float(known[0]) if count else nan, nan, nan, count)
    drawn = np.random.default_rng(seed).integers(0, count, (RESAMPLES, count))
    # Differences may be infinite to either side, which have no mean.
    with np.errstate(invalid="ignore"):
        mean, means = known.mean(), np.sort(known[drawn].mean(axis=1))
    # Not a quantile, which interpolates: a PSNR may be infinite.
    low, high = (means[round(share * (RESAMPLES - 1))] for share in ((1 - COVERED) / 2, (1 + COVERED) / 2))
    return Interval(float(mean), float(low), float(high), count)
