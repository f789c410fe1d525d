"""Clips that are in a set twice: with the same bytes, or the same face and the same recording of sound."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from s2f.pipeline.core.windows import Sound

Vectors = Mapping[int, npt.NDArray[np.float32]]
Marks = Mapping[int, npt.NDArray[np.int32]]
Pair = tuple[int, int]

# So many clips are compared with all others at a time: 33,000 take 130 MB.
ROWS = 1024
# Sounds that are less alike, or have fewer landmarks in common, are not looked at.
ALIKE, IN_COMMON = 0.85, 6
# Each mark is compared with so many equal ones; one that more clips have tells little.
COMMON = 64


@dataclass(frozen=True)
class DuplicatePair:
    """Two clips by their numbers, and how well their waveforms fit; 1 = equal bytes."""

    first: int
    second: int
    likeness: float


def pairs(
    sha256: Sequence[str],
    signatures: Vectors,
    landmarks: Marks,
    embeddings: Vectors,
    same_face: float,
    sound: Callable[[int], Sound | None],
) -> list[DuplicatePair]:
    """The pairs of clips that may be one recording, the most alike first.

    `sha256` is the hash of the video, a colon, the hash of its text; only the first counts. Sounds are
    compared only where the faces are less than `same_face` apart, and where a first look at signatures and
    landmarks finds them alike; `sound` gives a clip's for the second look, None where it cannot be read.
    """
    same: dict[str, list[int]] = defaultdict(list)
    for number, content in enumerate(sha256):
        if video := content.partition(":")[0]:
            same[video].append(number)
    found = {(each[0], other): 1.0 for each in same.values() for other in each[1:]}
    for pair in sorted({*_alike(signatures), *_in_common(landmarks)} - found.keys()):
        faces = [embeddings.get(number) for number in pair]
        if faces[0] is None or faces[1] is None or np.linalg.norm(faces[0] - faces[1]) >= same_face:
            continue
        first, second = map(sound, pair)
        if first is not None and second is not None:
            found[pair] = agreement(first, second)
    alike = [DuplicatePair(*pair, likeness) for pair, likeness in found.items()]
    return sorted(alike, key=lambda pair: -pair.likeness)


def agreement(first: Sound, second: Sound) -> float:
    """The greatest correlation of two sounds over all shifts at which half of the shorter one overlaps."""
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
    enough = (overlap >= min(count, other) / 2) & (energies[0] > 0) & (energies[1] > 0)
    if not enough.any():
        return 0.0
    return float((sums[enough] / np.sqrt(energies[0][enough] * energies[1][enough])).max())


def scores(alike: Sequence[DuplicatePair], count: int) -> npt.NDArray[np.float64]:
    """How alike each of `count` clips is to the one most like it; 0 for those that are like none."""
    likenesses = np.zeros(count)
    for pair in alike:
        for number in (pair.first, pair.second):
            likenesses[number] = max(likenesses[number], pair.likeness)
    return likenesses


def _alike(signatures: Vectors) -> Iterator[Pair]:
    if not signatures:
        return
    numbers = np.array(list(signatures))
    vectors = np.stack(list(signatures.values()))
    for begin in range(0, len(numbers), ROWS):
        likeness = vectors[begin : begin + ROWS] @ vectors[begin:].T
        # Flat, since a search in two dimensions takes several times as long.
        rows, columns = np.unravel_index(np.flatnonzero(likeness > ALIKE), likeness.shape)
        for first, second in zip(rows.tolist(), columns.tolist(), strict=True):
            # Each pair once, and no clip with itself.
            if first < second:
                yield int(numbers[begin + first]), int(numbers[begin + second])


def _in_common(landmarks: Marks) -> Iterator[Pair]:
    """The pairs of clips that have marks in common which are apart by the same time."""
    known = {number: marks for number, marks in landmarks.items() if len(marks)}
    if not known:
        return
    clips = np.concatenate([np.full(len(marks), number) for number, marks in known.items()])
    marks, times = np.concatenate(list(known.values())).T.astype(np.int64)
    order = np.argsort(marks, kind="stable")
    marks, times, clips = marks[order], times[order], clips[order]
    width = int(times.max()) + 2
    keys = []
    for step in range(1, COMMON):
        # Each mark with the one that stands `step` places after it, if that is the same.
        equal = np.flatnonzero(marks[step:] == marks[:-step])
        if not len(equal):
            break
        first, second = clips[equal], clips[equal + step]
        shift = (times[equal + step] - times[equal] + width) // 2
        other = first < second
        keys.append(((first[other] << 24 | second[other]) * 2 * width) + shift[other])
    if keys:
        found, counts = np.unique(np.concatenate(keys), return_counts=True)
        pairs = np.unique(found[counts >= IN_COMMON] // (2 * width))
        for pair in pairs.tolist():
            yield pair >> 24, pair & 0xFFFFFF
