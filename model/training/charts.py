"""The curves of a run as a page draws them: which belong on one axis, and how they are to be read."""

import math
from collections.abc import Sequence
from typing import Any

from s2f.model.training.config import TrainParams
from s2f.model.training.terminal import MUCH_WAITING
from s2f.pipeline.core.html.charts import Chart, Level, Point, Series

# A line of a file of curves: `step`, and values by TensorBoard tag.
CurveRow = dict[str, Any]

# A curve is drawn from at most so many points; longer ones are means of neighbours.
MOST_POINTS = 400

L1_UNIT = "mean absolute error, pictures in [-1, 1]"
BELOW = "Below the dashed line = better than repeating the photo."
ABOVE = "Above the dashed line = better than repeating the photo."

# Title, unit and note of the scores that are known by name.
MEASURES = {
    "l1": ("L1 of the lower half", L1_UNIT, f"{BELOW} The weights of the best one are kept."),
    "psnr": ("PSNR", "dB", f"{ABOVE} Blurred pictures do well here."),
    "mouth": (
        "Mouth",
        "correlation with the real mouth's opening",
        "1 = opens and closes with the real one, 0 = regardless of it. A photo has no such score.",
    ),
}
LEVELS = {"mouth": (Level("first", 0.0),)}

# What the losses are while a discriminator cannot tell real from generated.
UNDECIDED = {"generator": Level("first", math.log(2)), "discriminator": Level("second", 2 * math.log(2))}

TERMS = {"generator/l1": "lower half", "generator/l1_upper": "upper half"}


def validation_charts(rows: Sequence[CurveRow]) -> list[Chart]:
    """A chart per score, those that are known by name first; beside it the photo's, where there is one."""
    tags = dict.fromkeys(tag for row in rows for tag in row if tag.startswith("val/"))
    names = [tag.removeprefix("val/") for tag in tags if not tag.endswith("_still")]
    known = [name for name in MEASURES if name in names]
    best = best_validation(rows)
    charts = []
    for name in known + [name for name in names if name not in known]:
        title, unit, note = MEASURES.get(name, (name.replace("_", " "), "", ""))
        series = [Series("generated", "first", points(rows, f"val/{name}"))]
        if f"val/{name}_still" in tags:
            series.append(Series("photo", "still", points(rows, f"val/{name}_still")))
        mark = best["step"] if best and name == "l1" else None
        charts.append(Chart(title, unit, note, series, LEVELS.get(name, ()), mark))
    return charts


def training_charts(rows: Sequence[CurveRow], params: TrainParams) -> list[Chart]:
    """The L1 terms, a chart per adversary with both sides of its contest, then speed and rates."""
    tags = dict.fromkeys(tag for row in rows for tag in row if "/" in tag)
    terms = [tag for tag in TERMS if tag in tags]
    found = []
    if terms:
        looks = zip(terms, ("first", "second"), strict=False)
        curves = [Series(TERMS[tag], look, points(rows, tag)) for tag, look in looks]
        found.append(Chart("L1 on training clips", L1_UNIT, "Falls fast, then slowly.", curves))
    adversaries = [tag.partition("/")[2] for tag in tags if tag.startswith("discriminator/")]
    found += [_contest(rows, name) for name in adversaries]
    return found + [chart for tag, chart in _others(rows, params).items() if tag in tags]


def best_validation(rows: Sequence[CurveRow]) -> CurveRow | None:
    """The validation with the least L1, whose weights are kept."""
    return min(rows, key=lambda row: row["val/l1"], default=None)


def points(rows: Sequence[CurveRow], tag: str) -> list[Point]:
    """The finite values of a tag by step, thinned, and rounded to what can be seen."""
    found = [(row["step"], row[tag]) for row in rows if math.isfinite(row.get(tag, math.nan))]
    return [(step, float(f"{value:.5g}")) for step, value in thin(found)]


def thin(found: list[Point], most: int = MOST_POINTS) -> list[Point]:
    """At most so many points: where there are more, each is the mean of neighbours at the last one's step."""
    size = max(1, -(-len(found) // most))
    groups = (found[begin : begin + size] for begin in range(0, len(found), size))
    return [(group[-1][0], sum(value for _, value in group) / len(group)) for group in groups]


def _contest(rows: Sequence[CurveRow], name: str) -> Chart:
    curves = [Series(side, level.look, points(rows, f"{side}/{name}")) for side, level in UNDECIDED.items()]
    note = "Dotted: where each side stands while the discriminator cannot tell real from generated."
    title = f"Generator against {name} discriminator"
    return Chart(title, "binary cross-entropy, nats", note, curves, tuple(UNDECIDED.values()))


def _others(rows: Sequence[CurveRow], params: TrainParams) -> dict[str, Chart]:
    """Speed and rates, each a curve of its own, by tag."""

    def curve(name: str, tag: str) -> list[Series]:
        return [Series(name, "first", points(rows, tag))]

    speed, waiting, rate = "speed/frames_per_second", "speed/waiting", "rate/generator"
    slow = "Above the dotted line the data is too slow for the device: raise train.workers."
    return {
        speed: Chart(
            "Speed", "frames per second", "Waiting for data included.", curve("speed", speed), zero=True
        ),
        waiting: Chart(
            "Waiting for data",
            "share of the time, 0 to 1",
            slow,
            curve("waiting", waiting),
            (Level("second", MUCH_WAITING),),
            zero=True,
        ),
        rate: Chart("Learning rate", "of the generator", _decay(params), curve("rate", rate)),
    }


def _decay(params: TrainParams) -> str:
    if params.decay == 1:
        return "Does not decay."
    return f"Times {params.decay:g} in every epoch after the first {params.decay_after}."
