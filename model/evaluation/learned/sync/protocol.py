"""The protocol of SyncNet: from codes of pictures and sound to an offset and its confidence."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from s2f.pipeline.core.windows import lag_in_words

Values = npt.NDArray[np.float64]
Codes = npt.NDArray[np.float32]

# The frames of a snippet, the seconds of its sound, and the largest offset tried, in frames.
SNIPPET = 5
SOUND_SECONDS = 0.2
MOST = 15
# The fewest frames of a clip: the distance at every offset is then the mean of five pairs or more.
LEAST_FRAMES = SNIPPET - 1 + MOST + 5


@dataclass(frozen=True)
class SyncScore:
    """How many frames the sound is late, negative if early, and the confidence of that.

    `distances` (31,) are the mean distances of picture and sound at the offsets -15 to 15. The offset
    has the smallest distance; the confidence is how far this lies below the median.
    """

    offset: int
    confidence: float
    distances: Values
    fps: Fraction

    @property
    def apart(self) -> int:
        """By how many frames sound and picture are apart, late or early."""
        return abs(self.offset)

    @property
    def least(self) -> float:
        """The mean distance of picture and sound at the offset."""
        return float(self.distances.min())

    @property
    def milliseconds(self) -> float:
        """How late the sound is, in ms."""
        return float(1000 * self.offset / self.fps)

    def in_words(self) -> str:
        """The offset in a short sentence."""
        return lag_in_words(self.offset, self.milliseconds)


def mean_distances(seen: Codes, heard: Codes) -> Values:
    """Mean distances (31,) of snippets (n, code) and the sounds (n, code) of the same moments; n > 15.

    At offset o, snippet i is compared with sound i + o wherever both exist: if o is right, what is seen
    at one moment is heard o frames later.
    """
    return np.array([_mean_distance(seen, heard, offset) for offset in range(-MOST, MOST + 1)])


def offset_score(distances: Values, fps: Fraction) -> SyncScore:
    """The score for mean distances (31,); for several clips give the mean of theirs."""
    least = int(np.argmin(distances))
    confidence = float(np.median(distances) - distances[least])
    return SyncScore(least - MOST, confidence, distances, fps)


def _mean_distance(seen: Codes, heard: Codes, offset: int) -> float:
    early, late = max(0, -offset), max(0, offset)
    apart = seen[early : len(seen) - late] - heard[late : len(heard) - early]
    return float(np.linalg.norm(apart, axis=1).mean(dtype=np.float64))
