"""All measures on one clip: which there are, what each is measured on, and why one cannot be told."""

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from s2f.model.metrics import Frames, Values
from s2f.model.metrics.blinks import blink_seconds, blinks_per_second
from s2f.model.metrics.identity import acd, sampled
from s2f.model.metrics.mouth import find_points, mouth_distance, opening_correlation
from s2f.model.metrics.reconstruction import lower_l1, psnr, ssim
from s2f.model.metrics.sharpness import cpbd, fdbm
from s2f.pipeline.core.windows import Sound
from s2f.pipeline.faces.base import Backend, Points
from s2f.pipeline.faces.identity import SIZE, Embedding, embed
from s2f.pipeline.faces.mouth import opening
from s2f.pipeline.faces.settings import FaceSettings

# What a video is: made by a run, the first frame repeated, or the real one.
Kind = Literal["run", "still", "real"]

STILL, REAL = "still", "real"

# What processes that measure share.
PRELOAD = ("s2f.model.metrics.scoring",)


class Footage:
    """A video of a clip, RGB uint8 (n, 128, 96, 3), and what several measures need of it, found once.

    `sound` and `text` are those of the clip. `reading` is what a lip reader has read, if one was asked.
    """

    def __init__(self, frames: Frames, clip: "ClipVideos", backend: Backend) -> None:
        self.frames = frames
        self._backend = backend
        self.fps, self.sound, self.text = clip.fps, clip.sound, clip.text
        self.reading = ""

    @functools.cached_property
    def points(self) -> Points:
        """The 68 points of every frame, (n, 68, 2) in px; nan where no face is seen."""
        return find_points(self.frames, self._backend)

    @property
    def has_face(self) -> bool:
        """Whether a face is seen in any frame."""
        return not np.isnan(self.points).all()

    @functools.cached_property
    def first_face(self) -> Embedding:
        """The embedding of the first frame, (128,); nan where no face is seen."""
        return np.asarray(self._embed(self.frames[:1])[0])

    @functools.cached_property
    def faces(self) -> Embedding:
        """The embeddings of some frames, (5, 128); nan where no face is seen."""
        return self._embed(sampled(self.frames))

    def _embed(self, frames: Frames) -> Embedding:
        # The network gives an embedding of any picture.
        if not self.has_face:
            return np.full((len(frames), SIZE), np.nan, np.float32)
        return embed(frames, self._backend)


@dataclass(frozen=True)
class Column:
    """What a table has of a video: name in files, title, meaning, and which way is better, if either."""

    name: str
    title: str
    meaning: str
    higher_is_better: bool | None
    digits: int


@dataclass(frozen=True)
class Measure(Column):
    """A column that is computed from the frames.

    `on` says which kinds of video it is measured on. `compare` takes a video and the real one, and
    returns nan where it cannot tell: because no face is seen where it `needs_face`, else for the
    reason `unknown`, or without one where there is nothing to be told.
    """

    on: tuple[Kind, ...]
    compare: Callable[[Footage, Footage], float]
    needs_face: bool = True
    unknown: str = ""


EVERY: tuple[Kind, ...] = ("run", "still", "real")
MADE: tuple[Kind, ...] = ("run", "still")
# A still frame is at no distance from itself, its mouth has no correlation, and it does not blink.
MOVING: tuple[Kind, ...] = ("run", "real")

MEASURES = (
    Measure(
        "psnr",
        "PSNR",
        "dB, from the squared error of a whole video",
        True,
        2,
        MADE,
        lambda a, b: psnr(a.frames, b.frames),
    ),
    Measure(
        "ssim",
        "SSIM",
        "structural similarity of the frames",
        True,
        3,
        MADE,
        lambda a, b: _mean(ssim(a.frames, b.frames)),
    ),
    Measure(
        "l1",
        "L1",
        "mean absolute error of the lower half, pictures in [-1, 1]",
        False,
        4,
        MADE,
        lambda a, b: lower_l1(a.frames, b.frames),
    ),
    Measure(
        "fdbm",
        "FDBM",
        "share of strong Fourier magnitudes: sharpness",
        True,
        3,
        EVERY,
        lambda a, _: _mean(fdbm(a.frames)),
    ),
    Measure(
        "cpbd",
        "CPBD",
        "share of edges that do not look blurred",
        True,
        3,
        EVERY,
        lambda a, _: _mean(cpbd(a.frames)),
        needs_face=False,
        unknown="no edge is found",
    ),
    Measure(
        "acd",
        "ACD",
        "how far the face is from that of the photo, between embeddings",
        False,
        3,
        MOVING,
        lambda a, b: acd(a.faces, b.first_face),
        unknown="no face is found in the first real frame, or in those that are compared with it",
    ),
    Measure(
        "mouth_r",
        "mouth r",
        "correlation with the real mouth's opening",
        True,
        2,
        ("run",),
        lambda a, b: opening_correlation(a.points, b.points),
        unknown="the mouth does not move",
    ),
    Measure(
        "mouth_px",
        "mouth px",
        "distance of the mouth's points from the real ones, px",
        False,
        2,
        MADE,
        lambda a, b: mouth_distance(a.points, b.points),
    ),
    Measure(
        "blinks",
        "blinks per s",
        "how often the eyes close",
        None,
        2,
        MOVING,
        lambda a, _: blinks_per_second(a.points, a.fps),
        unknown="no face is found in some frames",
    ),
    Measure(
        "blink_s",
        "s per blink",
        "how long they are half closed or more, where they blink",
        None,
        2,
        MOVING,
        lambda a, _: blink_seconds(a.points, a.fps),
    ),
)


@dataclass(frozen=True)
class ClipVideos:
    """A clip to be measured: its real frames (n, 128, 96, 3), and those that each run has made of it.

    The sound (samples,) is mono; `text` is what is said, or empty.
    """

    clip_id: str
    real: Frames
    made: dict[str, Frames]
    fps: Fraction = Fraction(25)
    speaker: str = ""
    sound: Sound | None = None
    sample_rate: int = 16_000
    text: str = ""


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


def row_names(paths: Sequence[Path]) -> list[str]:
    """The names of runs or videos: their last parts, or whole paths where these are ambiguous."""
    names = [path.resolve().name for path in paths]
    plain = [names.count(name) == 1 and name not in (STILL, REAL) for name in names]
    return [name if alone else str(path) for name, alone, path in zip(names, plain, paths, strict=True)]


def score_clip(
    clip: ClipVideos, faces: FaceSettings, more: Sequence[Measure] = (), table: Sequence[Measure] = MEASURES
) -> Scored:
    """Measure all videos of a clip, by a table and more: those of the runs by name, `still` and `real`."""
    backend = faces.open()
    measures = (*table, *more)
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
    )


def _reason(measure: Measure, video: Footage, real: Footage) -> str:
    for footage, whose in ((real, "the real frames"), (video, "its frames")):
        if measure.needs_face and not footage.has_face:
            return f"no face is found in {whose}"
    return measure.unknown


def _mean(values: Values) -> float:
    """The mean over the frames that have a value; nan where none has."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
