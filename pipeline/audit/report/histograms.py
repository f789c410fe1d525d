"""How the scores of a check lie: bars and bounds for the template histogram.html."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from s2f.pipeline.audit.auditing import Audit
from s2f.pipeline.audit.checks.base import ClipCheck
from s2f.pipeline.audit.checks.judging import beyond, made
from s2f.pipeline.audit.clips import Scores
from s2f.pipeline.audit.findings import Finding, Level, number

BINS = 32
# Scores beyond these percentiles are counted at the edge, or a single one would flatten the rest.
EDGES = (0.5, 99.5)
# Height of the picture and of its highest bar, and of the lowest, so that one clip among thousands is seen.
HIGHEST, LOWEST = 60, 2.5

Bounds = tuple[float | None, float | None]


@dataclass(frozen=True)
class Bar:
    """A bar: its left edge and width in % of the picture, its top, and the heights of its two parts.

    `beyond` is the upper part, of the scores beyond the bounds, `within` the lower one.
    """

    x: float
    width: float
    top: float
    beyond: float
    within: float
    title: str


@dataclass(frozen=True)
class Label:
    """A text at a place on the axis, in %."""

    x: float
    text: str


@dataclass(frozen=True)
class Histogram:
    """The histogram of a check; without bars where no score is known. `share`: flagged clips in %."""

    check: str
    title: str
    level: Level
    flagged: int
    share: str
    spread: str
    bars: list[Bar]
    bounds: list[Label]
    ends: list[Label]
    height: int = HIGHEST


@dataclass(frozen=True)
class Bins:
    """Scores counted between edges (n + 1,): all (n,), and those beyond the bounds (n,).

    `low` and `high` are the least and the greatest figure that has its own place.
    """

    low: float
    high: float
    edges: npt.NDArray[np.float64]
    counts: list[int]
    wrong: list[int]

    def place(self, value: float) -> float:
        """Where a value lies on the axis, in %."""
        first, last = float(self.edges[0]), float(self.edges[-1])
        return round(min(100.0, max(0.0, 100 * (value - first) / (last - first))), 2)


def histograms(audit: Audit) -> list[Histogram]:
    """The histograms of all checks whose score is a figure."""
    findings = {each.check: each for each in audit.findings}
    numeric = [check for check in made(audit.clips) if check.settings]
    return [_histogram(check, audit.clips.scores[check.name], findings[check.name]) for check in numeric]


def binned(known: Scores, bounds: Bounds) -> Bins:
    """Count scores, one or more, in bins that reach to the bounds; whole numbers have bins of their own."""
    limits = [bound for bound in bounds if bound is not None]
    low, high = np.percentile(known, EDGES)
    low, high = float(min(low, *limits)), float(max(high, *limits))
    values = np.array([*known, *limits])
    if (values == values.round()).all() and high - low < BINS:
        edges = np.arange(np.floor(low), np.ceil(high) + 2) - 0.5
    else:
        room = 0.04 * ((high - low) or abs(high) or 1.0)
        edges = np.linspace(low - room, high + room, BINS + 1)
    inside = np.clip(known, edges[0], edges[-1])
    wrong = inside[beyond(known, *bounds) > 0]
    return Bins(low, high, edges, *(np.histogram(each, edges)[0].tolist() for each in (inside, wrong)))


def _histogram(check: ClipCheck, scores: Scores, finding: Finding) -> Histogram:
    known = scores[np.isfinite(scores)]
    flagged = len(finding.flagged)
    share = number(100 * flagged / max(1, len(scores)))
    about = (check.name, check.title, finding.level, flagged, share)
    if not len(known):
        return Histogram(*about, "not known of any clip", [], [], [])
    bins = binned(known, finding.bounds)
    least, middle, most = (number(float(each)) for each in np.percentile(known, [0, 50, 100]))
    spread = f"{least} to {most}, median {middle} {check.unit}".strip()
    bounds = [
        Label(bins.place(bound), f"{sign} {number(bound)}")
        for sign, bound in zip("≥≤", finding.bounds, strict=True)
        if bound is not None
    ]
    ends = [Label(bins.place(each), number(each)) for each in (bins.low, bins.high)]
    return Histogram(*about, spread, _bars(bins), bounds, ends)


def _bars(bins: Bins) -> list[Bar]:
    most = max(bins.counts)
    bars = []
    for place, count in enumerate(bins.counts):
        if count:
            left, right = (float(each) for each in bins.edges[place : place + 2])
            x, width = bins.place(left), bins.place(right) - bins.place(left)
            height = max(LOWEST, HIGHEST * count / most)
            upper = max(LOWEST, height * bins.wrong[place] / count) if bins.wrong[place] else 0.0
            title = f"{number(left)} to {number(right)}: {count:,} clips"
            bars.append(Bar(x, 0.9 * width, HIGHEST - height, upper, height - upper, title))
    return bars
