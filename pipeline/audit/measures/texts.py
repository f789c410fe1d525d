"""Is what is said known, and can it be true? By the alignment, the grammar of GRID's names, and the clock."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt

from s2f.pipeline.corpora import open_corpus

Scores = npt.NDArray[np.float64]

NAMES = ("text.missing", "text.unreadable", "text.words", "text.folder", "text.speed", "text.unit")


@dataclass(frozen=True)
class Spoken:
    """What the scan found out about the words of a clip; `seconds` is the length of the video."""

    corpus: str
    speaker: str
    utterance: str
    alignment: str | None
    text: str | None
    labels: Sequence[dict[str, Any]]
    message: str
    seconds: float

    @classmethod
    def of(cls, column: Callable[[str, str], list[Any]]) -> "list[Spoken]":
        """All clips, from the columns of the scan manifest."""
        names = ("corpus", "speaker", "utterance", "alignment", "text", "labels", "message", "duration")
        rows = zip(*(column("scan", name) for name in names), strict=True)
        return [
            cls(corpus, speaker, utterance, alignment, text, labels or (), message or "", seconds or 0.0)
            for corpus, speaker, utterance, alignment, text, labels, message, seconds in rows
        ]


def judge(clips: Sequence[Spoken]) -> tuple[dict[str, Scores], dict[str, dict[int, str]]]:
    """The scores of the checks NAMES, and notes on clips; nan where a clip has nothing to be judged.

    A corpus whose clips have no text at all, such as a plain folder of videos, lacks nothing.
    """
    scores = {name: np.full(len(clips), np.nan) for name in NAMES}
    notes: dict[str, dict[int, str]] = {name: {} for name in NAMES}
    told = {clip.corpus for clip in clips if clip.alignment}
    for number, clip in enumerate(clips):
        for name, (score, note) in _judge(clip, clip.corpus in told).items():
            scores[name][number] = score
            if note:
                notes[name][number] = note
    return scores, notes


def _judge(clip: Spoken, has_texts: bool) -> dict[str, tuple[float, str]]:
    found: dict[str, tuple[float, str]] = {}
    if has_texts:
        found["text.missing"] = float(not clip.alignment), ""
    if clip.alignment:
        found["text.unreadable"] = float(bool(clip.message)), clip.message
        found["text.folder"] = _folder(clip)
    named = open_corpus(clip.corpus).sentence(clip.utterance)
    if clip.labels and named:
        said = " ".join(label["label"] for label in clip.labels)
        told = "" if named == said else f"the name says “{named}”, the alignment “{said}”"
        found["text.words"] = float(named != said), told
    ends = clip.labels[-1]["end"] if clip.labels else None
    if ends is not None and clip.seconds > 0:
        share = ends / clip.seconds
        found["text.unit"] = share, f"the last word ends at {ends:.2f} s of {clip.seconds:.2f} s"
    # TCD-TIMIT's labels are phones.
    if clip.text and clip.seconds > 0:
        found["text.speed"] = 60 * len(clip.text.split()) / clip.seconds, ""
    return found


def _folder(clip: Spoken) -> tuple[float, str]:
    """Whether the alignment lies in a folder that is named like another speaker."""
    folders = PurePosixPath(clip.alignment or "").parts[:-1]
    named = [part for part in folders if open_corpus(clip.corpus).is_speaker(part)]
    wrong = bool(named) and named[-1] != clip.speaker
    return float(wrong), f"it lies in the folder of {named[-1]}" if wrong else ""
