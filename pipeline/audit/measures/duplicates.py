"""Clips that are the same one twice: the same bytes, or the same face with the same sound."""

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
class Twins:
    """Two clips by their numbers, and how alike they sound; 1 = equal bytes."""

    first: int
    second: int
    likeness: float


def find(sha256: Sequence[str], signatures: Vectors, embeddings: Vectors, same_face: float) -> list[Twins]:
    """The pairs of clips that are alike, the most alike first.

    A hash covers the video, then its text: two names of one video may differ in that. Sounds are
    compared among faces that are less than `same_face` apart, so that a chance likeness counts for less.
    """
    same: dict[str, list[int]] = defaultdict(list)
    for number, content in enumerate(sha256):
        if video := content.partition(":")[0]:
            same[video].append(number)
    found = {(each[0], other): 1.0 for each in same.values() for other in each[1:]}
    for first, second, likeness in _alike(signatures):
        faces = [embeddings.get(number) for number in (first, second)]
        if faces[0] is not None and faces[1] is not None and np.linalg.norm(faces[0] - faces[1]) < same_face:
            found.setdefault((first, second), likeness)
    return sorted((Twins(*pair, each) for pair, each in found.items()), key=lambda twins: -twins.likeness)


def scores(twins: Sequence[Twins], count: int) -> npt.NDArray[np.float64]:
    """How alike each of `count` clips is to the one most like it; 0 for those that are like none."""
    found = np.zeros(count)
    for each in twins:
        for number in (each.first, each.second):
            found[number] = max(found[number], each.likeness)
    return found


def _alike(signatures: Vectors) -> list[tuple[int, int, float]]:
    if not signatures:
        return []
    numbers = np.array(list(signatures))
    vectors = np.stack(list(signatures.values()))
    found = []
    for begin in range(0, len(numbers), ROWS):
        likeness = vectors[begin : begin + ROWS] @ vectors[begin:].T
        # Flat, since a search in two dimensions takes several times as long.
        rows, columns = np.unravel_index(np.flatnonzero(likeness > ALIKE), likeness.shape)
        for first, second in zip(rows.tolist(), columns.tolist(), strict=True):
            # Each pair once, and no clip with itself.
            if first < second:
                pair = (int(numbers[begin + first]), int(numbers[begin + second]))
                found.append((*pair, float(likeness[first, second])))
    return found
