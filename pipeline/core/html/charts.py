"""Curves as data: charts.js draws them into the plots that the macros `figure` and `plot` leave for it."""

from dataclasses import dataclass

Point = tuple[float, float]


@dataclass(frozen=True)
class Series:
    """A curve; `look` is its class in charts.css: first to fourth, real, or still for the baseline."""

    name: str
    look: str
    points: list[Point]

    @property
    def last(self) -> str:
        """The last value as the legend shows it."""
        value = self.points[-1][1] if self.points else 0.0
        return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


@dataclass(frozen=True)
class Level:
    """A horizontal line to compare the curve of the same look with."""

    look: str
    value: float


@dataclass(frozen=True)
class Chart:
    """Curves that share axes: `over` is what runs along the x axis, step or s; `unit` what y measures.

    `mark` is the step of the point that is marked as the best one; with `zero` the y axis includes 0.
    Curves that settle, such as losses, are drawn with their running mean, are scaled without their
    beginning, and have their last value in the legend.
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
