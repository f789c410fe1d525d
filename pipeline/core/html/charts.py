"""What the pages of this half have in common: one look (page.css), and curves that charts.js draws."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path

from s2f.pipeline.core import html as pages
from s2f.pipeline.core.html import Page

Point = tuple[float, float]


@dataclass(frozen=True)
class Series:
    """A curve; `look` is its class in the page's style: first to fourth, real, or still for the baseline."""

    name: str
    look: str
    points: list[Point]


@dataclass(frozen=True)
class Level:
    """A height that the curve of the same look is to be read against."""

    look: str
    value: float


@dataclass(frozen=True)
class Chart:
    """Curves that share an axis, over steps or seconds, what it measures, and how they are to be read.

    `mark` is the step of the point to be marked as the best one; `zero`: the axis begins there. Curves
    that settle are drawn with their running mean, their begin may leave the picture, and their last
    values are told.
    """

    title: str
    unit: str
    note: str
    series: list[Series]
    levels: tuple[Level, ...] = ()
    mark: int | None = None
    zero: bool = False
    over: str = "step"
    settles: bool = True


def fill(template: str, charts: Sequence[Chart], **parts: str) -> str:
    """The page of a template in this folder: its parts are HTML, the charts are drawn into their plots."""
    return Page(_read(template)).substitute(
        style=_read("page.css"),
        drawing=_read("charts.js"),
        charts=pages.data([asdict(chart) for chart in charts]),
        **parts,
    )


def figure(chart: Chart, number: int) -> str:
    """A chart under its title; `number` is its place among all of the page."""
    title = f'<h3>{escape(chart.title)}</h3><p class="unit">{escape(chart.unit)}</p>'
    return f"<figure><figcaption>{title}</figcaption>{plot(chart, number)}</figure>"


def plot(chart: Chart, number: int) -> str:
    """Legend, plot and note of a chart."""
    return (
        f'<div class="legend">{"".join(_key(series, last=chart.settles) for series in chart.series)}</div>'
        f'<div class="plot" data-chart="{number}"><svg role="img" aria-label="{escape(chart.title)}"></svg>'
        f'<div class="tip" hidden></div></div><p class="note">{escape(chart.note)}</p>'
    )


def _key(series: Series, *, last: bool) -> str:
    value = series.points[-1][1] if series.points else 0.0
    told = f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
    name = f"<i></i>{escape(series.name)}"
    return f'<span class="{series.look}">{name}{f" <b>{told}</b>" if last else ""}</span>'


def _read(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")
