"""An evaluation on one page: tables, clips whose videos play in step, curves of the mouth's opening."""

import math
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from s2f.model.evaluation.comparison import UNDECIDED, Comparison, compare, verdict
from s2f.model.evaluation.extremes import extremes, picks
from s2f.model.evaluation.results import Evaluation, finite
from s2f.model.evaluation.sheets import sheets
from s2f.model.evaluation.table import difference, heading, noted, told, unmeasured
from s2f.model.metrics import Frames
from s2f.model.metrics.scoring import REAL, STILL, Clip, Column, Scored
from s2f.pipeline.core import files, wav
from s2f.pipeline.core.html import rendering
from s2f.pipeline.core.html.charts import Chart, Series
from s2f.pipeline.core.media import write_video

PAGE = "evaluation.html"

# Clips that are shown, at most, and bytes of the page that their videos may take.
MOST_CLIPS, MOST_BYTES = 12, 18_000_000

LOOKS = ("first", "second", "third", "fourth")

# By clip and by name of the video: an mp4.
Films = dict[str, dict[str, bytes]]


@dataclass(frozen=True)
class Measure:
    """A row of the table of measures: a mean per video, and a difference and what it shows per comparison."""

    title: str
    meaning: str
    means: list[str]
    differences: list[tuple[str, str]]


@dataclass(frozen=True)
class Player:
    """A clip that is shown: its videos are mp4 by name, none where they do not fit; `last` is in seconds."""

    clip_id: str
    tags: list[str]
    fps: float
    last: float
    films: dict[str, bytes]
    readings: dict[str, str]
    chart: Chart


@dataclass(frozen=True)
class Example:
    """A worst or best clip, the link to its videos where they are shown, and the scores of all runs."""

    clip_id: str
    link: str | None
    scores: str


def shown(found: Evaluation) -> list[str]:
    """The clips whose videos belong on the page."""
    return list(picks(found))[:MOST_CLIPS]


def write(found: Evaluation, clips: Iterable[Clip], folder: Path, progress: Callable[[], None]) -> None:
    """Write the page with the videos of these clips. Raises OutputError."""
    films: Films = {}
    for clip in clips:
        films[clip.clip_id] = _films(clip)
        progress()
    files.write_bytes(folder / PAGE, render(found, films).encode())


def render(found: Evaluation, films: Films) -> str:
    """The page as HTML; what does not fit into its size is named in the place of its videos."""
    links = {clip_id: f"#clip-{number}" for number, clip_id in enumerate(shown(found))}
    return rendering.render(
        __name__,
        "evaluation.html",
        title=" against ".join(row.name for row in found.runs),
        place=found.title,
        facts=_facts(found),
        verdicts=verdicts(found),
        videos=[row.name for row in found.rows] + [each.title for each in found.comparisons],
        real=REAL,
        measures=[_measure(column, found) for column in found.columns],
        clips=_players(found, films),
        extremes=_extremes(found, links),
        missing=[*unmeasured(found), *noted(found)],
        sheets=finite(sheets(found, links)),
    )


def verdicts(found: Evaluation) -> list[str]:
    """What is shown of each run against the still frame, and against the first run: a sentence each."""
    to_still = [compare(run.name, STILL, found.scored, found.columns, found.seed) for run in found.runs]
    return [_sentence(each, found.columns) for each in (*to_still, *found.comparisons)]


def _sentence(found: Comparison, columns: Sequence[Column]) -> str:
    groups: dict[str, list[str]] = {}
    for column in columns:
        if column.name in found.differences and found.differences[column.name].clips:
            groups.setdefault(verdict(column, found.differences[column.name]), []).append(column.title)
    order = ("better", "worse", "more", "less", UNDECIDED)
    parts = [f"{words} in {', '.join(groups[words])}" for words in order if words in groups]
    other = "the still frame" if found.against == STILL else found.against
    return f"{found.name} against {other}: {'; '.join(parts) or UNDECIDED}."


def _facts(found: Evaluation) -> list[str]:
    speeds = [
        f"{row.name}: {row.frames_per_second:,.0f} frames/s, {row.real_time:.1f} times real time"
        for row in found.runs
        if row.frames_per_second and row.real_time
    ]
    return [f"{len(found.scored):,} of {found.clips:,} clips measured", *speeds]


def _measure(column: Column, found: Evaluation) -> Measure:
    means = [told(row.scores.get(column.name), column.digits) for row in found.rows]
    return Measure(
        heading(column), column.meaning, means, [difference(column, each) for each in found.comparisons]
    )


def _players(found: Evaluation, films: Films) -> list[Player]:
    """The clips that are shown, the first of them with videos, as many as fit."""
    by_id = {clip.clip_id: clip for clip in found.scored}
    left = MOST_BYTES
    players = []
    for clip_id, tags in list(picks(found).items())[:MOST_CLIPS]:
        clip, videos = by_id[clip_id], films.get(clip_id, {})
        size = sum(len(video) * 4 // 3 for video in videos.values())
        if size > left:
            videos, size = {}, 0
        left -= size
        fps = float(clip.fps)
        last = (clip.frames - 1) / fps
        players.append(Player(clip_id, tags, fps, last, videos, _readings(clip), _openings(found, clip)))
    return players


def _readings(clip: Scored) -> dict[str, str]:
    """What is said, and what a lip reader has read, where one was asked."""
    if not clip.readings:
        return {}
    names = sorted(clip.readings, key=lambda name: name != REAL)
    return {"said": clip.text, **{f"read from {name}": clip.readings[name] for name in names}}


def _openings(found: Evaluation, clip: Scored) -> Chart:
    looks = {REAL: "real", **{run.name: LOOKS[n % len(LOOKS)] for n, run in enumerate(found.runs)}}
    series = [
        Series(
            name,
            looks[name],
            [(n / float(clip.fps), round(float(value), 3)) for n, value in enumerate(values)],
        )
        for name in (REAL, *(run.name for run in found.runs))
        if name in clip.openings and math.isfinite((values := clip.openings[name]).sum())
    ]
    title = f"Opening of the mouth, {clip.clip_id}"
    return Chart(title, "px", "", series, zero=True, over="s", settles=False)


def _extremes(found: Evaluation, links: dict[str, str]) -> list[tuple[str, list[Example]]]:
    """For each measure its worst and its best clip."""
    by_id = {clip.clip_id: clip for clip in found.scored}

    def example(clip_id: str, column: Column) -> Example:
        scores = by_id[clip_id].scores
        values = [scores.get(run.name, {}).get(column.name, math.nan) for run in found.runs]
        return Example(
            clip_id, links.get(clip_id), " · ".join(f"{value:.{column.digits}f}" for value in values)
        )

    return [
        (heading(each.column), [example(each.worst, each.column), example(each.best, each.column)])
        for each in extremes(found)
    ]


def _films(clip: Clip) -> dict[str, bytes]:
    """The videos of a clip as mp4, the real one first and with the sound."""
    with tempfile.TemporaryDirectory(prefix="s2f-") as folder:
        sound = Path(folder, "sound.wav") if clip.sound is not None else None
        if sound and clip.sound is not None:
            sound.write_bytes(wav.encode(clip.sound, clip.sample_rate))

        def film(frames: Frames, heard: Path | None) -> bytes:
            path = Path(folder, "film.mp4")
            write_video(path, frames, clip.fps, sound=heard)
            return path.read_bytes()

        return {REAL: film(clip.real, sound), **{name: film(made, None) for name, made in clip.made.items()}}
