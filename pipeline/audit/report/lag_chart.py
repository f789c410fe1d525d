"""How sound and mouth lie to each other, for the template lag_chart.html: curves, and a peak per speaker."""

from dataclasses import dataclass

import numpy as np

from s2f.pipeline.audit.auditing import Audit
from s2f.pipeline.audit.checks.sync import ALL
from s2f.pipeline.audit.findings import number
from s2f.pipeline.audit.measures.lag import REACH, PooledLag
from s2f.pipeline.audit.report.names import natural
from s2f.pipeline.core.windows import lag_in_words


@dataclass(frozen=True)
class Curve:
    """A curve as the points of an SVG polyline in a square of 100; `look` is all, wrong or one."""

    name: str
    look: str
    points: str


@dataclass(frozen=True)
class Dot:
    """A peak that is marked: `x` as a CSS length, `y` in % from the top."""

    look: str
    x: str
    y: float


@dataclass(frozen=True)
class Tick:
    """A lag on the axis."""

    x: str
    text: str


@dataclass(frozen=True)
class Peak:
    """The peak of a speaker, or of all; `begin` to `end` is the range of a frame to either side."""

    name: str
    is_speaker: bool
    look: str
    clips: int
    peak: str
    x: str
    begin: str
    end: str
    agreement: str
    words: str


@dataclass(frozen=True)
class LagChart:
    """All of it; `low` and `high` are the range of the correlations, `zero` is the height of 0."""

    low: str
    high: str
    zero: float
    curves: list[Curve]
    dots: list[Dot]
    ticks: list[Tick]
    rows: list[Peak]


def lag_chart(audit: Audit) -> LagChart:
    """The curves of all speakers, and a row for each with its peak; of at least one lag."""
    lags = audit.lags
    wrong = {name for each in audit.findings if each.check == "sync.lag" for name in each.flagged}
    names = sorted(lags, key=lambda name: (name != ALL, name not in wrong, natural(name)))
    looks = {name: "wrong" if name in wrong else "all" if name == ALL else "one" for name in names}
    values = np.array([lag.curve for lag in lags.values()])
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    room = 0.08 * ((high - low) or 1.0)

    def down(value: float) -> float:
        return round(100 * (high + room - value) / (high - low + 2 * room), 2)

    return LagChart(
        number(low),
        number(high),
        down(0),
        # The one of all speakers is drawn last, to lie on top.
        [
            Curve(name, looks[name], _points([down(value) for value in lags[name].curve]))
            for name in reversed(names)
        ],
        [
            Dot(looks[name], _across(lags[name].peak), down(max(lags[name].curve)))
            for name in names
            if looks[name] != "one"
        ],
        [Tick(_across(lag), _signed(lag)) for lag in range(-REACH, REACH + 1, 5)],
        [_peak(name, looks[name], lags[name], audit.clips.frame_ms) for name in names],
    )


def _peak(name: str, look: str, lag: PooledLag, frame: float) -> Peak:
    """`frame` is a frame's length in ms."""
    return Peak(
        name,
        name != ALL,
        look,
        lag.clips,
        _signed(lag.peak),
        _across(lag.peak),
        _across(lag.peak - 1),
        _across(lag.peak + 1),
        f"{100 * lag.sure:.0f}",
        lag_in_words(lag.peak, lag.peak * frame),
    )


def _across(lag: float) -> str:
    """The place of a lag on the axis."""
    return f"{min(100.0, max(0.0, 100 * (lag + REACH) / (2 * REACH))):.1f}%"


def _points(heights: list[float]) -> str:
    width = 100 / (len(heights) - 1)
    return " ".join(f"{place * width:.2f},{height}" for place, height in enumerate(heights))


def _signed(lag: int) -> str:
    return f"{lag:+d}" if lag else "0"
