"""All measures on one clip: their scores, and why one cannot be told."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt

from s2f.model.metrics.footage import ClipVideos, Footage, Kind
from s2f.model.metrics.frechet import Features
from s2f.model.metrics.measures import EVERY, MADE, MEASURES, MOVING, Column, Measure, SetMeasure
from s2f.pipeline.faces.mouth import opening
from s2f.pipeline.faces.settings import FaceSettings

__all__ = [
    "EVERY",
    "MADE",
    "MEASURES",
    "MOVING",
    "PRELOAD",
    "REAL",
    "STILL",
    "ClipVideos",
    "Column",
    "Footage",
    "Kind",
    "Measure",
    "Missing",
    "Note",
    "Scored",
    "SetMeasure",
    "row_names",
    "score_clip",
]

STILL, REAL = "still", "real"

# What processes that measure share.
PRELOAD = ("s2f.model.metrics.scoring",)


@dataclass(frozen=True)
class Missing:
    """A score that there is none of, or with no measure all scores of a clip or video, and the reason."""

    clip_id: str
    video: str
    measure: str
    reason: str


@dataclass(frozen=True)
class Note:
    """How a video of a clip was measured, where that is not as usual."""

    clip_id: str
    video: str
    text: str


@dataclass(frozen=True)
class Scored:
    """The scores of a clip by video and measure, and what could not be measured.

    `openings` are those of the mouth by video, in px per frame (n,), where a face is seen; `text` is what
    is said, `readings` what a lip reader has read by video.
    """

    clip_id: str
    frames: int
    scores: dict[str, dict[str, float]]
    missing: tuple[Missing, ...] = ()
    speaker: str = ""
    fps: Fraction = Fraction(25)
    openings: dict[str, npt.NDArray[np.float32]] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()
    text: str = ""
    readings: dict[str, str] = field(default_factory=dict)
    # By measure of all clips together and video.
    features: dict[str, dict[str, Features]] = field(default_factory=dict)


def row_names(paths: Sequence[Path]) -> list[str]:
    """The names of runs or videos: their last parts, or whole paths where these are ambiguous."""
    names = [path.resolve().name for path in paths]
    plain = [names.count(name) == 1 and name not in (STILL, REAL) for name in names]
    return [name if alone else str(path) for name, alone, path in zip(names, plain, paths, strict=True)]


def score_clip(
    clip: ClipVideos,
    faces: FaceSettings,
    more: Sequence[Measure | SetMeasure] = (),
    table: Sequence[Measure] = MEASURES,
) -> Scored:
    """Measure all videos of a clip, by a table and more: those of the runs by name, `still` and `real`.

    Of measures of all clips together it gets the features of the runs and of the real video.
    """
    backend = faces.open()
    measures = (*table, *(each for each in more if isinstance(each, Measure)))
    together = [each for each in more if isinstance(each, SetMeasure)]
    real = Footage(clip.real, clip, backend)
    still = Footage(np.repeat(clip.real[:1], len(clip.real), axis=0), clip, backend)
    # Its one picture is measured already.
    still.points = np.repeat(real.points[:1], len(clip.real), axis=0)
    videos: list[tuple[str, Kind, Footage]] = [
        *((name, "run", Footage(frames, clip, backend)) for name, frames in clip.made.items()),
        (STILL, "still", still),
        (REAL, "real", real),
    ]
    scores: dict[str, dict[str, float]] = {}
    missing: list[Missing] = []
    for name, kind, video in videos:
        scores[name] = {each.name: each.compare(video, real) for each in measures if kind in each.on}
        missing += [
            Missing(clip.clip_id, name, measure.name, reason)
            for measure in measures
            if math.isnan(scores[name].get(measure.name, 0)) and (reason := _reason(measure, video, real))
        ]
    features = {
        each.name: {name: each.features(video) for name, kind, video in videos if kind in (*each.on, "real")}
        for each in together
    }
    openings = {name: opening(video.points) for name, kind, video in videos if kind != "still"}
    return Scored(
        clip.clip_id,
        len(clip.real),
        scores,
        tuple(missing),
        clip.speaker,
        clip.fps,
        openings,
        text=clip.text,
        readings={name: video.reading for name, _, video in videos if video.reading},
        features=features,
    )


def _reason(measure: Measure, video: Footage, real: Footage) -> str:
    for footage, whose in ((real, "the real frames"), (video, "its frames")):
        if measure.needs_face and not footage.has_face:
            return f"no face is found in {whose}"
    return measure.unknown
