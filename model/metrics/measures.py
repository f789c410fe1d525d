"""The measures: which there are, what each is measured on, and what a table says of it."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from s2f.model.metrics import Values
from s2f.model.metrics.blinks import blink_seconds, blinks_per_second
from s2f.model.metrics.closeness import RATIO, Scale
from s2f.model.metrics.footage import Footage, Kind
from s2f.model.metrics.frechet import LEAST_CLIPS, Features
from s2f.model.metrics.identity import acd, csim
from s2f.model.metrics.motion import (
    brow_range,
    flicker,
    head_range,
    lip_range,
    loudness_correlation,
    pause_motion,
    silence_leak,
)
from s2f.model.metrics.mouth import face_distance, mouth_distance, opening_correlation
from s2f.model.metrics.reconstruction import lower_l1, psnr, ssim
from s2f.model.metrics.sharpness import cpbd, fdbm
from s2f.pipeline.core.media import vmaf

# The groups of a table, in its order.
PICTURE, IDENTITY, MOUTH, FACE = "picture", "identity", "mouth", "face"
READER, SYNC, TOGETHER = "lip reader", "sync scorer", "all clips together"


@dataclass(frozen=True)
class Column:
    """What a table has of a video: name in files, title, meaning, and which way is better, if either."""

    name: str
    title: str
    meaning: str
    higher_is_better: bool | None
    digits: int
    # The group in a table; whether the terminal shows the column without being asked; and what being close
    # to the real video means in it, where it is part of that score.
    group: str = field(default="", kw_only=True)
    brief: bool = field(default=True, kw_only=True)
    scale: Scale | None = field(default=None, kw_only=True)


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


@dataclass(frozen=True)
class SetMeasure(Column):
    """A column with one value for all clips together, from the features (n, d) of each of their videos.

    `features` returns nan where it cannot tell. There is no value for fewer clips than `least`.
    """

    on: tuple[Kind, ...]
    features: Callable[[Footage], Features]
    least: int = LEAST_CLIPS


EVERY: tuple[Kind, ...] = ("run", "still", "real")
MADE: tuple[Kind, ...] = ("run", "still")
# A still frame is at no distance from itself, its mouth has no correlation, and it does not blink.
MOVING: tuple[Kind, ...] = ("run", "real")


def _mean(values: Values) -> float:
    """The mean over the frames that have a value; nan where none has."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def _vmaf(video: Footage, real: Footage) -> float:
    height, width = real.frames.shape[1:3]
    score = vmaf(video.frames, real.frames, (width, height), video.fps)
    return float("nan") if score is None else score


# Measures of all clips together are sent to other processes, as no lambda can be.
def _faces(video: Footage) -> Features:
    return video.faces


def _loudness_r(video: Footage) -> float:
    if video.sound is None:
        return float("nan")
    return loudness_correlation(video.points, video.sound, video.sample_rate, video.fps)


MEASURES = (
    Measure(
        "psnr",
        "PSNR",
        "dB, from the squared error of a whole video",
        True,
        2,
        MADE,
        lambda a, b: psnr(a.frames, b.frames),
        group=PICTURE,
    ),
    Measure(
        "ssim",
        "SSIM",
        "structural similarity of the frames",
        True,
        3,
        MADE,
        lambda a, b: _mean(ssim(a.frames, b.frames)),
        group=PICTURE,
    ),
    Measure(
        "l1",
        "L1",
        "mean absolute error of the lower half, pictures in [-1, 1]",
        False,
        4,
        MADE,
        lambda a, b: lower_l1(a.frames, b.frames),
        group=PICTURE,
    ),
    Measure(
        "vmaf",
        "VMAF",
        "how good it looks beside the real one, by a model of viewers of compressed video",
        True,
        1,
        MADE,
        _vmaf,
        needs_face=False,
        unknown="ffmpeg has no libvmaf",
        group=PICTURE,
        brief=False,
    ),
    Measure(
        "fdbm",
        "FDBM",
        "share of strong Fourier magnitudes: sharpness",
        True,
        3,
        EVERY,
        lambda a, _: _mean(fdbm(a.frames)),
        group=PICTURE,
        scale=RATIO,
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
        group=PICTURE,
        scale=RATIO,
    ),
    Measure(
        "flicker",
        "flicker",
        "mean change from frame to frame, grey levels",
        None,
        2,
        MOVING,
        lambda a, _: flicker(a.frames),
        needs_face=False,
        unknown="it has one frame",
        group=PICTURE,
        brief=False,
        scale=RATIO,
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
        group=IDENTITY,
        scale=RATIO,
    ),
    Measure(
        "csim",
        "CSIM",
        "cosine between the embeddings of the face and of the photo",
        True,
        3,
        MOVING,
        lambda a, b: csim(a.faces, b.first_face),
        group=IDENTITY,
        brief=False,
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
        group=MOUTH,
        scale=Scale(span=1, ideal=1),
    ),
    Measure(
        "mouth_px",
        "mouth px",
        "distance of the mouth's points from the real ones, px",
        False,
        2,
        MADE,
        lambda a, b: mouth_distance(a.points, b.points),
        group=MOUTH,
    ),
    Measure(
        "lip_range",
        "lip range",
        "how far the lips move from their mean places, px",
        None,
        2,
        MOVING,
        lambda a, _: lip_range(a.points),
        group=MOUTH,
        brief=False,
        scale=RATIO,
    ),
    Measure(
        "loudness_r",
        "loudness r",
        "correlation of the mouth's opening with the loudness",
        None,
        2,
        MOVING,
        lambda a, _: _loudness_r(a),
        unknown="there is no sound, or the mouth does not move",
        group=MOUTH,
        brief=False,
        scale=Scale(span=1),
    ),
    Measure(
        "silence_leak",
        "silence leak %",
        "frames of pauses in which the lips move",
        False,
        1,
        MOVING,
        lambda a, _: silence_leak(a.points, a.pauses),
        unknown="there is no sound, or no pause that is long enough",
        group=MOUTH,
        scale=Scale(span=100),
    ),
    Measure(
        "pause_px",
        "pause px",
        "how far the lips move per frame in pauses, px",
        None,
        2,
        MOVING,
        lambda a, _: pause_motion(a.points, a.pauses),
        group=MOUTH,
        brief=False,
        scale=RATIO,
    ),
    Measure(
        "face_px",
        "face px",
        "distance of all 68 points from the real ones, px",
        False,
        2,
        MADE,
        lambda a, b: face_distance(a.points, b.points),
        group=FACE,
        brief=False,
    ),
    Measure(
        "brow_range",
        "brow range",
        "how far the brows move from their mean places, px",
        None,
        2,
        MOVING,
        lambda a, _: brow_range(a.points),
        group=FACE,
        brief=False,
        scale=RATIO,
    ),
    Measure(
        "head_range",
        "head range",
        "how far nose and eyes move from their mean places, px",
        None,
        2,
        MOVING,
        lambda a, _: head_range(a.points),
        group=FACE,
        brief=False,
        scale=RATIO,
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
        group=FACE,
        scale=RATIO,
    ),
    Measure(
        "blink_s",
        "s per blink",
        "how long they are half closed or more, where they blink",
        None,
        2,
        MOVING,
        lambda a, _: blink_seconds(a.points, a.fps),
        group=FACE,
    ),
)

# Columns with one value for all clips.
SET_MEASURES = (
    SetMeasure(
        "facefd",
        "FaceFD",
        "Fréchet distance of the faces' embeddings from those of the real faces",
        False,
        3,
        ("run",),
        _faces,
        group=TOGETHER,
        brief=False,
    ),
)
