"""An evaluation on one page: tables, clips whose videos play in step, curves of the mouth's opening."""

import math
import tempfile
from collections.abc import Callable, Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

from s2f.model import page
from s2f.model.evaluation.comparison import UNDECIDED, PairedComparison, compare, verdict
from s2f.model.evaluation.extremes import extremes, picks
from s2f.model.evaluation.results import Evaluation, VideoScores, finite, speaker_means
from s2f.model.evaluation.table import ARROWS, difference, mean_text, noted, unmeasured
from s2f.model.metrics import Frames
from s2f.model.metrics.scoring import REAL, STILL, Clip, Column, Scored
from s2f.model.page import Chart, Series
from s2f.pipeline.core import files, wav
from s2f.pipeline.core import html as pages
from s2f.pipeline.core.media import write_video

PAGE = "evaluation.html"

# Clips that are shown, at most, and bytes of the page that their videos may take.
MOST_CLIPS, MOST_BYTES = 12, 18_000_000

LOOKS = ("first", "second", "third", "fourth")

# By clip and by name of the video: an mp4.
Films = dict[str, dict[str, bytes]]


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
    by_id = {clip.clip_id: clip for clip in found.scored}
    tags = picks(found)
    wanted = [by_id[clip_id] for clip_id in shown(found)]
    links = {clip.clip_id: f"#clip-{number}" for number, clip in enumerate(wanted)}
    left = MOST_BYTES
    charts = [_openings(found, clip) for clip in wanted]
    figures = []
    for number, (clip, chart) in enumerate(zip(wanted, charts, strict=True)):
        size = sum(len(film) * 4 // 3 for film in films.get(clip.clip_id, {}).values())
        some = films.get(clip.clip_id, {}) if size <= left else {}
        left -= size if some else 0
        figures.append(_figure(number, clip, chart, tags[clip.clip_id], some))
    return page.fill(
        "evaluation.html",
        charts,
        title=escape(" against ".join(row.name for row in found.runs)),
        place=escape(found.title),
        heading=_heading(found),
        verdict="".join(f'<p class="verdict">{escape(line)}</p>' for line in verdicts(found)),
        means=_means(found),
        clips="".join(figures),
        extremes=_extremes(found, by_id, links),
        speakers=_speakers(found),
        missing="".join(f"<li>{escape(line)}</li>" for line in [*unmeasured(found), *noted(found)]),
        sheets=pages.data(finite(_sheets(found, links))),
        written=escape(f"{pages.written()}."),
    )


def verdicts(found: Evaluation) -> list[str]:
    """What is shown of each run against the still frame, and against the first run: a sentence each."""
    to_still = [compare(run.name, STILL, found.scored, found.columns, found.seed) for run in found.runs]
    return [_sentence(each, found.columns) for each in (*to_still, *found.comparisons)]


def _sentence(found: PairedComparison, columns: Sequence[Column]) -> str:
    groups: dict[str, list[str]] = {}
    for column in columns:
        if column.name in found.differences and found.differences[column.name].clips:
            groups.setdefault(verdict(column, found.differences[column.name]), []).append(column.title)
    order = ("better", "worse", "more", "less", UNDECIDED)
    parts = [f"{words} in {', '.join(groups[words])}" for words in order if words in groups]
    other = "the still frame" if found.against == STILL else found.against
    return f"{found.name} against {other}: {'; '.join(parts) or UNDECIDED}."


def _heading(found: Evaluation) -> str:
    parts = [f"{len(found.scored):,} of {found.clips:,} clips measured"]
    parts += [
        f"{row.name}: {row.frames_per_second:,.0f} frames/s, {row.real_time:.1f} times real time"
        for row in found.runs
        if row.frames_per_second and row.real_time
    ]
    return "".join(f"<li>{escape(part)}</li>" for part in parts)


def _means(found: Evaluation) -> str:
    """The table of measures: a column per video, and one per comparison."""
    names = [row.name for row in found.rows] + [each.title for each in found.comparisons]
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "".join(_measure(column, found.rows, found.comparisons) for column in found.columns)
    return f"<table><thead><tr><th></th>{head}</tr></thead><tbody>{body}</tbody></table>"


def _measure(column: Column, rows: Sequence[VideoScores], comparisons: Sequence[PairedComparison]) -> str:
    cells = [f"<td>{mean_text(row.scores.get(column.name), column.digits)}</td>" for row in rows]
    for each in comparisons:
        value, shows = difference(column, each)
        cells.append(f'<td>{value}<small class="{shows.partition(" ")[0]}">{shows}</small></td>')
    name = f"{escape(column.title)} {ARROWS[column.higher_is_better]}"
    return f'<tr><th scope="row">{name}<small>{escape(column.meaning)}</small></th>{"".join(cells)}</tr>'


def _figure(number: int, clip: Scored, chart: Chart, tags: Sequence[str], films: dict[str, bytes]) -> str:
    """The videos of a clip side by side, their controls, and the curves of the mouth."""
    badges = "".join(f"<li>{escape(tag)}</li>" for tag in tags)
    videos = "".join(
        f'<div><video {"" if name == REAL else "muted"} playsinline preload="auto"'
        f' src="{pages.data_url("video/mp4", film)}"></video><p>{escape(name)}</p></div>'
        for name, film in films.items()
    )
    last = (clip.frames - 1) / float(clip.fps)
    controls = (
        '<div class="controls"><button class="play" aria-label="Play">▶</button>'
        '<button class="back" aria-label="Frame before">&minus;1</button>'
        '<button class="next" aria-label="Next frame">+1</button>'
        f'<input type="range" min="0" max="{last:.4f}" step="any" value="0" aria-label="Seconds">'
        "<output>0.00 s</output></div>"
    )
    player = f'<div class="videos">{videos}</div>{controls}' if films else "<p>Too large for this page.</p>"
    return (
        f'<figure class="clip" id="clip-{number}" data-fps="{float(clip.fps)}">'
        f'<figcaption><h3>{escape(clip.clip_id)}</h3><ul class="tags">{badges}</ul></figcaption>'
        f"{player}{_readings(clip)}"
        f'<p class="unit">opening of the mouth, px</p>{page.plot(chart, number)}</figure>'
    )


def _readings(clip: Scored) -> str:
    """What is said, and what a lip reader has read, where one was asked."""
    names = sorted(clip.readings, key=lambda name: name != REAL)
    rows = {"said": clip.text, **{f"read from {name}": clip.readings[name] for name in names}}
    if not clip.readings:
        return ""
    cells = (
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(text)}</td></tr>' for name, text in rows.items()
    )
    return f'<table class="readings">{"".join(cells)}</table>'


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


