"""The clips that a page shows: their videos side by side, and the curves of the mouth's opening."""

import math
import tempfile
from dataclasses import dataclass
from pathlib import Path

from s2f.model.evaluation.extremes import picks
from s2f.model.evaluation.results import Evaluation
from s2f.model.metrics import Frames
from s2f.model.metrics.scoring import REAL, ClipVideos, Scored
from s2f.pipeline.core import wav
from s2f.pipeline.core.html.charts import Chart, Series
from s2f.pipeline.core.media import SYNTHETIC, write_video

# Clips that are shown, at most, and bytes of the page that their videos may take.
MOST_CLIPS, MOST_BYTES = 12, 18_000_000

LOOKS = ("first", "second", "third", "fourth")

# By clip and by name of the video: an mp4.
Films = dict[str, dict[str, bytes]]


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


def shown(evaluation: Evaluation) -> list[str]:
    """The clips whose videos belong on the page."""
    return list(picks(evaluation))[:MOST_CLIPS]


def players(evaluation: Evaluation, films: Films) -> list[Player]:
    """The clips that are shown, the first of them with videos, as many as fit."""
    by_id = {clip.clip_id: clip for clip in evaluation.scored}
    left = MOST_BYTES
    made = []
    for clip_id, tags in list(picks(evaluation).items())[:MOST_CLIPS]:
        clip, videos = by_id[clip_id], films.get(clip_id, {})
        size = sum(len(video) * 4 // 3 for video in videos.values())
        if size > left:
            videos, size = {}, 0
        left -= size
        fps = float(clip.fps)
        last = (clip.frames - 1) / fps
        made.append(Player(clip_id, tags, fps, last, videos, _readings(clip), _openings(evaluation, clip)))
    return made


def _readings(clip: Scored) -> dict[str, str]:
    """What is said, and what a lip reader has read, where one was asked."""
    if not clip.readings:
        return {}
    names = sorted(clip.readings, key=lambda name: name != REAL)
    return {"said": clip.text, **{f"read from {name}": clip.readings[name] for name in names}}


def _openings(evaluation: Evaluation, clip: Scored) -> Chart:
    looks = {REAL: "real", **{run.name: LOOKS[n % len(LOOKS)] for n, run in enumerate(evaluation.runs)}}
    series = [
        Series(
            name,
            looks[name],
            [(n / float(clip.fps), round(float(value), 3)) for n, value in enumerate(values)],
        )
        for name in (REAL, *(run.name for run in evaluation.runs))
        if name in clip.openings and math.isfinite((values := clip.openings[name]).sum())
    ]
    title = f"Opening of the mouth, {clip.clip_id}"
    return Chart(title, "px", "", series, zero=True, over="s", settles=False)


def encode_videos(clip: ClipVideos) -> dict[str, bytes]:
    """The videos of a clip as mp4, the real one first and with the sound."""
    with tempfile.TemporaryDirectory(prefix="s2f-") as folder:
        sound = Path(folder, "sound.wav") if clip.sound is not None else None
        if sound and clip.sound is not None:
            sound.write_bytes(wav.encode(clip.sound, clip.sample_rate))

        def film(frames: Frames, heard: Path | None, comment: str = "") -> bytes:
            path = Path(folder, "film.mp4")
            write_video(path, frames, clip.fps, sound=heard, comment=comment)
            return path.read_bytes()

        made = {name: film(frames, None, SYNTHETIC) for name, frames in clip.made.items()}
        return {REAL: film(clip.real, sound), **made}
