"""Checks of the pictures and of the video file."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from s2f.pipeline.audit.checks.base import ClipCheck, Setting, measured
from s2f.pipeline.audit.clips import Clips, Scores

# A corpus in which a larger share of the clips has one length has clips of one length.
USUAL = 0.9


def unusual(values: Sequence[str], corpus: Sequence[str], least: float = 0.0) -> Scores:
    """1 for a value that is not the most common one of its corpus, if that has a share above `least`."""
    groups: dict[str, Counter[str]] = defaultdict(Counter)
    for value, each in zip(values, corpus, strict=True):
        if value:
            groups[each][value] += 1
    usual = {}
    for each, counts in groups.items():
        ((value, count),) = counts.most_common(1)
        usual[each] = value if count > least * counts.total() else None
    return np.array(
        [
            float(value != usual[each]) if value and usual[each] else np.nan
            for value, each in zip(values, corpus, strict=True)
        ]
    )


def _interval_spread(clips: Clips) -> Scores:
    return 1000 * clips.numbers("detect", "step_spread")


def _frames_off(clips: Clips) -> Scores:
    duration = clips.numbers("scan", "duration")
    # A browser's recorder writes no duration; a screen recorder no frames where nothing changes.
    expected = np.where(duration > 0, duration, np.nan) * clips.numbers("detect", "rate")
    return np.abs(clips.numbers("detect", "decoded") + clips.numbers("detect", "still") - expected)


def _seconds(clips: Clips) -> Scores:
    return np.where(clips.hours > 0, 3600 * clips.hours, np.nan)


def _damaged(clips: Clips) -> Scores:
    complaints = clips.values("detect", "decode_errors")
    complained = np.array([np.nan if each is None else min(len(each), 1) for each in complaints], np.float64)
    return np.fmax(clips.numbers("detect", "damaged") + clips.numbers("detect", "missing"), complained)


def _what_damage(clips: Clips) -> Mapping[int, str]:
    """What the decoder said of each clip, and for which other reason prep has left the clip out."""
    notes = {}
    complaints = clips.values("detect", "decode_errors")
    for number, (said, reason) in enumerate(zip(complaints, clips.reason, strict=True)):
        rejected = f"rejected as {reason}" if reason else ""
        notes[number] = ", ".join(filter(None, (rejected, f"decoder: {said[0]}" if said else "")))
    return notes


def _chosen(clips: Clips) -> Scores:
    counts = [clips.numbers("scan", column) for column in ("video_streams", "sound_tracks")]
    return np.asarray(np.maximum(*counts) - 1)


def _converted(clips: Clips) -> Scores:
    light = np.array([bool(each) for each in clips.values("detect", "light")], np.float64)
    return np.asarray(np.minimum(clips.numbers("detect", "interlaced"), 1) + light)


def _resolution(clips: Clips) -> Scores:
    return unusual(clips.resolution, clips.corpus)


def _usual_length(clips: Clips) -> Scores:
    frames = clips.numbers("detect", "frames").tolist()
    return unusual([str(int(count)) if count > 0 else "" for count in frames], clips.corpus, USUAL)


def _frozen(clips: Clips) -> Scores:
    return clips.numbers("detect", "frozen")


CHECKS = (
    ClipCheck(
        name="video.rate",
        title="Even frame rate",
        unit="ms",
        level="warning",
        meaning="Frames of these videos do not come at even times; prep has repeated or dropped some.",
        advice="Prefer a recording of constant rate; look whether lips jerk.",
        basis="spread of the intervals between frames (5th to 95th percentile); a phone's variable rate"
        " has 10",
        score=_interval_spread,
        most=Setting("max_step_spread", 5.0, "ms by which the intervals of frames may differ"),
    ),
    ClipCheck(
        name="video.frames",
        title="Frames against duration",
        unit="frames",
        level="warning",
        meaning="The video holds more or fewer frames than its duration has room for.",
        advice="The end may be lost: take the clip from its origin again.",
        basis="decoded frames, and those that still stretches do without, against duration times rate",
        score=_frames_off,
        most=Setting("max_frames_off", 1.5, "frames more or less than the video's duration has"),
    ),
    ClipCheck(
        name="video.length",
        title="Length",
        unit="s",
        level="warning",
        meaning="The video is too short for a sentence.",
        advice="Remove it, or lower detect.min_seconds and this bound.",
        basis="length of the video",
        score=_seconds,
        least=Setting("min_seconds", 0.5, "length of a video in seconds"),
        reasons=("too_short",),
    ),
    ClipCheck(
        name="video.damage",
        title="Damaged frames",
        unit="frames",
        level="warning",
        meaning="The decoder complained; such frames are grey, torn or repeated.",
        advice="Take the file from its origin again, or lower detect.max_damaged.",
        basis="frames that are damaged, missing or reported by the decoder; also of clips that prep rejected"
        " for another reason, such as a face that is lost in grey pictures",
        score=_damaged,
        notes=_what_damage,
        most=Setting("max_damaged", 0, "frames that are damaged, missing or complained of"),
        reasons=(
            "damaged_video",
            "time_stamps",
            "size_changes",
            "unknown_codec",
            "unreadable",
            "broken",
            "worker_died",
            "timed_out",
        ),
    ),
    ClipCheck(
        name="video.streams",
        title="One picture, one sound",
        unit="streams",
        level="note",
        meaning="These files hold several pictures or sound tracks, of which prep has taken one.",
        advice="See in the row of the scan stage which ones; look whether they belong together.",
        basis="streams besides the one picture and the one sound track that were taken",
        score=_chosen,
    ),
    ClipCheck(
        name="video.converted",
        title="Ordinary pictures",
        level="note",
        meaning="The pictures were interlaced or of high dynamic range; prep has converted them.",
        advice="Look whether edges are whole and faces lit as in the other clips.",
        basis="interlaced frames; transfer functions PQ and HLG",
        score=_converted,
    ),
    ClipCheck(
        name="video.resolution",
        title="One resolution",
        level="note",
        meaning="These clips have another resolution than most of their corpus.",
        advice="Another edition or camera: check that faces are as sharp as those of the others.",
        basis="differs from most of the corpus",
        score=_resolution,
    ),
    ClipCheck(
        name="video.usual_length",
        title="Usual length",
        level="note",
        meaning="Nearly all clips of the corpus have the same number of frames; these have another.",
        advice="Frames may be lost at the end: compare with the origin.",
        basis="number of frames differs from the others; checked only where nine of ten clips share one",
        score=_usual_length,
    ),
    ClipCheck(
        name="video.black",
        title="Black frames",
        unit="share",
        level="warning",
        meaning="The face is black in some frames.",
        advice="Cut or remove the clip.",
        basis="share of frames whose face is darker than 8",
        score=measured("black"),
        most=Setting("max_black", 0.02, "share of black frames"),
    ),
    ClipCheck(
        name="video.frozen",
        title="Frozen frames",
        unit="frames",
        level="error",
        meaning="The picture stands still while the sound goes on, so that lips do not say what is heard.",
        advice="Remove the clip: it teaches the generator to stand still.",
        basis="longest run of frames that equal the frame before (they differ by less than 0.1 grey levels"
        " in the source; camera and codec cause 0.13 or more); frames repeated to reach the frame"
        " rate are single ones",
        score=_frozen,
        most=Setting("max_frozen", 4, "frames in a row that do not change"),
    ),
    ClipCheck(
        name="video.sharpness",
        title="Sharpness",
        level="warning",
        meaning="These crops have less fine detail than a face in focus: out of focus, moved, or much"
        " enlarged.",
        advice="A blurred clip teaches blur; remove it, or find a better edition.",
        basis="variance of the Laplacian of the crops, median; GRID has 156 to 372",
        score=measured("sharpness"),
        least=Setting("min_sharpness", 60.0, "contrast of fine detail in the crop, grey levels squared"),
    ),
    ClipCheck(
        name="video.brightness",
        title="Exposure",
        unit="grey level",
        level="warning",
        meaning="The face is very dark or very bright.",
        advice="Correct the exposure before prep, or remove the clip.",
        basis="mean grey level of the face",
        score=measured("brightness"),
        least=Setting("min_brightness", 50.0, "mean grey level of the face"),
        most=Setting("max_brightness", 210.0, "mean grey level of the face"),
    ),
)
