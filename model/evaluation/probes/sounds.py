"""The sounds of the probes: silence, another person's speech, speech that is moved, noise."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from s2f.model.data.recordings import Recording
from s2f.model.evaluation.learned.sync.clips import late
from s2f.model.metrics import Frames
from s2f.pipeline.core.errors import InputError
from s2f.pipeline.core.params import nearest
from s2f.pipeline.core.windows import Sound, fit_length

PROBES = ("silence", "swap", "shift", "noise")
# Clips that are probed, at most: each is animated up to seven times by every run.
MOST_CLIPS = 16
# The frames by which speech is moved.
SHIFTS = (-6, 6)
# How far noise lies below the speech that it is added to.
NOISE_DB = 10.0

SPEECH, SILENCE, SWAP, NOISE, NOISY = "speech", "silence", "swap", "noise", "noisy"


@dataclass(frozen=True)
class ProbedClip:
    """A clip, and the videos (n, 128, 96, 3) that each run has made of its first frame, by sound.

    `other` is the clip whose speech is swapped in, if there is one.
    """

    clip: Recording
    other: Recording | None
    made: dict[str, dict[str, Frames]] = field(default_factory=dict)

    @property
    def clip_id(self) -> str:
        """The id of the clip."""
        return self.clip.clip_id


def chosen(names: str) -> tuple[str, ...]:
    """The probes that a text like "silence,swap" names. Raises InputError for a name that there is not."""
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    for name in wanted:
        if name not in PROBES:
            raise InputError(f"there is no probe '{name}'", nearest(name, list(PROBES)))
    return tuple(name for name in PROBES if name in wanted)


def shifted(frames: int) -> str:
    """The name of the sound that is so many frames late."""
    return f"shift {frames:+d}"


def sounds(probed: ProbedClip, probes: Iterable[str], seed: int) -> dict[str, Sound]:
    """The sounds of the probes by name, each as long as the clip's; its own speech first."""
    clip = probed.clip
    made = {SPEECH: clip.sound}
    for probe in probes:
        if probe == "silence":
            made[SILENCE] = np.zeros_like(clip.sound)
        elif probe == "swap" and probed.other:
            made[SWAP] = fit_length(probed.other.sound, len(clip.sound))
        elif probe == "shift":
            made |= {shifted(frames): late(clip, frames).sound for frames in SHIFTS}
        elif probe == "noise":
            made |= _noises(clip, seed)
    return made


def others(clips: Sequence[Recording], seed: int) -> list[Recording | None]:
    """For each clip one of another speaker, of the same where there is no other; None for a single clip."""
    found: list[Recording | None] = []
    for clip in clips:
        rest = [each for each in clips if each.clip_id != clip.clip_id]
        foreign = [each for each in rest if each.speaker != clip.speaker] or rest
        found.append(random.Random(f"{seed} swap {clip.clip_id}").choice(foreign) if foreign else None)
    return found


def _noises(clip: Recording, seed: int) -> dict[str, Sound]:
    """White noise as loud as the speech, and the speech with noise that is softer."""
    chance = random.Random(f"{seed} noise {clip.clip_id}").getrandbits(32)
    level = float(np.sqrt(np.mean(np.square(clip.sound, dtype=np.float64))))
    noise = np.random.default_rng(chance).normal(0, level, len(clip.sound)).astype(np.float32)
    softer = np.float32(10 ** (-NOISE_DB / 20))
    return {NOISE: noise, NOISY: np.asarray(clip.sound + softer * noise, np.float32)}
