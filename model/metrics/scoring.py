"""All measures on one clip: which there are, what each is measured on, and why one cannot be told."""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from s2f.model.metrics import Frames, Values
from s2f.model.metrics.mouth import find_points, mouth_distance, opening_correlation
from s2f.model.metrics.reconstruction import lower_l1, psnr, ssim
from s2f.model.metrics.sharpness import cpbd, fdbm
from s2f.pipeline.faces import Points

# What a video is: made by a run, the first frame repeated, or the real one.
Kind = Literal["run", "still", "real"]

STILL, REAL = "still", "real"


class Footage:
    """A video, RGB uint8 (n, 128, 96, 3), and what several measures need of it, found once."""

    def __init__(self, frames: Frames) -> None:
        self.frames = frames

    @functools.cached_property
    def points(self) -> Points:
        """The 68 points of every frame, (n, 68, 2) in px; nan where no face is seen."""
        return find_points(self.frames)


@dataclass(frozen=True)
class Measure:
    """A column of the table: its name, its title, which way is better, and how it is computed.

    `compare` takes a video and the real one, and returns nan where it cannot tell; `on` says which
    kinds of video it is measured on.
    """

    name: str
    title: str
    higher_is_better: bool
    digits: int
    on: tuple[Kind, ...]
    compare: Callable[[Footage, Footage], float]


MEASURES = (
    Measure("psnr", "PSNR", True, 2, ("run", "still"), lambda a, b: psnr(a.frames, b.frames)),
    Measure("ssim", "SSIM", True, 3, ("run", "still"), lambda a, b: _mean(ssim(a.frames, b.frames))),
    Measure("fdbm", "FDBM", True, 3, ("run", "still", "real"), lambda a, _: _mean(fdbm(a.frames))),
    Measure("cpbd", "CPBD", True, 3, ("run", "still", "real"), lambda a, _: _mean(cpbd(a.frames))),
    # A still mouth has no correlation.
    Measure("mouth_r", "mouth r", True, 2, ("run",), lambda a, b: opening_correlation(a.points, b.points)),
    Measure(
        "mouth_px", "mouth px", False, 2, ("run", "still"), lambda a, b: mouth_distance(a.points, b.points)
    ),
    Measure("l1", "L1", False, 4, ("run", "still"), lambda a, b: lower_l1(a.frames, b.frames)),
)


@dataclass(frozen=True)
class Clip:
    """A clip to be measured: the real frames (n, 128, 96, 3), and those that each run has made of it."""

    clip_id: str
    real: Frames
    made: dict[str, Frames]


@dataclass(frozen=True)
class Missing:
    """A score that there is none of, or with no measure all scores of a clip, and the reason."""

    clip_id: str
    video: str
    measure: str
    reason: str


@dataclass(frozen=True)
class Scored:
    """The scores of a clip by video and measure, and what could not be measured."""

    clip_id: str
    frames: int
    scores: dict[str, dict[str, float]]
    missing: tuple[Missing, ...] = ()


def score_clip(clip: Clip) -> Scored:
    """Measure all videos of a clip: those of the runs by their names, `still` and `real`."""
    real, still = Footage(clip.real), Footage(np.repeat(clip.real[:1], len(clip.real), axis=0))
    # Its one picture is measured already.
    still.points = np.repeat(real.points[:1], len(clip.real), axis=0)
    videos: list[tuple[str, Kind, Footage]] = [
        *((name, "run", Footage(frames)) for name, frames in clip.made.items()),
        (STILL, "still", still),
        (REAL, "real", real),
    ]
    scores: dict[str, dict[str, float]] = {}
    missing: list[Missing] = []
    for name, kind, video in videos:
        scores[name] = {each.name: each.compare(video, real) for each in MEASURES if kind in each.on}
        missing += [
            Missing(clip.clip_id, name, measure, _reason(measure, video, real))
            for measure, value in scores[name].items()
            if math.isnan(value)
        ]
    return Scored(clip.clip_id, len(clip.real), scores, tuple(missing))


def _reason(measure: str, video: Footage, real: Footage) -> str:
    if not measure.startswith("mouth"):
        return "no edge is found"
    for footage, whose in ((real, "the real frames"), (video, "its frames")):
        if np.isnan(footage.points).all():
            return f"no face is found in {whose}"
    return "the mouth does not move"


def _mean(values: Values) -> float:
    """The mean over the frames that have a value; nan where none has."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
