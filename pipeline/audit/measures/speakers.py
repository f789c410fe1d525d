"""Is it the same face in all clips of a speaker, and another one in those of others?"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Vectors = Mapping[int, npt.NDArray[np.float32]]

# The distance to a speaker is that to the nearest quarter of his clips, so that one wrong clip among
# them does not make the others wrong.
NEAREST = 0.25


@dataclass
class Identities:
    """How far each clip's face is from those of its speaker's other clips; nan where there is none.

    `like` names the other speaker that a clip looks like; `shared` are speakers with the same face.
    """

    distances: npt.NDArray[np.float64]
    like: dict[int, str] = field(default_factory=dict)
    shared: list[tuple[str, str]] = field(default_factory=list)


def compare(speaker: Sequence[str], embeddings: Vectors, same: float) -> Identities:
    """Compare faces, whose embeddings are less than `same` apart if they are of one person.

    `embeddings` are by the number of the clip, `speaker` has one name per clip. Where a speaker has two
    clips that disagree, and one of them looks like another speaker, that one is wrong, and the distance of
    the other is not known.
    """
    result = Identities(np.full(len(speaker), np.nan))
    groups: dict[str, list[int]] = defaultdict(list)
    for number in embeddings:
        groups[speaker[number]].append(number)
    stacked = {name: np.stack([embeddings[number] for number in numbers]) for name, numbers in groups.items()}
    middles = {name: np.median(vectors, axis=0) for name, vectors in stacked.items()}
    for name, numbers in groups.items():
        if len(numbers) < 2:
            continue
        apart = _between(stacked[name], stacked[name])
        from_others = apart[~np.eye(len(numbers), dtype=bool)].reshape(len(numbers), -1)
        result.distances[numbers] = np.quantile(from_others, NEAREST, axis=1)
        others = {each: middle for each, middle in middles.items() if each != name}
        for number in [number for number in numbers if result.distances[number] > same]:
            likely, distance = _nearest(embeddings[number], others)
            if distance < same:
                result.like[number] = likely
        named = [number for number in numbers if number in result.like]
        if len(numbers) == 2 and len(named) == 1:
            result.distances[[number for number in numbers if number not in result.like]] = np.nan
    agreeing = {
        name: middles[name]
        for name, numbers in groups.items()
        if not (result.distances[numbers] > same).any()
    }
    result.shared = _shared(agreeing, same)
    return result


def _shared(middles: Mapping[str, npt.NDArray[np.float32]], same: float) -> list[tuple[str, str]]:
    names = list(middles)
    if not names:
        return []
    stacked = np.stack(list(middles.values()))
    apart = _between(stacked, stacked)
    return [(names[one], names[other]) for one, other in np.argwhere(np.triu(apart < same, 1)).tolist()]


def _between(some: npt.NDArray[np.float32], others: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """The distances (n, m) between vectors (n, d) and (m, d)."""
    squares = np.square(some).sum(axis=1)[:, None] + np.square(others).sum(axis=1)
    return np.asarray(np.sqrt(np.maximum(squares - 2 * some.astype(np.float64) @ others.T, 0)))


def _nearest(
    vector: npt.NDArray[np.float32], others: Mapping[str, npt.NDArray[np.float32]]
) -> tuple[str, float]:
    distances = {name: float(np.linalg.norm(vector - middle)) for name, middle in others.items()}
    name = min(distances, key=lambda each: distances[each], default="")
    return name, distances.get(name, float("inf"))