def _extremes(found: Evaluation, by_id: dict[str, Scored], links: dict[str, str]) -> str:
    """A row per measure: its worst and its best clip, with the values of all runs."""

    def cell(clip_id: str, column: Column) -> str:
        name = escape(clip_id)
        link = f'<a href="{links[clip_id]}">{name}</a>' if clip_id in links else name
        scores = by_id[clip_id].scores
        values = [scores.get(run.name, {}).get(column.name, math.nan) for run in found.runs]
        return f"<td>{link}<small>{' · '.join(f'{value:.{column.digits}f}' for value in values)}</small></td>"

    rows = "".join(
        f'<tr><th scope="row">{escape(each.column.title)} {ARROWS[each.column.higher_is_better]}</th>'
        f"{cell(each.worst, each.column)}{cell(each.best, each.column)}</tr>"
        for each in extremes(found)
    )
    return f"<table><thead><tr><th></th><th>worst</th><th>best</th></tr></thead><tbody>{rows}</tbody></table>"


def _speakers(found: Evaluation) -> str:
    if not any(clip.speaker for clip in found.scored):
        return ""
    words = "Means over the clips of each. A model that was trained on some of them does better on those."
    return f'<h2>Speakers</h2><p>{words}</p><div class="sheet" data-sheet="speakers"></div>'


def _sheets(found: Evaluation, links: dict[str, str]) -> dict[str, Any]:
    """The content of the tables that the page's script makes: values by row, video and column."""
    names = [row.name for row in found.rows]

    def values(scores: dict[str, dict[str, float]]) -> dict[str, list[float | None]]:
        every = {name: [scores.get(name, {}).get(column.name) for column in found.columns] for name in names}
        for each in found.comparisons:
            pairs = zip(every[each.name], every[each.against], strict=True)
            every[each.title] = [None if a is None or b is None else a - b for a, b in pairs]
        return every

    speakers = speaker_means(found)
    counts = [sum(clip.speaker == speaker for clip in found.scored) for speaker in speakers]
    clips = [
        {
            "name": clip.clip_id,
            "link": links.get(clip.clip_id),
            "about": [clip.speaker, clip.frames],
            "values": values(clip.scores),
        }
        for clip in found.scored
    ]
    return {
        "columns": [
            {"title": f"{each.title} {ARROWS[each.higher_is_better]}", "digits": each.digits}
            for each in found.columns
        ],
        "videos": [*names, *(each.title for each in found.comparisons)],
        "clips": {"about": ["speaker", "frames"], "rows": clips},
        "speakers": {
            "about": ["clips"],
            "rows": [
                {"name": speaker, "link": None, "about": [count], "values": values(speakers[speaker])}
                for speaker, count in zip(speakers, counts, strict=True)
            ],
        },
    }


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
