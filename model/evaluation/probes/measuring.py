"""What is measured of the videos of the probes, and what a sound model does."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from s2f.model.evaluation.learned.metrics import sync_offset
from s2f.model.evaluation.probes.sounds import (
    NOISE,
    NOISY,
    SHIFTS,
    SILENCE,
    SPEECH,
    SWAP,
    ProbedClip,
    shifted,
)
from s2f.model.metrics import Frames
from s2f.model.metrics.footage import ClipVideos, Footage
from s2f.model.metrics.identity import acd
from s2f.model.metrics.interval import Interval, bootstrap
from s2f.model.metrics.motion import silence_leak
from s2f.model.metrics.mouth import correlation
from s2f.pipeline.faces.mouth import opening
from s2f.pipeline.faces.settings import FaceSettings

# The largest shift that is looked for, and how far from the true one counts as right, in frames.
MOST_LAG, NEAR = 15, 1

Course = npt.NDArray[np.float32]


class Videos:
    """The videos of one run of a clip, by sound, and the real videos; their points are found once."""

    def __init__(self, probed: ProbedClip, run: str, faces: FaceSettings, sync: Path | None) -> None:
        clip = probed.clip
        about = ClipVideos(clip.clip_id, clip.frames, {}, clip.media.fps, sound=clip.sound)
        backend = faces.open()

        def footage(frames: Frames) -> Footage:
            return Footage(frames, about, backend)

        self.made = {name: footage(frames) for name, frames in probed.made[run].items()}
        self.real = footage(clip.frames)
        self.other = footage(probed.other.frames) if probed.other else None
        self.sync = sync

    def opening(self, sound: str) -> Course:
        """How far the mouth opens in the video of a sound, (n,)."""
        return opening(self.made[sound].points)

    def moving(self, sound: str) -> float:
        """The share of all frames in which the lips move, in %."""
        points = self.made[sound].points
        return silence_leak(points, np.ones(len(points), bool))


@dataclass(frozen=True)
class Row:
    """What is measured of one probe.

    `value` is that of a clip, nan where it cannot be told; `is_sound` says of the mean over the clips
    whether a sound model has it. `expected` says the same in words.
    """

    probe: str
    name: str
    title: str
    expected: str
    digits: int
    value: Callable[[Videos], float]
    is_sound: Callable[[Interval], bool]
    by_sync: bool = False


@dataclass(frozen=True)
class Probed:
    """The values of a clip by run and row."""

    clip_id: str
    values: dict[str, dict[str, float]]


@dataclass(frozen=True)
class ProbeResult:
    """A row with its means by run, and whether each is that of a sound model; None where it is unknown."""

    probe: str
    name: str
    title: str
    expected: str
    digits: int
    means: dict[str, Interval]
    sound: dict[str, bool | None]


def lag(moved: Course, still: Course) -> float:
    """By how many frames a course (n,) comes after another one (n,): where they correlate best; nan if never.

    15 frames at most, and half of the course, either way.
    """
    found = []
    most = min(MOST_LAG, len(still) // 2)
    for frames in range(-most, most + 1):
        early, behind = max(0, -frames), max(0, frames)
        pair = moved[behind : len(moved) - early], still[early : len(still) - behind]
        found.append(correlation(*pair))
    return math.nan if np.isnan(found).all() else float(np.nanargmax(found) - most)


def probe_clip(probed: ProbedClip, probes: Sequence[str], faces: FaceSettings, sync: Path | None) -> Probed:
    """Measure the videos that the runs have made of a clip."""
    values = {}
    for run in probed.made:
        videos = Videos(probed, run, faces, sync)
        values[run] = {row.name: row.value(videos) for row in rows(probes, sync)}
    return Probed(probed.clip_id, values)


def rows(probes: Sequence[str], sync: Path | None) -> list[Row]:
    """The rows of these probes; those that need a sync scorer only with one."""
    return [row for row in ROWS if row.probe in probes and (sync or not row.by_sync)]


def summarise(
    probed: Sequence[Probed], probes: Sequence[str], sync: Path | None, seed: int
) -> list[ProbeResult]:
    """The means of all rows over the clips."""
    runs = list(probed[0].values) if probed else []
    results = []
    for row in rows(probes, sync):
        means = {
            run: bootstrap(np.array([clip.values[run][row.name] for clip in probed]), seed) for run in runs
        }
        sound = {run: row.is_sound(mean) if mean.clips else None for run, mean in means.items()}
        results.append(ProbeResult(row.probe, row.name, row.title, row.expected, row.digits, means, sound))
    return results


def _swapped(videos: Videos) -> float:
    """The correlation with the mouth that belongs to the speech, less that with the clip's own."""
    if videos.other is None:
        return math.nan
    made = videos.opening(SWAP)
    theirs, own = (opening(real.points)[: len(made)] for real in (videos.other, videos.real))
    return correlation(made[: len(theirs)], theirs) - correlation(made, own)


