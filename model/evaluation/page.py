"""An evaluation on one page: tables, clips whose videos play in step, curves of the mouth's opening."""

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from s2f.model.evaluation.comparison import UNDECIDED, PairedComparison, compare, verdict
from s2f.model.evaluation.extremes import extremes
from s2f.model.evaluation.players import Films, encode_videos, players, shown
from s2f.model.evaluation.results import Evaluation, finite
from s2f.model.evaluation.sheets import sheets
from s2f.model.evaluation.table import difference, heading, mean_text, noted, percent, probe_text, unmeasured
from s2f.model.metrics.scoring import REAL, STILL, ClipVideos, Column
from s2f.pipeline.core import files
from s2f.pipeline.core.html import rendering

PAGE = "evaluation.html"


@dataclass(frozen=True)
class Measure:
    """A row of the table of measures: a mean per video, and a difference and what it shows per comparison."""

    title: str
    meaning: str
    means: list[str]
    differences: list[tuple[str, str]]


@dataclass(frozen=True)
class Group:
    """Measures under one heading of the table."""

    title: str
    measures: list[Measure]


@dataclass(frozen=True)
class Example:
    """A worst or best clip, the link to its videos where they are shown, and the scores of all runs."""

    clip_id: str
    link: str | None
    scores: str


def write(
    evaluation: Evaluation, clips: Iterable[ClipVideos], folder: Path, progress: Callable[[], None]
) -> None:
    """Write the page with the videos of these clips. Raises OutputError."""
    films: Films = {}
    for clip in clips:
        films[clip.clip_id] = encode_videos(clip)
        progress()
    files.write_bytes(folder / PAGE, render(evaluation, films).encode())


def render(evaluation: Evaluation, films: Films) -> str:
    """The page as HTML; what does not fit into its size is named in the place of its videos."""
    links = {clip_id: f"#clip-{number}" for number, clip_id in enumerate(shown(evaluation))}
    return rendering.render(
        __name__,
        "evaluation.html",
        title=" against ".join(row.name for row in evaluation.runs),
        place=evaluation.title,
        facts=_facts(evaluation),
        verdicts=verdicts(evaluation),
        videos=[row.name for row in evaluation.rows] + [each.title for each in evaluation.comparisons],
        real=REAL,
        groups=_groups(evaluation),
        closeness=_closeness(evaluation),
        probes=[
            (each.probe, each.title, each.expected, [probe_text(each, run.name) for run in evaluation.runs])
            for each in evaluation.probes
        ],
        probed=evaluation.probed,
        runs=[run.name for run in evaluation.runs],
        closeness_of=list(evaluation.closeness),
        clips=players(evaluation, films),
        extremes=_extremes(evaluation, links),
        missing=[*unmeasured(evaluation), *evaluation.remarks, *noted(evaluation)],
        sheets=finite(sheets(evaluation, links)),
    )


def verdicts(evaluation: Evaluation) -> list[str]:
    """What is shown of each run against the still frame, and against the first run: a sentence each."""
    clips, columns, seed = evaluation.scored, evaluation.columns, evaluation.seed
    to_still = [compare(run.name, STILL, clips, columns, seed) for run in evaluation.runs]
    return [_sentence(each, columns) for each in (*to_still, *evaluation.comparisons)]


def _sentence(comparison: PairedComparison, columns: Sequence[Column]) -> str:
    groups: dict[str, list[str]] = {}
    for column in columns:
        if column.name in comparison.differences and comparison.differences[column.name].clips:
            groups.setdefault(verdict(column, comparison.differences[column.name]), []).append(column.title)
    order = ("better", "worse", "more", "less", UNDECIDED)
    parts = [f"{words} in {', '.join(groups[words])}" for words in order if words in groups]
    other = "the still frame" if comparison.against == STILL else comparison.against
    return f"{comparison.name} against {other}: {'; '.join(parts) or UNDECIDED}."


def _facts(evaluation: Evaluation) -> list[str]:
    speeds = [
        f"{row.name}: {row.frames_per_second:,.0f} frames/s, {row.real_time:.1f} times real time"
        for row in evaluation.runs
        if row.frames_per_second and row.real_time
    ]
    return [f"{len(evaluation.scored):,} of {evaluation.clips:,} clips measured", *speeds]


def _groups(evaluation: Evaluation) -> list[Group]:
    by_group = itertools.groupby(evaluation.columns, key=lambda column: column.group)
    return [Group(title, [_measure(column, evaluation) for column in some]) for title, some in by_group]


def _closeness(evaluation: Evaluation) -> list[tuple[str, list[str]]]:
    """The closeness in each measure by run, all measures together at the end."""
    found = evaluation.closeness
    titles = {
        column.name: column.title
        for column in evaluation.columns
        if any(column.name in each.measures for each in found.values())
    }
    rows = [
        (title, [percent(each.measures[name]) if name in each.measures else "-" for each in found.values()])
        for name, title in titles.items()
    ]
    return [*rows, ("all together", [percent(each.score) for each in found.values()])]


def _measure(column: Column, evaluation: Evaluation) -> Measure:
    means = [mean_text(row.scores.get(column.name), column.digits) for row in evaluation.rows]
    return Measure(
        heading(column), column.meaning, means, [difference(column, each) for each in evaluation.comparisons]
    )


def _extremes(evaluation: Evaluation, links: dict[str, str]) -> list[tuple[str, list[Example]]]:
    """For each measure its worst and its best clip."""
    by_id = {clip.clip_id: clip for clip in evaluation.scored}

    def example(clip_id: str, column: Column) -> Example:
        scores = by_id[clip_id].scores
        values = [scores.get(run.name, {}).get(column.name, math.nan) for run in evaluation.runs]
        return Example(
            clip_id, links.get(clip_id), " · ".join(f"{value:.{column.digits}f}" for value in values)
        )

    return [
        (heading(each.column), [example(each.worst, each.column), example(each.best, each.column)])
        for each in extremes(evaluation)
    ]
