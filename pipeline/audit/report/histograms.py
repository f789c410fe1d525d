"""How the scores of a check lie, as SVG, with the bounds drawn in; it needs no script."""

from dataclasses import dataclass
from html import escape

import numpy as np
import numpy.typing as npt

from s2f.pipeline.audit.checks.clips import Check, beyond
from s2f.pipeline.audit.clips import Scores
from s2f.pipeline.audit.findings import Finding, number

BINS = 32
# Scores beyond these percentiles are counted at the edge, or a single one would flatten the rest.
EDGES = (0.5, 99.5)
# Height of the highest bar, and of the lowest, so that a single clip among thousands is seen.
HIGHEST, LOWEST = 60.0, 2.5

Bounds = tuple[float | None, float | None]


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


def histogram(check: Check, scores: Scores, finding: Finding) -> str:
    """A figure with the histogram of a check, and how many clips it flags."""
    known = scores[np.isfinite(scores)]
    count = len(finding.flagged)
    share = number(100 * count / max(1, len(scores)))
    told = f'<b class="{finding.level}">{count:,} flagged, {share} %</b>' if count else "none flagged"
    drawn, spread = "", "not known of any clip"
    if len(known):
        drawn = _drawn(binned(known, finding.bounds), finding.bounds)
        least, middle, most = (number(float(each)) for each in np.percentile(known, [0, 50, 100]))
        spread = f"{least} to {most}, median {middle} {check.unit}".strip()
    return (
        f'<figure class="histogram"><button data-check="{check.name}"><b>{escape(check.title)}</b>'
        f"<code>{check.name}</code></button><p>{told}<br>{escape(spread)}</p>{drawn}</figure>"
    )


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


def _drawn(bins: Bins, bounds: Bounds) -> str:
    places = [
        (bound, bins.place(bound), "≤≥"[not side]) for side, bound in enumerate(bounds) if bound is not None
    ]
    lines = "".join(f'<line x1="{x}" x2="{x}" y1="0" y2="{HIGHEST:g}"/>' for _, x, _ in places)
    labels = "".join(_label(x, f"{sign} {number(bound)}") for bound, x, sign in places)
    ends = "".join(_label(bins.place(each), number(each)) for each in (bins.low, bins.high))
    return (
        f'<div class="labels bounds">{labels}</div><svg viewBox="0 0 100 {HIGHEST:g}" role="img"'
        f' preserveAspectRatio="none" aria-label="Histogram">{_bars(bins)}{lines}</svg>'
        f'<div class="labels">{ends}</div>'
    )


def _label(place: float, text: str) -> str:
    # Labels at the ends stay inside.
    return f'<i style="left:{min(93.0, max(7.0, place))}%">{text}</i>'


def _bars(bins: Bins) -> str:
    most = max(bins.counts)
    bars = []
    for place, count in enumerate(bins.counts):
        if count:
            left, right = (float(each) for each in bins.edges[place : place + 2])
            x, width = bins.place(left), bins.place(right) - bins.place(left)
            height = max(LOWEST, HIGHEST * count / most)
            upper = max(LOWEST, height * bins.wrong[place] / count) if bins.wrong[place] else 0.0
            shape = f'x="{x:.2f}" width="{0.9 * width:.2f}"'
            title = f"<title>{number(left)} to {number(right)}: {count:,} clips</title>"
            bars.append(
                f'<g><rect {shape} y="{HIGHEST - height + upper:.1f}" height="{height - upper:.1f}"/>'
                f'<rect {shape} y="{HIGHEST - height:.1f}" height="{upper:.1f}" class="beyond"/>{title}</g>'
            )
    return "".join(bars)
