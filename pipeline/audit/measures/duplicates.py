"""Clips that are in a set twice: with the same bytes, or with the same face and the same sound."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Vectors = Mapping[int, npt.NDArray[np.float32]]

# So many clips are compared with all others at a time: 33,000 take 130 MB.
ROWS = 1024
# Less alike is not worth a note.
ALIKE = 0.85


@dataclass(frozen=True)
class DuplicatePair:
    """Two clips by their numbers, and how alike they sound; 1 = equal bytes."""

    first: int
    second: int
    likeness: float


def pairs(
    sha256: Sequence[str], signatures: Vectors, embeddings: Vectors, same_face: float
) -> list[DuplicatePair]:
    """The pairs of clips that are alike, the most alike first.

    `sha256` is the hash of the video, a colon, the hash of its text; only the first counts. Sounds are
    compared only where the faces are less than `same_face` apart: unlike sentences may sound alike by chance.
    """
    same: dict[str, list[int]] = defaultdict(list)
    for number, content in enumerate(sha256):
        if video := content.partition(":")[0]:
            same[video].append(number)
    likenesses = {(each[0], other): 1.0 for each in same.values() for other in each[1:]}
    for first, second, likeness in _alike(signatures):
        faces = [embeddings.get(number) for number in (first, second)]
        if faces[0] is not None and faces[1] is not None and np.linalg.norm(faces[0] - faces[1]) < same_face:
            likenesses.setdefault((first, second), likeness)
    alike = [DuplicatePair(*pair, likeness) for pair, likeness in likenesses.items()]
    return sorted(alike, key=lambda pair: -pair.likeness)


def scores(alike: Sequence[DuplicatePair], count: int) -> npt.NDArray[np.float64]:
    """How alike each of `count` clips is to the one most like it; 0 for those that are like none."""
    likenesses = np.zeros(count)
    for pair in alike:
        for number in (pair.first, pair.second):
            likenesses[number] = max(likenesses[number], pair.likeness)
    return likenesses


def _alike(signatures: Vectors) -> list[tuple[int, int, float]]:
    if not signatures:
        return []
    numbers = np.array(list(signatures))
    vectors = np.stack(list(signatures.values()))
    alike = []
    for begin in range(0, len(numbers), ROWS):
        likeness = vectors[begin : begin + ROWS] @ vectors[begin:].T
        # Flat, since a search in two dimensions takes several times as long.
        rows, columns = np.unravel_index(np.flatnonzero(likeness > ALIKE), likeness.shape)
        for first, second in zip(rows.tolist(), columns.tolist(), strict=True):
            # Each pair once, and no clip with itself.
            if first < second:
                pair = (int(numbers[begin + first]), int(numbers[begin + second]))
                alike.append((*pair, float(likeness[first, second])))
    return alike
