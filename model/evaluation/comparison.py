"""Is one run better than another? Told from the differences clip by clip."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from s2f.model.metrics.interval import Interval, bootstrap
from s2f.model.metrics.scoring import Column, Scored

UNDECIDED = "no difference shown"
# Five differences of one sign come about by chance too often, one time in 16; no interval tells that.
LEAST_CLIPS = 6


@dataclass(frozen=True)
class Comparison:
    """A run against another one: by column the mean of its value less the other's, over the same clips."""

    name: str
    against: str
    differences: dict[str, Interval]

    @property
    def title(self) -> str:
        """What is taken from what."""
        return f"{self.name} less {self.against}"


def compare(
    name: str, against: str, scored: Iterable[Scored], columns: Iterable[Column], seed: int
) -> Comparison:
    """The paired differences of two runs in each column that both have."""
    pairs = [(clip.scores.get(name, {}), clip.scores.get(against, {})) for clip in scored]
    differences = {}
    for column in columns:
        key = column.name
        found = [one[key] - other[key] for one, other in pairs if key in one and key in other]
        if found:
            differences[column.name] = bootstrap(np.array(found), seed)
    return Comparison(name, against, differences)


def verdict(column: Column, difference: Interval) -> str:
    """What a difference shows: better or worse, or more or less where neither is better, or nothing.

    It shows something where its interval does not hold 0, and there are six clips or more.
    """
    if difference.clips < LEAST_CLIPS or not (difference.low > 0 or difference.high < 0):
        return UNDECIDED
    more = difference.low > 0
    if column.higher_is_better is None:
        return "more" if more else "less"
    return "better" if more == column.higher_is_better else "worse"
