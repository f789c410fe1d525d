# ruff: noqa: RUF001 - letters of the IPA look like others
"""Phonemes to the opening and the width of the mouth over time."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from s2f.pipeline.demo.speech import Speech

Track = npt.NDArray[np.float64]

# Letters of the IPA: opening in [0, 1], width from -1 (rounded) to 1 (spread), and the weight of the target.
VISEMES: dict[str, tuple[float, float, float]] = {
    letter: target
    for letters, target in {
        "pbm": (0.0, 0.0, 5.0),
        "fv": (0.05, 0.2, 3.0),
        "w": (0.15, -1.0, 1.5),
        "uʉ": (0.25, -1.0, 1.0),
        "ʊ": (0.3, -0.7, 1.0),
        "oɔɒ": (0.6, -0.7, 1.0),
        "aɑɐʌ": (1.0, 0.0, 1.0),
        "æ": (0.9, 0.4, 1.0),
        "eɛ": (0.65, 0.5, 1.0),
        "iy": (0.3, 1.0, 1.0),
        "ɪ": (0.35, 0.6, 1.0),
        "əɜɚ": (0.4, 0.0, 0.8),
        "tdnszl": (0.1, 0.3, 0.7),
        "θð": (0.15, 0.1, 0.7),
        "ʃʒ": (0.15, -0.7, 1.0),
        "ɹrɾ": (0.2, -0.5, 0.7),
        "kgɡŋhjʔxç": (0.2, 0.1, 0.5),
    }.items()
    for letter in letters
}
# The constant weight of a closed mouth: it closes where no letter is near.
REST = 0.06


@dataclass(frozen=True)
class _Target:
    opening: float
    width: float
    strength: float
    time: float
    spread: float


def mouth_track(speech: Speech, times: Track) -> tuple[Track, Track]:
    """The opening in [0, 1] and the width in [-1, 1] at `times`, in seconds of the speech, (n,) each.

    The mouth is at the weighted mean of the targets of all letters. The weight of a letter is
    bell-shaped in time around its middle, so neighbours blend into each other.
    """
    total = np.full(times.shape, REST)
    opening, width = np.zeros(times.shape), np.zeros(times.shape)
    for target in _targets(speech):
        pull = target.strength * np.exp(-0.5 * np.square((times - target.time) / target.spread))
        total += pull
        opening += pull * target.opening
        width += pull * target.width
    return opening / total, width / total


def _targets(speech: Speech) -> list[_Target]:
    """A target per letter. The letters of a phoneme, such as a diphthong, share its time equally."""
    targets = []
    for phoneme in speech.phonemes:
        letters = [letter for letter in phoneme.label if letter in VISEMES]
        share = (phoneme.end - phoneme.start) / max(len(letters), 1)
        for index, letter in enumerate(letters):
            # espeak starts p and b at the burst, but the lips are closed just before it.
            place = -0.01 if letter in "pb" else (index + 0.5) * share
            spread = 0.035 if letter in "pb" else max(0.36 * share, 0.026)
            targets.append(_Target(*VISEMES[letter], phoneme.start + place, spread))
    return targets
