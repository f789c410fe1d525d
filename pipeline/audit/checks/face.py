"""Checks of the face: its size, its pose, how surely it is seen, and whose it is."""

from collections.abc import Callable, Mapping

import numpy as np

from s2f.pipeline.audit.checks.base import ClipCheck, Setting, measured
from s2f.pipeline.audit.clips import Clips, Scores

# Faces that are nearer to each other are one person's.
MAX_IDENTITY = Setting("max_identity", 0.45, "distance of the face from those of its speaker")


def _width(clips: Clips) -> Scores:
    return clips.numbers("detect", "face_px")


def _detected(clips: Clips) -> Scores:
    return 1 - clips.numbers("detect", "interpolated") / clips.numbers("detect", "frames")


def _several(clips: Clips) -> Scores:
    several = [float(bool(message)) for message in clips.values("detect", "several_faces")]
    return np.where(np.isnan(clips.numbers("detect", "frames")), np.nan, several)


def _angle(column: str) -> Callable[[Clips], Scores]:
    def score(clips: Clips) -> Scores:
        return np.abs(clips.numbers("measures", column))

    return score


def _identity(clips: Clips) -> Scores:
    return clips.identities.distances


def _looks_like(clips: Clips) -> Mapping[int, str]:
    return {number: f"it looks like {name}" for number, name in clips.identities.like.items()}


CHECKS = (
    ClipCheck(
        name="face.width",
        title="Face width",
        unit="px",
        level="warning",
        meaning="The face is small in the source, so that the crop is enlarged.",
        advice="Use a larger edition of the video, or raise detect.min_face to reject such clips.",
        basis="width of the face in the source; below 100 the crop is enlarged",
        score=_width,
        least=Setting("min_face_width", 80.0, "width of the face in the source, px"),
        reasons=("face_too_small",),
    ),
    ClipCheck(
        name="face.detected",
        title="Frames with a face",
        unit="share",
        level="warning",
        meaning="In the other frames the face was not seen; its place was interpolated, or the clip"
        " rejected.",
        advice="Look for hands, turned heads and cuts; detect.every=1 sees more.",
        basis="share of frames in which the face was detected; the others are interpolated",
        score=_detected,
        least=Setting("min_detected", 0.9, "share of frames in which the face was seen"),
        reasons=("no_face", "face_lost"),
    ),
    ClipCheck(
        name="face.several",
        title="One face",
        level="warning",
        meaning="Several faces are seen for long; the one that talks was chosen.",
        advice="Look whether the right one was chosen; detect.several_faces=reject leaves such clips out.",
        basis="other faces are visible for a long time",
        score=_several,
        reasons=("several_faces",),
    ),
    ClipCheck(
        name="face.yaw",
        title="Turned to the side",
        unit="°",
        level="warning",
        meaning="The face looks to the side, where landmarks are less sure and the far lip corner is hidden.",
        advice="Remove such clips from a frontal set, or accept a model that turns heads.",
        basis="estimated from the position of the tip of the nose between the eyes, so it is rough",
        score=_angle("yaw"),
        most=Setting("max_yaw", 25.0, "degrees that a face may be turned to the side; a rough estimate"),
    ),
    ClipCheck(
        name="face.pitch",
        title="Turned up or down",
        unit="°",
        level="warning",
        meaning="The face looks up or down.",
        advice="As for faces that look to the side.",
        basis="estimated from the position of the tip of the nose below the eyes, so it is rough: people"
        " differ by ± 15°",
        score=_angle("pitch"),
        most=Setting("max_pitch", 35.0, "degrees up or down; a rough estimate"),
    ),
    ClipCheck(
        name="face.roll",
        title="Tilted",
        unit="°",
        level="warning",
        meaning="The head is tilted, or the video lies on its side.",
        advice="The alignment turns it upright; beyond this the detector sees it badly.",
        basis="angle of the line between the eyes",
        score=_angle("roll"),
        most=Setting("max_roll", 20.0, "degrees that a head may be tilted"),
    ),
    ClipCheck(
        name="face.jitter",
        title="Landmark jitter",
        unit="% of eyes",
        level="warning",
        meaning="The stable points tremble from frame to frame, and the crops with them.",
        advice="Raise align.smooth, or try the other backend.",
        basis="second difference of the stable points; GRID has 1 to 1.7",
        score=measured("jitter"),
        most=Setting("max_jitter", 3.0, "tremor of the five stable points, % of the eyes' distance"),
    ),
    ClipCheck(
        name="face.occlusion",
        title="Covered lower face",
        unit="grey levels",
        level="warning",
        meaning="At some time the lower face looks quite unlike the rest of the clip: a hand, a cup, a cut.",
        advice="Look at the clip; remove it if the mouth is covered.",
        basis="greatest difference of the lower face from the clip's median picture; only a hint: look at"
        " the clip",
        score=measured("occlusion"),
        most=Setting("max_occlusion", 25.0, "change of the lower face at its worst, grey levels"),
    ),
    ClipCheck(
        name="face.mouth",
        title="Mouth range",
        unit="% of eyes",
        level="warning",
        meaning="The mouth hardly opens: a silent clip, another person's voice, or lost landmarks.",
        advice="Look whether this person is the one who talks.",
        basis="5th to 95th percentile of the mouth's opening",
        score=measured("mouth_range"),
        least=Setting("min_mouth_range", 3.0, "range of the mouth's opening, % of the eyes' distance"),
    ),
    ClipCheck(
        name="face.identity",
        title="Speaker's face",
        unit="distance",
        level="error",
        meaning="The face is not that of the speaker's other clips.",
        advice="Move the clip to its speaker's folder; else a split by speaker leaks.",
        basis="distance of the face's embedding from the nearest quarter of the speaker's other clips;"
        " with dlib, GRID has up to 0.26 within a speaker, 0.6 and more between two; the finding"
        " names the speaker whom the clip resembles",
        score=_identity,
        notes=_looks_like,
        most=MAX_IDENTITY,
    ),
)
