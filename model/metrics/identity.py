"""Does the face stay that of the photo? Measured between the embeddings of dlib's ResNet."""

import numpy as np

from s2f.model.metrics import Frames
from s2f.pipeline.faces.identity import Embedding

# Frames of a video that are embedded: one takes as long as all other measures of ten frames.
LOOKS = 5


def sampled(video: Frames) -> Frames:
    """Five frames, evenly spread over a video from after its first frame to its last one."""
    return np.asarray(video[np.linspace(0, len(video) - 1, LOOKS + 1).round().astype(int)[1:]])


def acd(video: Embedding, still: Embedding) -> float:
    """Average content distance: the mean Euclidean distance of frames (n, 128) from a still frame (128,).

    After Tulyakov et al. 2018 and Vougioukas et al. 2018, who take other embeddings: figures compare
    within one implementation only. Frames whose embedding is nan do not count; nan where none has one, or
    the still frame has none.
    """
    return _mean(np.linalg.norm(video - still, axis=1))


def csim(video: Embedding, still: Embedding) -> float:
    """Mean cosine between the embeddings of frames (n, 128) and of a still frame (128,), -1 to 1.

    After Zakharov et al. 2019, who take ArcFace: figures compare within one implementation only. nan as in
    `acd`.
    """
    return _mean((video @ still) / (np.linalg.norm(video, axis=1) * np.linalg.norm(still)))


def _mean(values: Embedding) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean(dtype=np.float64)) if len(known) else float("nan")
