"""Is one run better than another? The answer comes from the differences clip by clip."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from s2f.model.metrics.interval import Interval, bootstrap
from s2f.model.metrics.scoring import Column, Scored

UNDECIDED = "no difference shown"
# Five differences have the same sign by chance one time in 16, and no interval shows that.
LEAST_CLIPS = 6


@dataclass(frozen=True)
class PairedComparison:
    """A run minus another one: the mean difference over the clips that both have, by column."""

    name: str
    against: str
    differences: dict[str, Interval]

    @property
    def title(self) -> str:
        """Which run is subtracted from which."""
        return f"{self.name} less {self.against}"


def compare(
    name: str, against: str, scored: Iterable[Scored], columns: Iterable[Column], seed: int
) -> PairedComparison:
    """The differences `name` minus `against`, clip by clip, in each column that both have."""
    pairs = [(clip.scores.get(name, {}), clip.scores.get(against, {})) for clip in scored]
    differences = {}
    for column in columns:
        key = column.name
        values = [one[key] - other[key] for one, other in pairs if key in one and key in other]
        if values:
            differences[key] = bootstrap(np.array(values), seed)
    return PairedComparison(name, against, differences)


def verdict(column: Column, difference: Interval) -> str:
    """ "better" or "worse", or "more" or "less" in a column where neither is better, or UNDECIDED.

    A difference is decided where its interval excludes 0 and there are six clips or more.
    """
    if difference.clips < LEAST_CLIPS or not (difference.low > 0 or difference.high < 0):
        return UNDECIDED
    more = difference.low > 0
    if column.higher_is_better is None:
        return "more" if more else "less"
    return "better" if more == column.higher_is_better else "worse"
