"""Clips that are in a set twice: with the same bytes, or the same face and the same recording of sound."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import uniform_filter1d

from s2f.pipeline.core.windows import Sound

Vectors = Mapping[int, npt.NDArray[np.float32]]
Marks = Mapping[int, npt.NDArray[np.int32]]
Pair = tuple[int, int]

# Sounds with fewer landmarks in common are not looked at. Of 811 sentences of GRID 65 pairs have as many;
# copies have 10 at 12 kbit/s, and 15 to 200 else.
IN_COMMON = 8
# Each mark is compared with so many equal ones; one that more clips have tells little.
COMMON = 64
# The landmarks of so many clips are compared with all others at a time.
CLIPS = 256

# Waveforms are compared in the band of telephones, with all frequencies equally strong over so many Hz. As
# they are, hum and single vowels rule: then two sentences of a speaker agree by up to 0.72.
BAND, FLAT = (200.0, 3400.0), 200.0
# Where the overlap holds less of the energy of a sound, it tells nothing; nor does a part of it that holds
# less of what a part holds in the mean.
LEAST_ENERGY, LEAST_OF_PART = 0.1, 0.3
# One recording agrees in each of so many parts of the overlap; sentences of a synthetic voice that have words
# in common agree by up to 0.57 as a whole, but not in all parts.
PARTS = 6


@dataclass(frozen=True)
class DuplicatePair:
    """Two clips by their numbers, and how well their waveforms fit; 1 = equal bytes."""

    first: int
    second: int
    likeness: float


def pairs(
    sha256: Sequence[str],
    landmarks: Marks,
    embeddings: Vectors,
    same_face: float,
    sound: Callable[[int], tuple[Sound, int] | None],
) -> list[DuplicatePair]:
    """The pairs of clips that may be one recording, the most alike first.

    `sha256` is the hash of the video, a colon, the hash of its text; only the first counts. Sounds are
    compared only where the faces are less than `same_face` apart, and where a first look at landmarks finds
    them alike; `sound` gives a clip's and its rate for the second look, None where it cannot be read.
    """
    same: dict[str, list[int]] = defaultdict(list)
    for number, content in enumerate(sha256):
        if video := content.partition(":")[0]:
            same[video].append(number)
    found = {(each[0], other): 1.0 for each in same.values() for other in each[1:]}
    for pair in sorted({*_in_common(landmarks)} - found.keys()):
        faces = [embeddings.get(number) for number in pair]
        if faces[0] is None or faces[1] is None or np.linalg.norm(faces[0] - faces[1]) >= same_face:
            continue
        first, second = map(sound, pair)
        if first is not None and second is not None:
            found[pair] = agreement(whitened(*first), whitened(*second))
    alike = [DuplicatePair(*pair, likeness) for pair, likeness in found.items()]
    return sorted(alike, key=lambda pair: -pair.likeness)


def whitened(sound: Sound, rate: int) -> Sound:
    """A sound (samples,) whose frequencies are equally strong in BAND, and silent outside of it.

    What a room, a microphone, or a codec does to a whole recording is gone, and so is hum.
    """
    spectrum = np.fft.rfft(sound)
    frequencies = np.fft.rfftfreq(len(sound), 1 / rate)
    power = uniform_filter1d(np.square(np.abs(spectrum)), max(1, round(FLAT * len(sound) / rate)))
    heard = (frequencies > BAND[0]) & (frequencies < BAND[1]) & (power > 1e-12 * power.max())
    even = np.divide(spectrum, np.sqrt(power), out=np.zeros_like(spectrum), where=heard)
    return np.fft.irfft(even, len(sound)).astype(np.float32)


def agreement(first: Sound, second: Sound) -> float:
    """The correlation of two sounds in the part of their overlap where they agree least.

    They are laid over each other at the shift with the greatest correlation of all at which half of the
    shorter one overlaps.
    """
    count, other = len(first), len(second)
    size = 1 << (count + other - 1).bit_length()
    product = np.fft.rfft(first, size) * np.fft.rfft(second, size).conj()
    # At shift k, the second begins with sample k of the first.
    shifts = np.arange(-other + 1, count)
    sums = np.fft.irfft(product, size)[shifts]
    energies = []
    for sound, begin in ((first, shifts), (second, -shifts)):
        total = np.concatenate([[0.0], np.cumsum(np.square(sound, dtype=np.float64))])
        end = begin + (other if sound is first else count)
        energies.append(total[np.clip(end, 0, len(sound))] - total[np.clip(begin, 0, len(sound))])
    overlap = np.minimum(count, shifts + other) - np.maximum(0, shifts)
    least = [LEAST_ENERGY * np.square(sound, dtype=np.float64).sum() for sound in (first, second)]
    enough = (overlap >= min(count, other) / 2) & (energies[0] > least[0]) & (energies[1] > least[1])
    if not enough.any():
        return 0.0
    fits = np.where(enough, sums / np.sqrt(np.maximum(energies[0] * energies[1], 1e-12)), -1.0)
    shift, length = int(shifts[fits.argmax()]), int(overlap[fits.argmax()])
    return _least(first[max(0, shift) :][:length], second[max(0, -shift) :][:length])


def _least(first: Sound, second: Sound) -> float:
    """The least correlation of the parts of two sounds of equal length, of those in which both have sound."""
    parts = [np.array_split(sound.astype(np.float64), PARTS) for sound in (first, second)]
    energies = np.array([[np.square(part).sum() for part in each] for each in parts])
    products = np.array([part @ other for part, other in zip(*parts, strict=True)])
    heard = (energies > LEAST_OF_PART * energies.mean(axis=1, keepdims=True)).all(axis=0)
    if not heard.any():
        return 0.0
    return float((products[heard] / np.sqrt(energies.prod(axis=0)[heard])).min())


def scores(alike: Sequence[DuplicatePair], count: int) -> npt.NDArray[np.float64]:
    """How alike each of `count` clips is to the one most like it; 0 for those that are like none."""
    likenesses = np.zeros(count)
    for pair in alike:
        for number in (pair.first, pair.second):
            likenesses[number] = max(likenesses[number], pair.likeness)
    return likenesses


def _in_common(landmarks: Marks) -> Iterator[Pair]:
    """The pairs of clips that have marks in common which are apart by the same time."""
    known = {number: marks for number, marks in landmarks.items() if len(marks)}
    if not known:
        return
    clips = np.concatenate([np.full(len(marks), number) for number, marks in known.items()])
    marks, times = np.concatenate(list(known.values())).T.astype(np.int64)
    order = np.lexsort((clips, marks))
    marks, times, clips = marks[order], times[order], clips[order]
    ends = np.searchsorted(marks, marks, side="right")
    width = 2 * (int(times.max()) + 2)
    for begin in range(0, int(clips.max()) + 1, CLIPS):
        here = np.flatnonzero((clips >= begin) & (clips < begin + CLIPS))
        # Each mark with those that follow it, as far as they are the same.
        following = np.minimum(ends[here] - here - 1, COMMON)
        first = np.repeat(here, following)
        second = first + 1 + np.arange(len(first)) - np.repeat(np.cumsum(following) - following, following)
        other = clips[first] < clips[second]
        first, second = first[other], second[other]
        # Times are whole cells, so that two shifts of a cell's difference count as one.
        shifts = (times[second] - times[first] + width // 2) // 2
        found, counts = np.unique(((clips[first] << 24 | clips[second]) * width) + shifts, return_counts=True)
        for pair in np.unique(found[counts >= IN_COMMON] // width).tolist():
            yield pair >> 24, pair & 0xFFFFFF