def _identity(videos: Videos) -> float:
    """ACD with the other voice, less that with the own one."""
    if videos.other is None:
        return math.nan
    other, own = (acd(videos.made[sound].faces, videos.real.first_face) for sound in (SWAP, SPEECH))
    return other - own


def _followed(videos: Videos) -> float:
    """The share of shifts that the lips follow, in %."""
    lags = [lag(videos.opening(shifted(frames)), videos.opening(SPEECH)) for frames in SHIFTS]
    return _near(np.array(lags) - SHIFTS)


def _followed_by_sync(videos: Videos) -> float:
    """The same by the sync scorer. It hears the speech as it was: where lips are late, it is early."""
    assert videos.sync
    before = sync_offset(videos.sync, videos.made[SPEECH])
    offsets = [before - sync_offset(videos.sync, videos.made[shifted(frames)]) for frames in SHIFTS]
    return _near(np.array(offsets) - SHIFTS)


def _near(misses: npt.NDArray[np.float64]) -> float:
    return math.nan if np.isnan(misses).any() else float(100 * np.mean(np.abs(misses) <= NEAR))


ROWS = (
    Row(
        "silence",
        "silence_moving",
        "frames in which the lips move %",
        "lips rest: 10 % at most",
        1,
        lambda videos: videos.moving(SILENCE),
        lambda found: found.mean <= 10,
    ),
    Row(
        "swap",
        "swap_mouth_r",
        "mouth r with the mouth of the other speech, less that with its own",
        "lips go with what is heard: above 0",
        2,
        _swapped,
        lambda found: (found.mean if math.isnan(found.low) else found.low) > 0,
    ),
    Row(
        "swap",
        "swap_acd",
        "ACD, less that with its own speech",
        "the face stays: 0.05 at most",
        3,
        _identity,
        lambda found: found.mean <= 0.05,
    ),
    Row(
        "shift",
        "shift_followed",
        f"moved by {' and '.join(f'{frames:+d}' for frames in SHIFTS)} frames: lips follow to within one %",
        "lips come as much later or earlier: 90 % or more",
        1,
        _followed,
        lambda found: found.mean >= 90,
    ),
    Row(
        "shift",
        "shift_sync",
        "the same, by the sync scorer %",
        "its offset follows: 75 % or more",
        1,
        _followed_by_sync,
        lambda found: found.mean >= 75,
        by_sync=True,
    ),
    Row(
        "noise",
        "noise_moving",
        "noise alone: frames in which the lips move %",
        "noise is no speech: 10 % at most",
        1,
        lambda videos: videos.moving(NOISE),
        lambda found: found.mean <= 10,
    ),
    Row(
        "noise",
        "noisy_r",
        "noise 10 dB below the speech: correlation of the opening with that without noise",
        "lips do the same: 0.7 or more",
        2,
        lambda videos: correlation(videos.opening(NOISY), videos.opening(SPEECH)),
        lambda found: found.mean >= 0.7,
    ),
)
