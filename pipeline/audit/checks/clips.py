"""The checks that judge every clip by a score: what it means, what bounds it, what to do.

`CHECKS` is the whole list; a check's bounds are settings of the audit, its `reasons` are those for
which prep rejects a clip that has the same fault.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from s2f.pipeline.audit.clips import Clips, Scores
from s2f.pipeline.audit.findings import Finding, Level, number
from s2f.pipeline.audit.settings import AuditParams


@dataclass(frozen=True)
class Check:
    """A check of single clips. `least` and `most` name settings; without either no clip may score above 0."""

    name: str
    title: str
    unit: str
    level: Level
    meaning: str
    advice: str
    least: str | None = None
    most: str | None = None
    reasons: tuple[str, ...] = ()


CHECKS = (
    Check(
        "video.rate",
        "Even frame rate",
        "ms",
        "warning",
        "Frames of these videos do not come at even times; prep has repeated or dropped some.",
        "Prefer a recording of constant rate; look whether lips jerk.",
        most="max_step_spread",
    ),
    Check(
        "video.frames",
        "Frames against duration",
        "frames",
        "warning",
        "The video holds more or fewer frames than its duration has room for.",
        "The end may be lost: take the clip from its origin again.",
        most="max_frames_off",
    ),
    Check(
        "video.length",
        "Length",
        "s",
        "warning",
        "The video is too short for a sentence.",
        "Remove it, or lower detect.min_seconds and this bound.",
        least="min_seconds",
        reasons=("too_short",),
    ),
    Check(
        "video.damage",
        "Damaged frames",
        "frames",
        "warning",
        "The decoder complained; such frames are grey, torn or repeated.",
        "Take the file from its origin again, or lower detect.max_damaged.",
        most="max_damaged",
        reasons=("damaged_video", "unreadable", "broken", "worker_died", "timed_out"),
    ),
    Check(
        "video.resolution",
        "One resolution",
        "",
        "note",
        "These clips have another resolution than most of their corpus.",
        "Another edition or camera: check that faces are as sharp as those of the others.",
    ),
    Check(
        "video.usual_length",
        "Usual length",
        "",
        "note",
        "Nearly all clips of the corpus have the same number of frames; these have another.",
        "Frames may be lost at the end: compare with the origin.",
    ),
    Check(
        "video.black",
        "Black frames",
        "share",
        "warning",
        "The face is black in some frames.",
        "Cut or remove the clip.",
        most="max_black",
    ),
    Check(
        "video.frozen",
        "Frozen frames",
        "frames",
        "error",
        "The picture stands still while the sound goes on, so that lips do not say what is heard.",
        "Remove the clip: it teaches the generator to stand still.",
        most="max_frozen",
    ),
    Check(
        "video.sharpness",
        "Sharpness",
        "",
        "warning",
        "These crops have less fine detail than a face in focus: out of focus, moved, or much enlarged.",
        "A blurred clip teaches blur; remove it, or find a better edition.",
        least="min_sharpness",
    ),
    Check(
        "video.brightness",
        "Exposure",
        "grey level",
        "warning",
        "The face is very dark or very bright.",
        "Correct the exposure before prep, or remove the clip.",
        least="min_brightness",
        most="max_brightness",
    ),
    Check(
        "face.width",
        "Face width",
        "px",
        "warning",
        "The face is small in the source, so that the crop is enlarged.",
        "Use a larger edition of the video, or raise detect.min_face to reject such clips.",
        least="min_face_width",
        reasons=("face_too_small",),
    ),
    Check(
        "face.detected",
        "Frames with a face",
        "share",
        "warning",
        "In the other frames the face was not seen; its place was interpolated, or the clip rejected.",
        "Look for hands, turned heads and cuts; detect.every=1 sees more.",
        least="min_detected",
        reasons=("no_face", "face_lost"),
    ),
    Check(
        "face.several",
        "One face",
        "",
        "warning",
        "Several faces are seen for long; the one that talks was chosen.",
        "Look whether the right one was chosen; detect.several_faces=reject leaves such clips out.",
        reasons=("several_faces",),
    ),
    Check(
        "face.yaw",
        "Turned to the side",
        "°",
        "warning",
        "The face looks to the side, where landmarks are less sure and the far lip corner is hidden.",
        "Remove such clips from a frontal set, or accept a model that turns heads.",
        most="max_yaw",
    ),
    Check(
        "face.pitch",
        "Turned up or down",
        "°",
        "warning",
        "The face looks up or down.",
        "As for faces that look to the side.",
        most="max_pitch",
    ),
    Check(
        "face.roll",
        "Tilted",
        "°",
        "warning",
        "The head is tilted, or the video lies on its side.",
        "The alignment turns it upright; beyond this the detector sees it badly.",
        most="max_roll",
    ),
    Check(
        "face.jitter",
        "Landmark jitter",
        "% of eyes",
        "warning",
        "The stable points tremble from frame to frame, and the crops with them.",
        "Raise align.smooth, or try the other backend.",
        most="max_jitter",
    ),
    Check(
        "face.occlusion",
        "Covered lower face",
        "grey levels",
        "warning",
        "At some time the lower face looks quite unlike the rest of the clip: a hand, a cup, a cut.",
        "Look at the clip; remove it if the mouth is covered.",
        most="max_occlusion",
    ),
    Check(
        "face.mouth",
        "Mouth range",
        "% of eyes",
        "warning",
        "The mouth hardly opens: a silent clip, another person's voice, or lost landmarks.",
        "Look whether this person is the one who talks.",
        least="min_mouth_range",
    ),
    Check(
        "face.identity",
        "Speaker's face",
        "distance",
        "error",
        "The face is not that of the speaker's other clips.",
        "Move the clip to its speaker's folder; else a split by speaker leaks.",
        most="max_identity",
    ),
    Check(
        "sound.rate",
        "Sample rate",
        "of the wanted",
        "warning",
        "The sound was recorded at a lower rate than it is stored at: it has no treble.",
        "Find a better recording, or lower resample.sample_rate for the whole set.",
        least="min_rate",
    ),
    Check(
        "sound.channels",
        "Channels",
        "",
        "note",
        "These clips have another number of channels than most; prep mixes them to one.",
        "Check that the voice is in both channels.",
    ),
    Check(
        "sound.loudness",
        "Loudness",
        "LUFS",
        "warning",
        "The voice is far softer or louder than speech usually is.",
        "Bring the set to one loudness before prep.",
        least="min_lufs",
        most="max_lufs",
    ),
    Check(
        "sound.clipping",
        "Clipping",
        "times",
        "warning",
        "The tops of the waves are cut off, which sounds harsh and hides vowels.",
        "Find a better recording; clipping cannot be undone.",
        least="min_headroom",
    ),
    Check(
        "sound.silence",
        "Silence",
        "share",
        "error",
        "Most of the clip, or all of it, is silent, while somebody seems to talk.",
        "Remove the clip; it teaches lips to move without sound.",
        most="max_silent",
        reasons=("silent", "no_audio"),
    ),
    Check(
        "sound.noise",
        "Speech above background",
        "dB",
        "warning",
        "Between words it is nearly as loud as in them: noise, music, or other voices.",
        "Remove the clip, or clean its sound.",
        least="min_snr",
    ),
    Check(
        "sound.length",
        "Sound against video",
        "ms",
        "warning",
        "Sound and video differ in length; prep has cut or padded the end.",
        "A difference in the middle would shift all that follows: see the sync check.",
        most="max_length_off",
        reasons=("sound_too_short",),
    ),
    Check(
        "text.missing",
        "Alignment there",
        "",
        "note",
        "Nothing beside the clip says what is spoken, while other clips have it.",
        "Add the alignments; the lip reader and the leakage of sentences need them.",
    ),
    Check(
        "text.unreadable",
        "Alignment readable",
        "",
        "warning",
        "The alignment cannot be read.",
        "Take the file from its origin again.",
    ),
    Check(
        "text.words",
        "Words against name",
        "",
        "error",
        "The alignment holds other words than the clip's name stands for.",
        "One of them belongs to another clip: compare with the origin.",
    ),
    Check(
        "text.folder",
        "Alignment's folder",
        "",
        "note",
        "The alignment lies in another speaker's folder, as in GRID's own release; it was found by its name.",
        "Nothing for s2f; other programs that go by folders take the wrong words.",
    ),
    Check(
        "text.speed",
        "Words per minute",
        "per minute",
        "warning",
        "Nobody speaks so slowly, or so fast: words are missing, or belong to another clip.",
        "Compare text and clip.",
        least="min_words_per_minute",
        most="max_words_per_minute",
    ),
    Check(
        "text.unit",
        "Unit of the alignment",
        "of the video",
        "error",
        "The last word ends far from the end of the video: the times are in another unit.",
        "GRID's are 25,000 to a second, HTK's 10,000,000; convert them.",
        least="min_spoken",
        most="max_spoken",
    ),
    Check(
        "sync.clip",
        "Sync of a clip",
        "frames",
        "error",
        "The sync scorer finds the sound of these clips late or early. Where it is not sure, it has no say.",
        "Look whether the lips close at p, b and m; shift the sound, or remove the clip.",
        most="max_offset",
    ),
    Check(
        "set.duplicates",
        "Duplicates",
        "likeness",
        "error",
        "The same recording stands in the set twice, under two names.",
        "Remove one of them; across splits it would be learnt and tested.",
        most="near_duplicate",
    ),
)


def made(*sets: Clips) -> list[Check]:
    """The checks that were made of the clips of some sets: that of their sync needs a scorer."""
    return [check for check in CHECKS if all(check.name in clips.scores for clips in sets)]


def judge(clips: Clips, params: AuditParams) -> Iterable[Finding]:
    """The findings of all checks of single clips."""
    for check in made(clips):
        yield _judge(check, clips, clips.scores[check.name], params)


def bounds_of(check: Check, params: AuditParams) -> tuple[float | None, float | None]:
    """The least and the greatest score that is as it should be."""
    if not (check.least or check.most):
        return None, 0.0
    least, most = (getattr(params, name) if name else None for name in (check.least, check.most))
    return least, most


def beyond(scores: Scores, least: float | None, most: float | None) -> Scores:
    """By how much each score is out of its bounds: above 0 where it is, nan where there is none."""
    below = least - scores if least is not None else np.full(len(scores), -np.inf)
    above = scores - most if most is not None else np.full(len(scores), -np.inf)
    return np.maximum(below, above)


def _judge(check: Check, clips: Clips, scores: Scores, params: AuditParams) -> Finding:
    least, most = bounds_of(check, params)
    excess = beyond(scores, least, most)
    known = np.flatnonzero(~np.isnan(excess))
    rejected = [n for n, reason in enumerate(clips.reason) if reason and reason in check.reasons]
    wrong = np.union1d(np.flatnonzero(excess > 0), np.array(rejected, int))
    ranked = known[np.argsort(-excess[known], kind="stable")]
    details = [f"{clips.ids[n]}: {told}" for n in wrong.tolist() if (told := _told(check, clips, scores, n))]
    return Finding(
        check=check.name,
        title=check.title,
        level=_level(check, [clips.status[n] for n in wrong.tolist()]),
        unit=check.unit,
        expected=_expected(least, most, check),
        observed=_observed(scores[known], len(wrong), len(clips), check),
        meaning=check.meaning,
        advice=check.advice,
        flagged=tuple(clips.ids[n] for n in wrong.tolist()),
        worst=tuple((clips.ids[n], float(scores[n])) for n in ranked[: params.worst].tolist()),
        details=tuple(details),
        bounds=(least, most),
    )


def _level(check: Check, statuses: list[str]) -> Level:
    """What prep has left out already cannot spoil a training any more."""
    if not statuses:
        return "ok"
    return "warning" if check.level == "error" and "ok" not in statuses else check.level


def _told(check: Check, clips: Clips, scores: Scores, number_: int) -> str:
    """Why a clip is flagged: what prep said, what a check knows of it, else its score."""
    if clips.reason[number_] in check.reasons:
        return clips.message[number_]
    note = clips.notes.get(check.name, {}).get(number_)
    score = f"{number(scores[number_])} {check.unit}".strip() if check.least or check.most else ""
    return ", ".join(filter(None, (note, score)))


def _expected(least: float | None, most: float | None, check: Check) -> str:
    unit = f" {check.unit}" if check.unit else ""
    if not (check.least or check.most):
        return "none"
    if least is not None and most is not None:
        return f"{number(least)} to {number(most)}{unit}"
    return f"at least {number(least)}{unit}" if least is not None else f"at most {number(most or 0)}{unit}"


def _observed(known: Scores, wrong: int, count: int, check: Check) -> str:
    told = f"{wrong} of {count} clips" if wrong else f"none of {len(known)} clips"
    if not len(known) or not (check.least or check.most):
        return told
    unit = f" {check.unit}" if check.unit else ""
    least, most, middle = (number(float(each)) for each in np.percentile(known, [0, 100, 50]))
    return f"{told} beyond; {least} to {most}{unit}, median {middle}"
