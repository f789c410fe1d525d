"""From embeddings to an offset and its confidence: the protocol of SyncNet, without a network."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from s2f.pipeline.core.windows import lag_in_words

Values = npt.NDArray[np.float64]
Codes = npt.NDArray[np.float32]

# Frames of a snippet, seconds of the sound that goes with it, and the offsets tried, in frames.
SNIPPET = 5
SOUND_SECONDS = 0.2
MOST = 15
# The fewest frames of a clip: so five pairs at least stand behind the distance at every offset.
LEAST_FRAMES = SNIPPET - 1 + MOST + 5


@dataclass(frozen=True)
class SyncScore:
    """By how many frames the sound comes late, negative if early, and how clearly that is seen.

    `distances` (31,) are the mean distances of picture and sound at the offsets -15 to 15. The offset
    is where they are least; the confidence is how far the least one lies under their median.
    """

    offset: int
    confidence: float
    distances: Values
    fps: Fraction

    @property
    def apart(self) -> int:
        """The frames that sound and picture are apart, late or early."""
        return abs(self.offset)

    @property
    def milliseconds(self) -> float:
        """By how much the sound comes late."""
        return float(1000 * self.offset / self.fps)

    def in_words(self) -> str:
        """The offset as a person says it."""
        return lag_in_words(self.offset, self.milliseconds)


def mean_distances(seen: Codes, heard: Codes) -> Values:
    """Mean distances (31,) of snippets (n, code) and the sounds (n, code) of the same moments; n > 15.

    At an offset o snippet i meets sound i + o, wherever there are both: where o is right, what is seen
    at one moment is heard o frames later.
    """
    return np.array([_mean_distance(seen, heard, offset) for offset in range(-MOST, MOST + 1)])


def judge(distances: Values, fps: Fraction) -> SyncScore:
    """The offset of mean distances (31,) and its confidence; of several clips take their mean first."""
    least = int(np.argmin(distances))
    confidence = float(np.median(distances) - distances[least])
    return SyncScore(least - MOST, confidence, distances, fps)


def _mean_distance(seen: Codes, heard: Codes, offset: int) -> float:
    early, late = max(0, -offset), max(0, offset)
    apart = seen[early : len(seen) - late] - heard[late : len(heard) - early]
    return float(np.linalg.norm(apart, axis=1).mean(dtype=np.float64))
