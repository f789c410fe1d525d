"""An evaluation on the terminal: tables of means and differences, and what could not be measured."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from s2f.model.evaluation.comparison import PairedComparison, verdict
from s2f.model.evaluation.probes.measuring import ProbeResult
from s2f.model.evaluation.results import Evaluation
from s2f.model.metrics.interval import Interval
from s2f.model.metrics.scoring import Column

# The most clips that a line names; the JSON names all.
NAMED = 12

ARROWS = {True: "↑", False: "↓", None: ""}


def heading(column: Column) -> str:
    """The title of a measure, with an arrow that shows which way is better."""
    return f"{column.title} {ARROWS[column.higher_is_better]}"


def show(evaluation: Evaluation, console: Console, every: bool = False) -> None:
    """Print the tables, what could not be measured, and how clips were measured.

    The tables have the brief columns, or every one.
    """
    columns = [each for each in evaluation.columns if every or each.brief]
    console.print(means(evaluation, columns))
    if evaluation.comparisons:
        console.print(differences(evaluation, columns))
    if evaluation.probes:
        console.print(probes(evaluation))
    lines = [*unmeasured(evaluation), *evaluation.remarks, *noted(evaluation)]
    if more := len(evaluation.columns) - len(columns):
        lines.insert(0, f"{more} more measures: --every-measure shows them here, --out writes them to a page")
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def means(evaluation: Evaluation, columns: Sequence[Column]) -> Table:
    """The means with half the width of their intervals: a row per metric, a column per video.

    Arrows show which direction is better. The groups of columns are apart.
    """
    title = f"{evaluation.title}, {len(evaluation.scored)} clips; ± half the width of the 95 % interval"
    table = _table(title, [row.name for row in evaluation.rows])
    for before, column in zip([None, *columns], columns, strict=False):
        if before and before.group != column.group:
            table.add_section()
        cells = [mean_text(row.scores.get(column.name), column.digits) for row in evaluation.rows]
        table.add_row(heading(column), *cells)
    table.add_section()
    table.add_row("close to real % ↑", *(closeness_text(evaluation, row.name) for row in evaluation.rows))
    for words, speeds, digits in (
        ("frames per s ↑", [row.frames_per_second for row in evaluation.rows], 0),
        ("times real time ↑", [row.real_time for row in evaluation.rows], 1),
    ):
        if any(speeds):
            table.add_row(words, *("-" if speed is None else f"{speed:.{digits}f}" for speed in speeds))
    return table


def closeness_text(evaluation: Evaluation, name: str) -> str:
    """How close a video is to the real one in all measures, in %; "-" for the real one."""
    found = evaluation.closeness.get(name)
    return percent(found.score) if found else "-"


def percent(share: Interval) -> str:
    """A share with half the width of its interval, in %."""
    return mean_text(
        replace(share, mean=100 * share.mean, low=100 * share.low, high=100 * share.high), digits=1
    )


def differences(evaluation: Evaluation, columns: Sequence[Column]) -> Table:
    """The mean differences to the first run, clip by clip: a row per metric, a column per other run."""
    title = f"less {evaluation.comparisons[0].against}, clip by clip; ± half the width of the 95 % interval"
    table = _table(title, [each.name for each in evaluation.comparisons])
    for column in columns:
        if not any(column.name in each.differences for each in evaluation.comparisons):
            continue
        cells = (" ".join(filter(None, difference(column, each))) for each in evaluation.comparisons)
        table.add_row(column.title, *cells)
    return table


def probes(evaluation: Evaluation) -> Table:
    """What the runs do with other sounds: a row per thing measured, and what a sound model does."""
    title = f"probes, {evaluation.probed} clips; ± half the width of the 95 % interval"
    table = _table(title, [row.name for row in evaluation.runs])
    table.columns[0].no_wrap = False
    table.add_column("a sound model", overflow="fold")
    for before, row in zip([None, *evaluation.probes], evaluation.probes, strict=False):
        if before and before.probe != row.probe:
            table.add_section()
        cells = (" ".join(filter(None, probe_text(row, run.name))) for run in evaluation.runs)
        table.add_row(f"{row.probe}: {row.title}", *cells, row.expected)
    return table


def probe_text(row: ProbeResult, run: str) -> tuple[str, str]:
    """The mean of a run with its interval, and whether a sound model has it, as texts."""
    words = {True: "sound", False: "not sound", None: ""}
    return mean_text(row.means.get(run), row.digits), words[row.sound.get(run)]


def difference(column: Column, comparison: PairedComparison) -> tuple[str, str]:
    """The mean difference in one column with its interval, and the verdict, as texts."""
    interval = comparison.differences.get(column.name)
    if interval is None or not interval.clips:
        return "-", ""
    sign = "+" if interval.mean > 0 else ""
    # One digit more: a difference is smaller than the values.
    return sign + mean_text(interval, column.digits + 1), verdict(column, interval)


def mean_text(interval: Interval | None, digits: int) -> str:
    """A mean with half the width of its interval; "-" for no mean."""
    if interval is None or not interval.clips:
        return "-"
    half = (interval.high - interval.low) / 2  # not finite where a bound is not
    return f"{interval.mean:.{digits}f}" + (f" ±{half:.{digits}f}" if math.isfinite(half) else "")


def unmeasured(evaluation: Evaluation) -> list[str]:
    """What could not be measured: a line per reason, with the number of clips and the first ones' names."""
    measures_by_reason: dict[tuple[str, str, str], list[str]] = {}
    for each in evaluation.missing:
        measures_by_reason.setdefault((each.clip_id, each.video, each.reason), []).append(each.measure)
    lines = []
    for (clip_id, video, reason), measures in measures_by_reason.items():
        what = " of ".join(filter(None, (", ".join(filter(None, measures)), video)))
        lines.append((f"{what}: {reason}" if what else reason, clip_id))
    return [
        f"not measured in {len(clips)} of {evaluation.clips} clips, {what} ({_names(clips)})"
        for what, clips in _grouped(lines).items()
    ]


def noted(evaluation: Evaluation) -> list[str]:
    """How clips were measured: a line per note, with the number of clips and the first ones' names."""
    lines = ((f"{each.video}: {each.text}", each.clip_id) for each in evaluation.notes)
    return [
        f"in {len(clips)} of {evaluation.clips} clips, {what} ({_names(clips)})"
        for what, clips in _grouped(lines).items()
    ]


def _table(title: str, names: Iterable[str]) -> Table:
    table = Table(box=SIMPLE_HEAD, title=escape(title), title_justify="left")
    table.add_column("", no_wrap=True)
    for name in names:
        table.add_column(escape(name), justify="right", overflow="fold")
    return table


def _grouped(lines: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for what, clip_id in lines:
        groups.setdefault(what, []).append(clip_id)
    return groups


def _names(clips: list[str]) -> str:
    more = f" and {len(clips) - NAMED} more" if len(clips) > NAMED else ""
    return ", ".join(clips[:NAMED]) + more
