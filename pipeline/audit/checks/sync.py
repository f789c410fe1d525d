"""Checks of sound against lips: of single clips by a sync scorer, of speakers by their pooled lag curves."""

from collections.abc import Mapping

import numpy as np

from s2f.pipeline.audit.checks.base import ClipCheck, Evidence, Outcome, SetCheck, Setting
from s2f.pipeline.audit.clips import Clips, Scores
from s2f.pipeline.audit.measures import lag
from s2f.pipeline.audit.measures.lag import PooledLag
from s2f.pipeline.core.windows import lag_in_words

# The name under which the clips of all speakers are pooled.
ALL = "all speakers"
# A lag counts if so many draws of other clips agree with it to a frame.
SURE = 0.9

SYNC_CLIPS = Setting("sync_clips", 12, "fewer clips of a speaker tell nothing of his sync", minimum=3)
MAX_LAG = Setting("max_lag", 1.5, "frames that sound and mouth may be apart, pooled per speaker")


def pooled_lags(clips: Clips, least: float) -> dict[str, PooledLag]:
    """How sound and mouth lie to each other, of all clips and of each speaker with at least `least` clips."""
    known = np.array([number in clips.curves for number in range(len(clips))], bool)
    groups = {ALL: np.flatnonzero(known).tolist(), **clips.of_speakers(known)}
    return {
        name: lag.pool(np.stack([clips.curves[number] for number in numbers]))
        for name, numbers in groups.items()
        if len(numbers) >= least
    }


def _offset(clips: Clips) -> Scores | None:
    if clips.offsets is None:
        return None
    return np.abs(np.array([clips.offsets.get(clip_id, np.nan) for clip_id in clips.ids], np.float64))


def _which_way(clips: Clips) -> Mapping[int, str]:
    offsets = clips.offsets or {}
    return {
        number: lag_in_words(offsets[clip_id], offsets[clip_id] * clips.frame_ms)
        for number, clip_id in enumerate(clips.ids)
        if clip_id in offsets
    }


def _speakers(data: Evidence) -> Outcome:
    most, least_clips = data.params.value(MAX_LAG), data.params.value(SYNC_CLIPS)
    apart = {name: each for name, each in data.lags.items() if abs(each.peak) > most and each.sure >= SURE}
    # Where single speakers are apart, all of them together say nothing new.
    speakers = {name: each for name, each in apart.items() if name != ALL} or apart
    return Outcome(
        expected=f"within {most:.3g} frames, of speakers with {least_clips} clips or more",
        observed=f"{len(speakers)} of {len(data.lags.keys() - {ALL})} speakers are apart"
        if data.lags
        else f"no speaker has {least_clips} clips",
        flagged=tuple(speakers),
        details=tuple(
            f"{name}: {lag_in_words(each.peak, each.peak * data.clips.frame_ms)};"
            f" {100 * each.sure:.0f} % of draws agree, {each.clips} clips"
            for name, each in data.lags.items()
        ),
    )


CLIP = ClipCheck(
    name="sync.clip",
    title="Sync of a clip",
    unit="frames",
    level="error",
    meaning="The sync scorer finds the sound of these clips late or early. Where it is not sure, it has no"
    " say.",
    advice="Look whether the lips close at p, b and m; let prep take the offset out with --offsets-from OUT,"
    " or remove the clip.",
    basis="only with `--sync RUN`: offset between sound and lips, measured by a sync scorer"
    " ([docs/metrics.md](metrics.md#sync)) that was trained on faultless clips of these speakers;"
    " clips of which it is not sure do not count",
    score=_offset,
    notes=_which_way,
    most=Setting("max_offset", 2.5, "the same of one clip, by a sync scorer given with --sync"),
)

SPEAKERS = SetCheck(
    name="sync.lag",
    title="Sound and lips together",
    level="error",
    meaning="Pooled over the clips of a speaker, mouth and loudness fit best when the sound is moved.",
    advice="Let prep take the offset out: the same command with --offsets-from OUT; one clip alone proves"
    " nothing here.",
    basis="mouth opening against loudness at lags of ± 15 frames, averaged over the clips of a speaker and"
    " over all clips. A peak far from 0 counts if nine of ten random draws of other clips agree to"
    " within a frame. Single clips are never checked: four of ten faultless ones would be off",
    look=_speakers,
    uses=(SYNC_CLIPS, MAX_LAG),
)
