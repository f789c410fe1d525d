"""What a person looks at: which clips to show for each finding, and their frame, crops and waveform."""

import base64
import io
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import chain, zip_longest
from typing import Any

import cv2
import numpy as np

from s2f.pipeline.audit.auditing import Audit
from s2f.pipeline.audit.checks.judging import made
from s2f.pipeline.audit.clips import Clips
from s2f.pipeline.audit.findings import Finding
from s2f.pipeline.audit.unreadable import UNREADABLE
from s2f.pipeline.core import mjpeg, wav
from s2f.pipeline.core.windows import Sound
from s2f.pipeline.stages import align, detect, resample
from s2f.pipeline.stages.base import artifact_name

# Clips to look at, by the finding that they belong to: the number of each, and what is told of it.
Sheets = dict[str, list[tuple[int, str]]]

TYPICAL = "typical"
# So many clips have pictures, 25 KB each, which keeps the page of any set below 20 MB.
MOST = 240
CROPS, CROP_HEIGHT, QUALITY = 5, 96, 80
# A waveform is drawn by so many of its peaks.
PEAKS = 150
READERS = 8


def sheets(audit: Audit) -> Sheets:
    """The clips to be shown for each finding that flags some, and typical ones."""
    numbers = {clip_id: number for number, clip_id in enumerate(audit.clips.ids)}
    chosen = {
        each.check: _flagged(each, audit.clips, numbers)[: audit.params.worst] for each in audit.findings
    }
    chosen[TYPICAL] = [(number, "") for number in typical(audit.clips, audit.findings, audit.params.worst)]
    return {check: each for check, each in chosen.items() if each}


def typical(clips: Clips, findings: Iterable[Finding], count: int) -> list[int]:
    """The kept clips with the fewest flags that are most like the others, of many speakers."""
    scores = np.stack([clips.scores[check.name] for check in made(clips)])
    distances = np.zeros(len(clips))
    for row in scores:
        known = row[~np.isnan(row)]
        low, middle, high = np.percentile(known, [25, 50, 75]) if len(known) else (0.0, 0.0, 0.0)
        if high > low:
            distances += np.nan_to_num(np.abs(row - middle) / (high - low), nan=1.0)
    flags = Counter(clip_id for each in findings for clip_id in each.flagged)
    counts = np.array([flags[clip_id] for clip_id in clips.ids])
    groups: dict[str, list[int]] = {}
    for number in np.lexsort((distances, counts)).tolist():
        if clips.split[number]:
            groups.setdefault(clips.speaker[number], []).append(number)
    return _in_turn(groups.values())[:count]


def take(audit: Audit, shown: Sheets) -> dict[int, dict[str, Any]]:
    """The pictures of the clips shown, by their numbers, as far as there are files.

    Where that would be too many, every sheet has its first ones.
    """
    wanted = _in_turn([number for number, _ in each] for each in shown.values())[:MOST]
    taker = _Taker(audit)
    with ThreadPoolExecutor(READERS) as pool:
        taken = zip(wanted, pool.map(taker.take, wanted), strict=True)
        return {number: each for number, each in taken if each}


class _Taker:
    """Reads the artifacts of clips, by number."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit
        self._frames = audit.tables[detect.STAGE.name].column("frames")
        self._widths = audit.tables["scan"].column("width")

    def take(self, number: int) -> dict[str, Any]:
        """The parts that can be read, in the terms of JSON: JPEGs in base64, a box in % of the frame."""
        clip_id = self._audit.clips.ids[number]
        parts: dict[str, Any] = {}
        with suppress(*UNREADABLE):
            parts |= frame(self._read("detect", clip_id, detect.ARTIFACT), self._widths[clip_id])
        with suppress(*UNREADABLE):
            parts |= crops(self._read("align", clip_id, align.ARTIFACT), self._frames[clip_id])
        with suppress(*UNREADABLE):
            parts |= waveform(self._read("resample", clip_id, resample.ARTIFACT))
        return parts

    def _read(self, stage: str, clip_id: str, suffix: str) -> bytes:
        key, _, _ = self._audit.tables[stage].brief(clip_id)
        path = self._audit.place / "artifacts" / stage / artifact_name(clip_id, key, suffix)
        return path.read_bytes()


def frame(track: bytes, source_width: int) -> dict[str, Any]:
    """The poster of a detect artifact, its width in heights; the face's left, top, width and height."""
    with np.load(io.BytesIO(track), allow_pickle=False) as stored:
        poster, box = stored["poster"], stored["boxes"][0]
    picture = cv2.imdecode(poster, cv2.IMREAD_GRAYSCALE)
    if picture is None:
        raise ValueError("the poster is no JPEG")
    height, width = picture.shape
    left, top, right, bottom = box * (100 / source_width)
    shape = width / height
    place = (left, top * shape, right - left, (bottom - top) * shape)
    return {
        "poster": _text(poster.tobytes()),
        "shape": round(shape, 4),
        "box": [round(float(each), 1) for each in place],
    }


def crops(film: bytes, frames: int) -> dict[str, Any]:
    """Some crops of an align artifact, evenly spread in time, side by side."""
    chosen = np.linspace(0, frames - 1, CROPS).round().astype(int).tolist()
    strip = np.concatenate(list(mjpeg.decode(film, chosen)), axis=1)
    size = (round(strip.shape[1] * CROP_HEIGHT / strip.shape[0]), CROP_HEIGHT)
    small = cv2.resize(strip, size, interpolation=cv2.INTER_AREA)
    jpeg = cv2.imencode(".jpg", small[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1]
    return {"crops": _text(jpeg.tobytes())}


def waveform(sound: bytes) -> dict[str, Any]:
    """The peaks of a resample artifact."""
    return {"peaks": peaks(wav.decode(sound), PEAKS)}


def peaks(sound: Sound, count: int) -> list[int]:
    """The peaks of a sound over time, in % of full scale; roots, so that soft speech is seen."""
    return [round(100 * float(np.sqrt(each.max(initial=0)))) for each in np.array_split(np.abs(sound), count)]


def _flagged(finding: Finding, clips: Clips, numbers: dict[str, int]) -> list[tuple[int, str]]:
    """The flagged clips, the worst first, with what the finding tells of each."""
    flagged = dict.fromkeys(finding.flagged)
    ranked = [clip_id for clip_id, _ in finding.worst if clip_id in flagged]
    told = dict(line.split(": ", 1) for line in finding.details if ": " in line)
    if finding.check == "set.duplicates":
        # Each beside its like.
        pairs = [(clips.ids[each.first], clips.ids[each.second]) for each in clips.duplicates]
        ranked = [clip_id for pair in pairs for clip_id in pair if clip_id in flagged]
    if finding.check == "set.same_face":
        first = {speaker: clips.ids[each[0]] for speaker, each in clips.of_speakers(clips.kept).items()}
        ranked = [first[speaker] for pair in clips.identities.shared for speaker in pair if speaker in first]
    names = dict.fromkeys([*ranked, *flagged])
    return [(numbers[each], told.get(each, "")) for each in names if each in numbers]


def _in_turn(groups: Iterable[list[int]]) -> list[int]:
    """The first of every group, then the second ones and so on, none twice."""
    ordered = chain.from_iterable(zip_longest(*groups))
    return list(dict.fromkeys(each for each in ordered if each is not None))


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
