"""Scores of clips by a sync scorer, how they are shown, and the trial of a scorer on known offsets."""

import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from s2f.model.data.recordings import Recording, listed, recordings
from s2f.model.evaluation.learned.sync.clips import NamedRecording, late
from s2f.model.evaluation.learned.sync.protocol import LEAST_FRAMES, SyncScore, offset_score
from s2f.model.evaluation.learned.sync.scorer import Known, Scorer
from s2f.pipeline.core import files
from s2f.pipeline.core.errors import InputError
from s2f.pipeline.core.prepared_set import PreparedSet
from s2f.pipeline.core.progress import tracked

# The frames by which a trial moves the sound, and the most clips of the split that take part.
SHIFTS = (-12, -8, -4, -1, 0, 1, 4, 8, 12)
MOST_CLIPS = 32
# An offset counts as right up to this many frames from the true one.
NEAR = 1

ALL = "all together"
MEANING = (
    "The offset is where picture and sound are closest to each other. The confidence is how far this"
    " smallest distance lies below the median over all offsets: about 0 means that no offset fits better"
    " than another, because the mouth does not move, is hidden, or belongs to another voice."
)


@dataclass(frozen=True)
class ClipScore:
    """The score of a clip, or why it has none."""

    name: str
    score: SyncScore | None
    reason: str = ""


@dataclass(frozen=True)
class Trial:
    """How a scorer did on clips of the val split, with the sound moved by each of SHIFTS.

    scored  the number of scores, one per clip and shift
    near    how many of them were within a frame of the true offset
    exact   how many were exact
    pooled  how many shifts were near when all clips were scored together
    """

    clips: int
    scored: int
    near: int
    exact: int
    pooled: int
    known: Known

    def in_words(self) -> str:
        """The same as sentences."""
        share, exact = (100 * count / self.scored for count in (self.near, self.exact))
        return (
            f"{self.clips} val clips, sound moved by {len(SHIFTS)} known offsets, ±{max(SHIFTS)} at most:\n"
            f"right within ±{NEAR}: {self.near} of {self.scored} ({share:.1f} %), exactly: {exact:.1f} %,"
            f" within ±{NEAR} of all clips together: {self.pooled} of {len(SHIFTS)};\n"
            f"{self.known.in_words()}"
        )


def measure(scorer: Scorer, clips: Iterable[NamedRecording], count: int, console: Console) -> list[ClipScore]:
    """Score clips under a progress bar. Raises InputError where none can be scored."""
    scored = [_score(scorer, name, clip) for name, clip in tracked(clips, console, "clips", count)]
    if not any(clip.score for clip in scored):
        reason = f": {scored[0].name}: {scored[0].reason}" if scored else ""
        raise InputError(f"no clip can be scored{reason}", "give clips with a face and sound")
    return scored


def together(scores: Sequence[SyncScore]) -> SyncScore:
    """One score of several clips, from their mean distances."""
    return offset_score(np.mean([score.distances for score in scores], axis=0), scores[0].fps)


def sure_offsets(scorer: Scorer, data: PreparedSet, console: Console) -> dict[str, int]:
    """By how many frames the sound is late, for each clip of which the scorer is sure."""
    wanted = listed(data, None)
    scored = measure(scorer, recordings(wanted), len(wanted), console)
    scores = {clip.name: clip.score for clip in scored}
    return {name: score.offset for name, score in scores.items() if score and scorer.sure(score)}


def try_out(scorer: Scorer, data: PreparedSet, console: Console) -> Trial | None:
    """Try a scorer on the val split; None where fewer than two of its clips can be scored."""
    read = recordings(listed(data, "val", MOST_CLIPS)) if data.split_or_empty("val") else []
    clips = [clip for _, clip in read if isinstance(clip, Recording) and len(clip.frames) >= LEAST_FRAMES]
    if len(clips) < 2:
        return None
    missed: list[int] = []
    pooled = 0
    own: list[float] = []
    for shift in tracked(SHIFTS, console, "offsets", len(SHIFTS)):
        scores = [scorer.score(late(clip, shift)) for clip in clips]
        missed += [abs(score.offset - shift) for score in scores]
        pooled += abs(together(scores).offset - shift) <= NEAR
        own += [score.confidence for score in scores if not shift]
    near = sum(miss <= NEAR for miss in missed)
    known = Known(statistics.median(own), _foreign(scorer, clips))
    return Trial(len(clips), len(missed), near, missed.count(0), pooled, known)


def table(scorer: Scorer, scored: Sequence[ClipScore]) -> Table:
    """A row per clip, and one for all of them together."""
    table = Table("clip", box=SIMPLE_HEAD)
    table.columns[0].overflow = "fold"
    for name in ("frames late", "ms late", "confidence"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for clip in scored:
        if clip.score:
            table.add_row(escape(clip.name), *_cells(scorer, clip.score))
    scores = [clip.score for clip in scored if clip.score]
    if len(scores) > 1:
        table.add_section()
        table.add_row(ALL, *_cells(scorer, together(scores)))
    return table


def notes(scorer: Scorer, scored: Sequence[ClipScore]) -> list[str]:
    """The result in a sentence, what it means, and which clips have no score."""
    scores = [clip.score for clip in scored if clip.score]
    lines = [f"{ALL if len(scores) > 1 else 'in words'}: {scorer.in_words(together(scores))}", MEANING]
    if scorer.known:
        lines.append(
            "On clips that the scorer was not trained on, the median confidence was"
            f" {scorer.known.own:.2f} with their own sound and {scorer.known.foreign:.2f} with that of"
            " another clip."
        )
    return lines + [f"not scored: {clip.name}: {clip.reason}" for clip in scored if not clip.score]


def write_json(scorer: Scorer, scored: Sequence[ClipScore], path: Path) -> None:
    """Write the scores, with their distances at the offsets from -15 to 15. Raises OutputError."""
    scores = [clip.score for clip in scored if clip.score]
    content = {
        "clips": [
            {"name": clip.name, "reason": clip.reason, **(_plain(scorer, clip.score) if clip.score else {})}
            for clip in scored
        ],
        "together": _plain(scorer, together(scores)),
    }
    files.write_bytes(path, (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())


def _score(scorer: Scorer, name: str, clip: Recording | InputError) -> ClipScore:
    try:
        if isinstance(clip, InputError):
            raise clip
        return ClipScore(name, scorer.score(clip))
    except InputError as error:
        return ClipScore(name, None, error.message)


def _foreign(scorer: Scorer, clips: Sequence[Recording]) -> float:
    """The median confidence of each clip with the sound of the one before it."""
    pairs = zip(clips, [clips[-1], *clips[:-1]], strict=True)
    return statistics.median(
        scorer.score(replace(clip, sound=other.sound)).confidence for clip, other in pairs
    )


def _cells(scorer: Scorer, score: SyncScore) -> tuple[str, str, str, str]:
    sure = "" if scorer.sure(score) else "not sure"
    return f"{score.offset:+d}", f"{score.milliseconds:+.0f}", f"{score.confidence:.2f}", sure


def _plain(scorer: Scorer, score: SyncScore) -> dict[str, Any]:
    return {
        "offset": score.offset,
        "milliseconds": score.milliseconds,
        "confidence": score.confidence,
        "distances": score.distances.tolist(),
        "in_words": scorer.in_words(score),
    }
