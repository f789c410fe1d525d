"""How a face is turned and how it moves, by its landmarks; and whose it is."""

import numpy as np

from s2f.pipeline.audit.measures.video import Frames
from s2f.pipeline.faces import identity, mouth
from s2f.pipeline.faces.base import STABLE, Backend, Points

# The tip of the nose lies so far before the outer corners of the eyes, and below them, in distances between
# these: the second is the median of GRID's speakers, the first follows from common proportions of faces.
NOSE_DEPTH, NOSE_DROP = 0.45, 0.40


def of_track(points: Points) -> dict[str, float]:
    """The measures of the 68 points (n, 68, 2) in the source; angles are in degrees, and rough.

    The tip of the nose lies before the plane of the eyes, so it moves against their middle when the head
    turns.
    """
    eyes = points[:, 45] - points[:, 36]
    apart = np.linalg.norm(eyes, axis=1)
    along = eyes / apart[:, None]
    down = np.stack([-along[:, 1], along[:, 0]], axis=1)
    nose = (points[:, 30] - (points[:, 36] + points[:, 45]) / 2) / apart[:, None]
    aside, below = (float(np.median((nose * axis).sum(axis=1))) for axis in (along, down))
    tremor = (
        np.linalg.norm(np.diff(points[:, STABLE], 2, axis=0), axis=-1) if len(points) > 2 else np.zeros(1)
    )
    open_least, open_most = np.percentile(mouth.relative_opening(points), [5, 95])
    return {
        "yaw": float(np.degrees(np.arcsin(np.clip(aside / NOSE_DEPTH, -1, 1)))),
        "pitch": float(np.degrees(np.arcsin(np.clip((below - NOSE_DROP) / NOSE_DEPTH, -1, 1)))),
        "roll": float(np.median(np.degrees(np.arctan2(eyes[:, 1], eyes[:, 0])))),
        "jitter": float(100 * tremor.mean() / apart.mean()),
        "mouth_range": float(100 * (open_most - open_least)),
    }


def one_embedding(frames: Frames, backend: Backend) -> list[float] | None:
    """The embedding of the middle frame, or where no face is seen there, of another; None where in none.

    One frame is enough: the embeddings of two frames of a clip differ much less than those of two people.
    """
    for place in (2, 1, 3):
        embedding = identity.embed(frames[[place * len(frames) // 4]], backend)[0]
        if np.isfinite(embedding).all():
            found: list[float] = embedding.tolist()
            return found
    return None
