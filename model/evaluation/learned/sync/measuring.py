"""Clips put before a sync scorer, what is shown of it, and the trial of a scorer on known offsets."""

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
from s2f.model.evaluation.learned.sync.clips import Read, late
from s2f.model.evaluation.learned.sync.protocol import LEAST_FRAMES, SyncScore, judge
from s2f.model.evaluation.learned.sync.scorer import Known, Scorer
from s2f.pipeline.core import files
from s2f.pipeline.core.errors import InputError
from s2f.pipeline.core.prepared_set import PreparedSet
from s2f.pipeline.core.progress import tracked

# By so many frames the sound is moved in a trial, and clips of the split that take part at most.
SHIFTS = (-12, -8, -4, -1, 0, 1, 4, 8, 12)
MOST_CLIPS = 32
# An offset that is so many frames from the true one counts as right.
NEAR = 1

ALL = "all together"
MEANING = (
    "An offset is where picture and sound lie nearest to each other. The confidence is how far this least"
    " distance lies under the median of all offsets: about 0 says that no offset fits better than another,"
    " as where the mouth does not move, is not seen, or belongs to another voice."
)


@dataclass(frozen=True)
class Found:
    """The score of a clip, or why it has none."""

    name: str
    score: SyncScore | None
    reason: str = ""


@dataclass(frozen=True)
class Trial:
    """A scorer on clips of the val split, with the sound moved by each of SHIFTS.

    Of `scored` scores, one per clip and shift, so many were `near`, within a frame of what was to be
    found, and `exact`; of the shifts, so many were near when all clips were taken together.
    """

    clips: int
    scored: int
    near: int
    exact: int
    pooled: int
    known: Known

    def __str__(self) -> str:
        share, exact = (100 * count / self.scored for count in (self.near, self.exact))
        return (
            f"{self.clips} val clips, sound moved by {len(SHIFTS)} known offsets, ±{max(SHIFTS)} at most:\n"
            f"right within ±{NEAR}: {self.near} of {self.scored} ({share:.1f} %), exactly: {exact:.1f} %,"
            f" within ±{NEAR} of all clips together: {self.pooled} of {len(SHIFTS)};\n"
            f"median confidence: {self.known.own:.2f}, with another clip's sound {self.known.foreign:.2f}"
        )


def measure(scorer: Scorer, clips: Iterable[Read], count: int, console: Console) -> list[Found]:
    """Score clips under a progress bar. Raises InputError where none can be scored."""
    scored = []
    for name, clip in tracked(clips, console, "clips", count):
        scored.append(_found(scorer, name, clip))
    if not any(each.score for each in scored):
        reason = f": {scored[0].name}: {scored[0].reason}" if scored else ""
        raise InputError(f"no clip can be scored{reason}", "give clips with a face and sound")
    return scored


def together(scores: Sequence[SyncScore]) -> SyncScore:
    """One score of several clips, by the means of their distances."""
    return judge(np.mean([score.distances for score in scores], axis=0), scores[0].fps)


def sure_offsets(scorer: Scorer, data: PreparedSet, console: Console) -> dict[str, int]:
    """By how many frames the sound is late, of all clips in shards of which the scorer is sure."""
    wanted = listed(data, None)
    found = measure(scorer, recordings(wanted), len(wanted), console)
    scores = {each.name: each.score for each in found}
    return {name: score.offset for name, score in scores.items() if score and scorer.sure(score)}


def try_out(scorer: Scorer, data: PreparedSet, console: Console) -> Trial | None:
    """Try a scorer on the val split; None where it has less than two clips that can be scored."""
    found = recordings(listed(data, "val", MOST_CLIPS)) if data.split_or_empty("val") else []
    clips = [clip for _, clip in found if isinstance(clip, Recording) and len(clip.frames) >= LEAST_FRAMES]
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


def table(scorer: Scorer, found: Sequence[Found]) -> Table:
    """A row per clip, and one for all of them."""
    shown = Table("clip", box=SIMPLE_HEAD)
    shown.columns[0].overflow = "fold"
    for name in ("frames late", "ms late", "confidence"):
        shown.add_column(name, justify="right", no_wrap=True)
    shown.add_column("", no_wrap=True)
    for each in found:
        if each.score:
            shown.add_row(escape(each.name), *_cells(scorer, each.score))
    scores = [each.score for each in found if each.score]
    if len(scores) > 1:
        shown.add_section()
        shown.add_row(ALL, *_cells(scorer, together(scores)))
    return shown


def notes(scorer: Scorer, found: Sequence[Found]) -> list[str]:
    """What was found in a sentence, what that means, and which clips have no score."""
    scores = [each.score for each in found if each.score]
    told = scorer.in_words(together(scores))
    lines = [f"{ALL if len(scores) > 1 else 'in words'}: {told}", MEANING]
    if scorer.known:
        lines.append(
            "On clips that the scorer was not trained on, the median confidence was"
            f" {scorer.known.own:.2f} with their own sound and {scorer.known.foreign:.2f} with that of"
            " another clip."
        )
    return lines + [f"not scored: {each.name}: {each.reason}" for each in found if not each.score]


def write_json(scorer: Scorer, found: Sequence[Found], path: Path) -> None:
    """Write the scores, with their distances at the offsets from -15 to 15. Raises OutputError."""
    scores = [each.score for each in found if each.score]
    content = {
        "clips": [
            {"name": each.name, "reason": each.reason, **(_plain(scorer, each.score) if each.score else {})}
            for each in found
        ],
        "together": _plain(scorer, together(scores)),
    }
    files.write_bytes(path, (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())


def _found(scorer: Scorer, name: str, clip: Recording | InputError) -> Found:
    try:
        if isinstance(clip, InputError):
            raise clip
        return Found(name, scorer.score(clip))
    except InputError as error:
        return Found(name, None, error.message)


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
