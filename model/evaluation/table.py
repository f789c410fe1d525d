"""An evaluation on the terminal: a table of means, one of differences, and what could not be measured."""

import math
from collections.abc import Iterable

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from s2f.model.evaluation.comparison import Comparison, verdict
from s2f.model.evaluation.results import Evaluation
from s2f.model.metrics.interval import Interval
from s2f.model.metrics.scoring import Column

# So many of the clips that lack a score are named on the terminal; the JSON names all.
NAMED = 12

ARROWS = {True: "↑", False: "↓", None: ""}


def heading(column: Column) -> str:
    """The title of a measure, with an arrow that shows which way is better."""
    return f"{column.title} {ARROWS[column.higher_is_better]}"


def show(found: Evaluation, console: Console) -> None:
    """Print all of it."""
    console.print(means(found))
    if found.comparisons:
        console.print(differences(found))
    for line in [*unmeasured(found), *noted(found)]:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def means(found: Evaluation) -> Table:
    """A row per measure, a column per video: means with half the width of their intervals.

    Arrows show which way is better.
    """
    title = f"{found.title}, {len(found.scored)} clips; ± half the width of the 95 % interval"
    shown = _table(title, [row.name for row in found.rows])
    for column in found.columns:
        cells = [told(row.scores.get(column.name), column.digits) for row in found.rows]
        shown.add_row(heading(column), *cells)
    for words, speeds, digits in (
        ("frames per s ↑", [row.frames_per_second for row in found.rows], 0),
        ("times real time ↑", [row.real_time for row in found.rows], 1),
    ):
        if any(speeds):
            shown.add_row(words, *("-" if speed is None else f"{speed:.{digits}f}" for speed in speeds))
    return shown


def differences(found: Evaluation) -> Table:
    """A row per measure, a column per run but the first: the mean difference to it, clip by clip."""
    title = f"less {found.comparisons[0].against}, clip by clip; ± half the width of the 95 % interval"
    shown = _table(title, [each.name for each in found.comparisons])
    for column in found.columns:
        cells = (" ".join(filter(None, difference(column, each))) for each in found.comparisons)
        shown.add_row(column.title, *cells)
    return shown


def difference(column: Column, found: Comparison) -> tuple[str, str]:
    """The mean difference in one column with its interval, and what it shows."""
    interval = found.differences.get(column.name)
    if interval is None or not interval.clips:
        return "-", ""
    sign = "+" if interval.mean > 0 else ""
    # A difference is small beside what it is the difference of.
    return sign + told(interval, column.digits + 1), verdict(column, interval)


def told(found: Interval | None, digits: int) -> str:
    """A mean with half the width of its interval, as far as they are known."""
    if found is None or not found.clips:
        return "-"
    half = (found.high - found.low) / 2  # nan or inf - inf: no interval
    return f"{found.mean:.{digits}f}" + (f" ±{half:.{digits}f}" if math.isfinite(half) else "")


def unmeasured(found: Evaluation) -> list[str]:
    """What could not be measured: a line per reason, with the number of clips and some of their names."""
    alike: dict[tuple[str, str, str], list[str]] = {}
    for each in found.missing:
        alike.setdefault((each.clip_id, each.video, each.reason), []).append(each.measure)
    lines = []
    for (clip_id, video, reason), measures in alike.items():
        what = " of ".join(filter(None, (", ".join(filter(None, measures)), video)))
        lines.append((f"{what}: {reason}" if what else reason, clip_id))
    return [
        f"not measured in {len(clips)} of {found.clips} clips, {what} ({_listed(clips)})"
        for what, clips in _grouped(lines).items()
    ]


def noted(found: Evaluation) -> list[str]:
    """How clips were measured: a line per note, with the number of clips and some of their names."""
    lines = ((f"{each.video}: {each.text}", each.clip_id) for each in found.notes)
    return [
        f"in {len(clips)} of {found.clips} clips, {what} ({_listed(clips)})"
        for what, clips in _grouped(lines).items()
    ]


def _table(title: str, names: Iterable[str]) -> Table:
    shown = Table(box=SIMPLE_HEAD, title=escape(title), title_justify="left")
    shown.add_column("", no_wrap=True)
    for name in names:
        shown.add_column(escape(name), justify="right", overflow="fold")
    return shown


def _grouped(lines: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for what, clip_id in lines:
        groups.setdefault(what, []).append(clip_id)
    return groups


def _listed(clips: list[str]) -> str:
    more = f" and {len(clips) - NAMED} more" if len(clips) > NAMED else ""
    return ", ".join(clips[:NAMED]) + more
